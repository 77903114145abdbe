"""A backend behind a host has the same methods, and behaves in the same way."""

from __future__ import annotations

import copy
import os

import pytest

from tests.core.host_guests import Guest
from xy_core.core.config import HostedConfig
from xy_core.core.errors import WorkerUnavailable
from xy_core.core.host_proxy import HostedBackend, make_backend


def test_by_default_a_backend_lives_here():
    made = make_backend(Guest, "here", name="guest", config=HostedConfig())
    assert type(made) is Guest
    assert made.pid() == os.getpid()


def test_a_hosted_backend_has_the_methods_of_its_class():
    made = make_backend(Guest, "there", name="guest", config=HostedConfig(isolation="process"))
    assert isinstance(made, HostedBackend)
    with pytest.raises(WorkerUnavailable, match="'guest' is not running: load it"):
        made.pid()
    made.load()
    made.load()
    try:
        assert made.facts() == ("there", 1)
        assert made.pid() == made.host.pid != os.getpid()
        assert made.echo(method=3) == {"method": 3}
        assert list(made.count(3)) == [0, 1, 2]
        got: list[int] = []
        made.hand_over(got.append, 1, 2)
        assert got == [1, 2]
        with pytest.raises(ZeroDivisionError):
            made.hand_over(lambda _: 1 / 0, 1, 2)
        assert made.host.restarts == 0
    finally:
        made.close()
    made.close()
    assert made.host.pid is None


def test_what_is_no_method_cannot_be_reached():
    made = make_backend(Guest, name="guest", config=HostedConfig(isolation="process"))
    for name in ("nothing", "name", "_private", "__len__"):
        assert not hasattr(made, name)
    with pytest.raises(TypeError):
        copy.deepcopy(made)


@pytest.mark.parametrize("value", ["thread", "", None])
def test_unknown_ways_of_isolation_are_refused(value):
    with pytest.raises(ValueError, match="isolation"):
        HostedConfig(isolation=value)
