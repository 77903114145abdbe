"""Loading, failing, watching and stopping modules."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
from typing import Any

import pytest
from pydantic import BaseModel

from tests.core.recorder import QUICK, Offer, Recorder, Section, hang, raises
from xy_core.core.config import JournalConfig
from xy_core.core.durable import DurableTasks
from xy_core.core.engine import CoreEngine, ModuleChanged, installed_modules
from xy_core.core.errors import (
    ConfigError,
    DependencyError,
    ModelNotInstalledError,
    ModuleError,
    ModuleUnavailable,
    SchedulerClosed,
    UnknownModuleError,
)
from xy_core.core.events import EventBus
from xy_core.core.module import HealthStatus, ModuleHealth
from xy_core.core.periodic import PeriodicTasks
from xy_core.core.schedule import Every
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.subscription import Overflow

# -- loading ---------------------------------------------------------------------------------


async def test_modules_start_after_what_they_require_and_stop_before_it(config, offer, calls):
    offer("agent", "llm", "memory")
    offer("memory", "store")
    offer("llm", "store")
    offer("store")
    engine = CoreEngine(scheduler=GlobalTaskScheduler(config()), bus=EventBus(), sections={})
    async with engine:
        await engine.load_modules(["agent"])
        assert set(await engine.health()) == {"agent", "llm", "memory", "store"}
    started = [call.split()[1] for call in calls if call.startswith("start")]
    stopped = [call.split()[1] for call in calls if call.startswith("stop")]
    assert started[0] == "store"
    assert started[-1] == "agent"
    assert stopped == list(reversed(started))


async def test_modules_that_do_not_need_each_other_load_at_once(engine, offer):
    met = asyncio.Barrier(2)

    async def meet(_self: Recorder) -> None:
        await met.wait()

    offer("a", initialize=meet)
    offer("b", initialize=meet)
    await engine.load_modules(["a", "b"])
    assert {health.status for health in (await engine.health()).values()} == {HealthStatus.READY}


async def test_modules_that_require_each_other_are_refused(engine, offer, calls):
    offer("a", "b")
    offer("b", "c")
    offer("c", "a")
    with pytest.raises(DependencyError, match=r"a.*b|b.*c|c.*a"):
        await engine.load_modules(["a"])
    assert calls == []


@pytest.mark.parametrize("wanted", ["speech", "voice"])
async def test_an_unknown_module_is_refused_with_those_there_are(engine, offer, wanted):
    offer("llm")
    offer("voice", "speech")
    with pytest.raises(UnknownModuleError, match=r"'speech'.*llm, voice"):
        await engine.load_modules([wanted])


async def test_a_module_gets_its_section_and_its_resources(config, offer):
    offer("plain")
    offer("typed")
    offer("default")
    engine = CoreEngine(
        scheduler=GlobalTaskScheduler(config()),
        bus=EventBus(),
        sections={"plain": {"size": 2}, "typed": Section(size=3)},
        resources={dict: {"key": "value"}},
    )
    async with engine:
        await engine.load_modules(["plain", "typed", "default"])
        sizes = [engine.get(name).config.size for name in ("plain", "typed", "default")]
        assert sizes == [2, 3, 1]
        context = engine.get("plain").context
        assert context.resource(dict) == {"key": "value"}
        with pytest.raises(DependencyError, match="no list"):
            context.resource(list)


async def test_a_section_that_does_not_fit_fails_its_module_only(config, offer):
    offer("bad")
    offer("good")
    sections: dict[str, BaseModel | dict[str, Any]] = {"bad": {"size": "large"}}
    engine = CoreEngine(scheduler=GlobalTaskScheduler(config()), bus=EventBus(), sections=sections)
    async with engine:
        await engine.load_modules(["bad", "good"])
        assert engine.get("good")
        with pytest.raises(ModuleUnavailable, match=r"section \[bad\]") as caught:
            engine.get("bad")
        assert isinstance(caught.value.__cause__, ConfigError)


# -- failing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["initialize", "start"])
async def test_a_failing_module_is_rolled_back_and_the_others_run(engine, offer, calls, phase):
    offer("bad", **{phase: raises(ModelNotInstalledError("whisper"))})
    offer("needs_bad", "bad")
    offer("good")
    await engine.load_modules(["needs_bad", "good"])
    health = await engine.health()
    assert health["good"].status is HealthStatus.READY
    assert health["bad"].status is HealthStatus.FAILED
    assert "models pull whisper" in health["bad"].detail
    assert "requires bad" in health["needs_bad"].detail
    assert "stop bad" in calls
    assert "initialize needs_bad" not in calls
    with pytest.raises(ModuleUnavailable) as caught:
        engine.get("bad")
    assert caught.value.exit_code == 2


def test_a_module_that_hangs_at_its_start_fails_in_time(jump, config, offer):
    async def main() -> None:
        engine = CoreEngine(
            scheduler=GlobalTaskScheduler(config()), bus=EventBus(), sections={}, config=QUICK
        )
        offer("slow", initialize=hang)
        async with engine:
            loop = asyncio.get_running_loop()
            before = loop.time()
            await engine.load_modules(["slow"])
            assert loop.time() - before == pytest.approx(QUICK.initialize_timeout)
            assert "in time" in (await engine.health())["slow"].detail

    jump(main())


async def test_a_module_that_cannot_be_imported_leaves_the_others_running(engine, offer):
    def broken() -> None:
        raise ImportError("No module named 'left_out'")

    offer.offers["broken"] = Offer(broken)
    offer("needs_broken", "broken")
    offer("good")
    await engine.load_modules(["needs_broken", "good"])
    health = await engine.health()
    assert health["good"].status is HealthStatus.READY
    assert "left_out" in health["broken"].detail
    assert "requires broken" in health["needs_broken"].detail


async def test_a_failed_module_can_be_loaded_again(engine, offer):
    offer("llm", initialize=raises(ModelNotInstalledError("smollm2")))
    with pytest.raises(ModuleUnavailable, match="smollm2"):
        await engine.load_module("llm")
    offer("llm")
    await engine.load_module("llm")
    assert (await engine.health())["llm"].status is HealthStatus.READY


async def test_a_failed_module_that_is_unloaded_is_forgotten(engine, offer):
    offer("llm", start=raises(LookupError("broken")))
    await engine.load_modules(["llm"])
    await engine.unload_module("llm")
    assert await engine.health() == {}


# -- at run time -----------------------------------------------------------------------------


async def test_unloading_takes_the_dependants_along_and_nothing_else(engine, offer, calls):
    offer("store")
    offer("memory", "store")
    offer("agent", "memory")
    offer("voice")
    await engine.load_modules(["agent", "voice"])
    await engine.unload_module("store")
    assert calls[-3:] == ["stop agent", "stop memory", "stop store"]
    assert set(await engine.health()) == {"voice"}
    with pytest.raises(ModuleUnavailable, match="not loaded"):
        engine.get("memory")


async def test_loading_what_is_loaded_changes_nothing(engine, offer, calls):
    offer("llm")
    first = await engine.load_module("llm")
    assert await engine.load_module("llm") is first
    assert calls == ["initialize llm", "start llm"]


async def test_loading_twice_at_the_same_time_loads_once(engine, offer, calls):
    offer("llm")
    first, second = await asyncio.gather(engine.load_module("llm"), engine.load_module("llm"))
    assert first is second
    assert calls == ["initialize llm", "start llm"]


async def test_reloading_brings_the_dependants_back(engine, offer):
    offer("store")
    offer("memory", "store")
    await engine.load_modules(["memory"])
    before = engine.get("memory")
    await engine.reload_module("store")
    assert engine.get("memory") is not before


async def test_a_module_can_be_asked_for_by_its_class(engine, offer):
    offer("llm")
    module = await engine.load_module("llm")
    assert engine.module(type(module)) is module
    other = type("Other", (Recorder,), {"name": "llm"})
    with pytest.raises(ModuleUnavailable, match="not a Other"):
        engine.module(other)


async def test_changes_are_announced_on_the_bus(engine, offer):
    offer("good")
    offer("bad", start=raises(LookupError("broken")))
    async with engine.bus.subscribe(ModuleChanged) as changes:
        await engine.load_modules(["good"])
        await engine.load_modules(["bad"])
        await engine.unload_module("good")
        seen = [await anext(changes) for _ in range(3)]
    assert [(change.module, change.status.value) for change in seen] == [
        ("good", "ready"),
        ("bad", "failed"),
        ("good", "stopped"),
    ]
    assert "broken" in seen[1].detail


async def test_a_listener_that_does_not_listen_holds_nothing_up(engine, offer):
    offer("a")
    offer("b")
    async with engine.bus.subscribe(ModuleChanged, queue_size=1, overflow=Overflow.BLOCK):
        async with asyncio.timeout(5):
            await engine.load_modules(["a", "b"])
        assert engine.get("b")


# -- health ----------------------------------------------------------------------------------


def test_a_sick_module_does_not_hide_the_others(jump, config, offer):
    async def well(_self: Recorder) -> ModuleHealth:
        return ModuleHealth(HealthStatus.DEGRADED, "small model", {"model": "tiny"})

    async def main() -> None:
        engine = CoreEngine(
            scheduler=GlobalTaskScheduler(config()), bus=EventBus(), sections={}, config=QUICK
        )
        offer("silent", health=hang)
        offer("raising", health=raises(LookupError("lost")))
        offer("well", health=well)
        async with engine:
            await engine.load_modules(["silent", "raising", "well"])
            health = await engine.health()
        assert health["silent"] == ModuleHealth(HealthStatus.FAILED, "it did not answer in time")
        assert health["raising"].status is HealthStatus.FAILED
        assert health["well"].facts == {"model": "tiny"}

    jump(main())


# -- stopping --------------------------------------------------------------------------------


def test_shutdown_is_bounded_whatever_modules_and_tasks_do(jump, config, offer, calls):
    async def main() -> float:
        engine = CoreEngine(
            scheduler=GlobalTaskScheduler(config()), bus=EventBus(), sections={}, config=QUICK
        )
        offer("hanging", stop=hang)
        offer("raising", stop=raises(LookupError("lost")))
        offer("good")
        async with engine:
            await engine.load_modules(["good", "hanging", "raising"])
            engine.scheduler.submit(asyncio.Event().wait)
            before = asyncio.get_running_loop().time()
        with pytest.raises(SchedulerClosed):
            engine.scheduler.submit(asyncio.Event().wait)
        return asyncio.get_running_loop().time() - before

    assert jump(main()) <= QUICK.stop_timeout + QUICK.drain_timeout + 3.0
    assert "stop good" in calls


async def test_an_error_in_the_program_still_stops_everything(config, offer, calls):
    offer("good")
    engine = CoreEngine(scheduler=GlobalTaskScheduler(config()), bus=EventBus(), sections={})

    async def program() -> None:
        async with engine:
            await engine.load_modules(["good"])
            raise LookupError("in the program")

    with pytest.raises(LookupError):
        await program()
    assert calls[-1] == "stop good"


async def test_a_stop_that_is_cancelled_still_stops_everything(config, offer, calls):
    stopping = asyncio.Event()

    async def hang_when_stopped(_self: Recorder) -> None:
        stopping.set()
        await asyncio.Event().wait()

    offer("good")
    offer("hanging", stop=hang_when_stopped)
    engine = CoreEngine(scheduler=GlobalTaskScheduler(config()), bus=EventBus(), sections={})
    await engine.__aenter__()
    await engine.load_modules(["good"])
    await engine.load_modules(["hanging"])
    stop = asyncio.create_task(engine.stop())
    await stopping.wait()
    stop.cancel()
    await asyncio.wait({stop})
    assert stop.cancelled()
    assert calls[-1] == "stop good"
    with pytest.raises(SchedulerClosed):
        engine.scheduler.submit(asyncio.Event().wait)


PROGRAM = """
    import asyncio, os, signal, sys, threading
    from xy_core.core.config import EngineConfig
    from xy_core.core.engine import CoreEngine
    from xy_core.core.events import EventBus
    from xy_core.core.scheduler import GlobalTaskScheduler
    from xy_core.core.task import TaskType

    def deaf():
        print("ready", flush=True)
        threading.Event().wait()

    async def main():
        running = asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        engine = CoreEngine(
            scheduler=GlobalTaskScheduler(), bus=EventBus(), sections={},
            config=EngineConfig(stop_timeout=0.1, drain_timeout=0.1),
        )
        try:
            async with engine:
                engine.scheduler.submit(deaf, task_type=TaskType.CPU_BOUND)
                await asyncio.Event().wait()
        finally:
            print("stopped", flush=True)
            os._exit(0)

    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_signal_stops_a_program_in_bounded_time_though_a_thread_is_deaf(number):
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)], stdout=subprocess.PIPE, text=True
    ) as program:
        try:
            assert program.stdout.readline() == "ready\n"
            program.send_signal(number)
            assert program.wait(timeout=20) == 0
            assert program.stdout.read() == "stopped\n"
        finally:
            program.kill()


# -- entry points ----------------------------------------------------------------------------


async def test_a_module_of_another_package_is_found_and_loaded(tmp_path, monkeypatch, config):
    (tmp_path / "other_package.py").write_text(
        textwrap.dedent("""
            from pydantic import BaseModel
            from xy_core.core.module import Module

            class Config(BaseModel):
                greeting: str = "hello"

            class Other(Module[Config]):
                name = "other"
                config_model = Config

                async def initialize(self): ...
                async def stop(self): ...
        """)
    )
    info = tmp_path / "other_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[xy_core.modules]\nother = other_package:Other\n")
    monkeypatch.syspath_prepend(tmp_path)
    engine = CoreEngine(
        scheduler=GlobalTaskScheduler(config()),
        bus=EventBus(),
        sections={"other": {"greeting": "你好"}},
    )
    async with engine:
        module = await engine.load_module("other")
        assert module.config.greeting == "你好"


def with_journal(config, path, **journal: Any) -> CoreEngine:
    return CoreEngine(
        scheduler=GlobalTaskScheduler(config()),
        bus=EventBus(),
        sections={},
        config=QUICK,
        journal=JournalConfig(path=path, **journal),
    )


async def test_modules_have_durable_and_periodic_tasks_that_outlive_the_engine(
    config, offer, tmp_path
):
    path = tmp_path / "journal.db"
    seen: list[int] = []

    async def send(number: int) -> None:
        seen.append(number)

    async def start(self: Recorder) -> None:
        await self.context.resource(DurableTasks).register("mailer.send", send)
        periodic = self.context.resource(PeriodicTasks)
        await periodic.add("hourly", "mailer.send", Every(3_600), arguments={"number": 1})

    offer("mailer", start=start)
    async with with_journal(config, path) as first:
        task = await first.durable.submit("mailer.send", {"number": 7})
    with pytest.raises(SchedulerClosed, match="after the next start"):
        await task
    async with with_journal(config, path) as second:
        await second.load_module("mailer")
        await (await second.durable.task(task.task_id))
        assert list(await second.periodic.upcoming()) == ["hourly"]
    assert seen == [7]


async def test_an_engine_without_durable_tasks_makes_no_journal(config, tmp_path):
    path = tmp_path / "folder" / "journal.db"
    async with with_journal(config, path):
        pass
    assert not path.parent.exists()


async def test_a_journal_that_cannot_be_used_fails_its_module_only(config, offer, tmp_path):
    path = tmp_path / "journal.db"
    path.write_bytes(b"nonsense" * 1_000)

    async def start(self: Recorder) -> None:
        await self.context.resource(DurableTasks).register("mailer.send", self.stop)

    offer("mailer", start=start)
    offer("other")
    async with with_journal(config, path) as engine:
        await engine.load_modules(["mailer", "other"])
        health = await engine.health()
    assert health["mailer"].status is HealthStatus.FAILED
    assert "journal.path" in health["mailer"].detail
    assert health["other"].status is HealthStatus.READY


def test_our_own_modules_are_offered():
    assert set(installed_modules()) >= {"emotion", "llm", "memory", "vision", "voice"}


# -- calls by name ---------------------------------------------------------------------------


class Speaker(Recorder):
    """A module with methods of every kind."""

    async def say(self, text: str, *, loud: bool = False) -> str:
        return text.upper() if loud else text

    def volume(self) -> int:
        return 7

    async def break_down(self) -> None:
        raise LookupError("lost")

    async def _secret(self) -> None: ...


async def test_a_method_can_be_called_by_the_names_of_module_and_method(engine, offer):
    offer("voice", base=Speaker)
    await engine.load_module("voice")
    assert await engine.call("voice", "say", "hi", loud=True) == "HI"
    assert await engine.call("voice", "volume") == 7
    with pytest.raises(LookupError, match="lost"):
        await engine.call("voice", "break_down")


@pytest.mark.parametrize("method", ["sing", "_secret", "__init__", "stop", "health", "calls", ""])
async def test_what_a_module_does_not_offer_cannot_be_called(engine, offer, method):
    offer("voice", base=Speaker)
    await engine.load_module("voice")
    with pytest.raises(ModuleError, match="break_down, say, volume"):
        await engine.call("voice", method)


async def test_a_module_that_is_not_loaded_cannot_be_called(engine):
    with pytest.raises(ModuleUnavailable, match="not loaded"):
        await engine.call("voice", "say", "hi")


@pytest.mark.parametrize("phase", ["initialize", "start"])
def test_a_phase_that_ignores_its_cancellation_is_left_behind(jump, config, offer, phase):
    async def deaf(_self: Recorder) -> None:
        for _ in range(5):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    async def main() -> None:
        limits = QUICK.model_copy(update={"start_timeout": 5.0})
        engine = CoreEngine(
            scheduler=GlobalTaskScheduler(config()), bus=EventBus(), sections={}, config=limits
        )
        offer("deaf", **{phase: deaf})
        async with engine:
            before = asyncio.get_running_loop().time()
            await engine.load_modules(["deaf"])
            assert asyncio.get_running_loop().time() - before == pytest.approx(6.0)
            assert "in time" in (await engine.health())["deaf"].detail

    jump(main())
