"""The pauses between restarts."""

from __future__ import annotations

import pytest

from xy_core.core import host_restarts
from xy_core.core.config import HostConfig
from xy_core.core.host_restarts import RestartPolicy


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(host_restarts, "time", clock)
    monkeypatch.setattr(host_restarts.random, "uniform", lambda _, most: most)
    return clock


@pytest.mark.usefixtures("clock")
def test_pauses_double_up_to_ten_seconds_and_then_it_rests():
    policy = RestartPolicy(HostConfig(backoff=1.0, max_restarts=6, window=60))
    assert [policy.pause() for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    assert not policy.resting
    assert policy.pause() == 60
    assert policy.resting


def test_crashes_are_forgotten_after_the_window(clock):
    policy = RestartPolicy(HostConfig(backoff=1.0, max_restarts=1, window=60))
    assert [policy.pause(), policy.pause()] == [1, 60]
    clock.now += 61
    assert policy.pause() == 1
    assert not policy.resting
