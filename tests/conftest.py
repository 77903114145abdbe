"""What all tests share."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import platformdirs
import pytest
from hypothesis import settings

from xy_core.core.config import DeviceConfig, LaneConfig, SchedulerConfig
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.models import ModelStore

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

SAMPLES = Path(__file__).parents[1] / "samples"


def pytest_configure() -> None:
    """Take Ctrl-C, so that children do: a shell's background job starts with it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def model_store() -> ModelStore:
    """The real models of the embedded profile; fetched on first use."""
    root = os.environ.get("XY_MODELS__ROOT")
    store = ModelStore(Path(root) if root else platformdirs.user_data_path("xy-core") / "models")
    for entry in store.catalogue.profile("embedded"):
        asyncio.run(store.pull(entry.id))
    return store


@pytest.fixture
async def scheduler():
    """A running scheduler with small lanes."""
    config = SchedulerConfig(
        cpu=LaneConfig(min_workers=2, max_workers=2), devices=(DeviceConfig(name="cpu"),)
    )
    async with GlobalTaskScheduler(config) as running:
        yield running


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of sample inputs."""
    return SAMPLES
