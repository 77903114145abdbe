"""The bus benchmark on few events: every contender really carries all of them."""

from __future__ import annotations

import asyncio
import json

import pytest

from xy_core.bench import bus, buses


@pytest.mark.parametrize("name", ["xy_core", "queues", "pyee", "bubus"])
@pytest.mark.parametrize("subscribers", [1, 3])
def test_a_contender_carries_every_event_to_every_subscriber(name, subscribers):
    if name not in buses.available():
        pytest.skip(f"{name} is not installed")
    carry, _ = buses.available()[name]
    assert asyncio.run(carry(120, subscribers)) > 0  # it returns once all have arrived


def test_an_audience_is_complete_with_the_last_event_of_the_last_subscriber():
    async def main() -> None:
        audience = buses.Audience(1, 2)
        first, second = audience.handler(), audience.handler()
        assert first.__name__ != second.__name__
        await first(None)
        assert not audience._complete.is_set()
        await second(None)
        await audience.complete()

    asyncio.run(main())


def test_it_holds_each_number_of_subscribers_against_each_peer(monkeypatch):
    original = bus._runs
    monkeypatch.setattr(bus, "_SUBSCRIBERS", (1, 2))
    two = {name: buses.available()[name] for name in ("xy_core", "queues")}
    monkeypatch.setattr(bus, "available", lambda: two)
    monkeypatch.setattr(bus, "_runs", lambda _all, subs: original(20, subs))
    result = bus.run(quick=True, progress=lambda _: None)
    assert set(result.rows) == {"xy_core_1", "queues_1", "xy_core_2", "queues_2"}
    checks = {check.name: check for check in result.checks}
    assert checks["vs_queues_2"].value > 0
    assert checks["vs_pyee_2"].passed is None  # not there, so not judged
    json.dumps(result.as_json())
