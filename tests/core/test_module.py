"""What every module has without doing anything for it."""

from __future__ import annotations

import pytest

from xy_core.core.config import StrictModel
from xy_core.core.errors import DependencyError
from xy_core.core.events import EventBus
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.scheduler import GlobalTaskScheduler


class Nothing(StrictModel):
    pass


class Small(Module[Nothing]):
    name = "small"
    config_model = Nothing

    async def initialize(self) -> None: ...

    async def stop(self) -> None: ...


class Store:
    pass


class BetterStore(Store):
    pass


@pytest.fixture
def context() -> ModuleContext:
    return ModuleContext(GlobalTaskScheduler(), EventBus(), {Store: BetterStore()})


async def test_a_module_is_ready_unless_it_says_otherwise(context):
    module = Small(context, Nothing())
    await module.start()
    assert await module.health() == ModuleHealth(HealthStatus.READY)
    assert module.requires == ()


def test_a_module_without_initialize_and_stop_cannot_be_made(context):
    class Unfinished(Module[Nothing]):
        name = "unfinished"
        config_model = Nothing

    with pytest.raises(TypeError, match="abstract"):
        Unfinished(context, Nothing())


def test_resources_are_looked_up_by_type(context):
    assert isinstance(context.resource(Store), BetterStore)
    with pytest.raises(DependencyError, match="BetterStore"):
        context.resource(BetterStore)


def test_a_resource_of_the_wrong_type_is_as_none():
    context = ModuleContext(GlobalTaskScheduler(), EventBus(), {Store: "not a store"})
    with pytest.raises(DependencyError, match="Store"):
        context.resource(Store)
