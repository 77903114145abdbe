"""The leak benchmark on few tasks: every kind of task really runs."""

from __future__ import annotations

import json

from xy_core.bench import leak
from xy_core.core.scheduler import GlobalTaskScheduler


async def test_a_batch_has_every_fate_and_every_lane():
    async with GlobalTaskScheduler() as scheduler:
        await leak._batch(scheduler)
        ended = {name: lane.ended for name, lane in scheduler.statistics().items()}
    assert ended["default"]["failed"] == 1
    assert ended["default"]["timed_out"] == 2
    assert ended["default"]["cancelled"] >= 1  # the stream may have ended before it was closed
    assert ended["cpu"]["completed"] == ended["device:cpu"]["completed"] == 1
    assert sum(sum(lane.values()) for lane in ended.values()) == leak._BATCH


def test_it_says_what_grew(monkeypatch):
    monkeypatch.setattr(leak, "_WARM_UP", 1_000)
    result = leak.run(tasks=1_000, progress=lambda _: None)
    assert {check.name for check in result.checks} == {"rss_growth_mb", "tracked_objects_growth"}
    assert result.rows["tasks"] == {"count": 1_000}
    json.dumps(result.as_json())
