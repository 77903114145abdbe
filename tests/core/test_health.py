"""The report tells of everything."""

from __future__ import annotations

import asyncio
import json

from tests.core.recorder import QUICK, Recorder, raises
from xy_core.core.engine import CoreEngine, ModuleChanged
from xy_core.core.events import EventBus
from xy_core.core.module import HealthStatus
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.watchdog import LoopWatchdog


async def test_the_report_tells_of_everything_in_plain_json(config, offer):
    async def work(self: Recorder) -> None:
        await self.context.scheduler.run(asyncio.sleep, 0, name="good.sleep")

    offer("good", start=work, publishes=(ModuleChanged,))
    offer("bad", start=raises(LookupError("broken")))
    engine = CoreEngine(
        scheduler=GlobalTaskScheduler(config()),
        bus=EventBus(),
        sections={},
        config=QUICK,
        watchdog=LoopWatchdog(),
    )
    async with engine:
        await engine.load_modules(["good", "bad"])
        report = await engine.report()
        told = json.loads(json.dumps(report.as_json()))
    assert told["status"] == "degraded"
    assert told["modules"]["good"]["status"] == "ready"
    assert told["modules"]["good"]["usage"]["tasks"]["completed"] == 1
    assert told["modules"]["good"]["restarts"] == 0
    assert told["modules"]["good"]["publishes"] == ["engine.module_changed"]
    assert "broken" in told["modules"]["bad"]["detail"]
    assert told["lanes"]["default"]["ended"]["completed"] == 1
    assert told["devices"]["cpu"]["slots"] == 2
    assert told["topics"]["engine"]["published"] == 2
    assert told["loop_lag"]["count"] >= 0
    assert told["blockers"] == []


async def test_a_program_without_modules_is_ready(engine):
    report = await engine.report()
    assert report.status is HealthStatus.READY
    assert report.as_json()["loop_lag"] is None
