"""Periodic tasks on a clock that jumps: due times, overlaps, missed runs, restarts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.core.durable_program import Program
from xy_core.core.clock import VirtualLoop
from xy_core.core.durable_task import this_task
from xy_core.core.errors import InvalidTaskError
from xy_core.core.periodic_task import MissedRuns, Overlap, PeriodicTask
from xy_core.core.schedule import Cron, Every
from xy_core.core.sqlite_journal import open_journal
from xy_core.core.task import TaskPriority

HOUR = 3_600.0
NOON = 1_764_072_000.0  # 2025-11-25 12:00 UTC


class WallClock:
    """Seconds since the epoch that pass as the loop's do, and while no program runs."""

    def __init__(self) -> None:
        self.offset = NOON

    def __call__(self) -> float:
        return self.offset + asyncio.get_running_loop().time()


class PatientLoop(VirtualLoop):
    """Jumps over time, but not while the journal's thread is at work."""

    def __init__(self) -> None:
        self.threads = 0
        super().__init__()
        self._jumping.now = 0.0
        self._jump, self._jumping.select = self._jumping.select, self._wait_or_jump

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        self.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_is_done)
        return future

    def _thread_is_done(self, _future: Any) -> None:
        self.threads -= 1

    def _wait_or_jump(self, timeout: float | None = None) -> Any:
        busy = self.threads or self.writing()
        return self._jump(None if busy and timeout is not None and timeout > 0 else timeout)

    def writing(self) -> bool:
        program = Lives.current
        return program is not None and program.journal._writing


class Lives:
    """One program after another on one journal and one wall clock."""

    current: Program | None = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = WallClock()
        self.runs: list[tuple[str, float]] = []
        self.began: list[float] = []
        self.running = 0
        self.most_running = 0
        self.seconds = 0.0

    async def tick(self) -> None:
        schedule, _, due = str(this_task.get().key).partition("@")
        self.runs.append((schedule, float(due) - NOON))
        self.began.append(self.clock() - NOON)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.running -= 1

    def live(self, seconds: float, step: Callable[[Program], Coroutine[Any, Any, Any]]) -> None:
        """Run a program for so long."""

        async def main() -> None:
            program = Lives.current = Program(self.path, self.clock)
            async with program:
                await program.durable.register("tick", self.tick)
                await step(program)
                await asyncio.sleep(seconds)
            self.clock.offset = self.clock()

        with asyncio.Runner(loop_factory=PatientLoop) as runner:
            runner.run(main())
        Lives.current = None

    def pause(self, seconds: float) -> None:
        """Let time pass while no program runs."""
        self.clock.offset += seconds

    def dues(self) -> list[float]:
        return [round(due, 1) for _, due in self.runs]


@pytest.fixture
def lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lives:
    """No program has run yet; looking at what others wrote would fill days of this clock."""
    monkeypatch.setattr("xy_core.core.sqlite_journal._LOOK", 10 * HOUR)
    return Lives(tmp_path / "journal.db")


def add(schedule: Any, **options: Any) -> Callable[[Program], Coroutine[Any, Any, None]]:
    return lambda program: program.periodic.add("often", "tick", schedule, **options)


async def nothing(_program: Program) -> None:
    pass


# -- when ----------------------------------------------------------------------------------------


def test_an_interval_comes_again_and_again(lives: Lives):
    lives.live(10 * HOUR + 60, add(Every(HOUR)))
    assert lives.dues() == pytest.approx([HOUR * n for n in range(1, 11)], abs=1)
    late = [began - due for began, (_, due) in zip(lives.began, lives.runs, strict=True)]
    assert max(late) < 1


def test_cron_comes_by_the_clock_on_the_wall(lives: Lives):
    lives.live(48 * HOUR, add(Cron("30 7 * * *", "Asia/Shanghai")))
    # Noon UTC is 20:00 in Shanghai.
    assert lives.dues() == [11.5 * HOUR, 35.5 * HOUR]


def test_jitter_spreads_the_runs_but_not_their_due_times(lives: Lives):
    lives.live(20 * HOUR + 400, add(Every(HOUR), jitter=300.0))
    assert lives.dues() == pytest.approx([HOUR * n for n in range(1, 21)], abs=1)
    late = [began - due for began, (_, due) in zip(lives.began, lives.runs, strict=True)]
    assert all(0 <= seconds <= 301 for seconds in late)
    assert len({round(seconds) for seconds in late}) > 5


def test_several_go_on_side_by_side_until_they_are_removed(lives: Lives):
    async def step(program: Program) -> None:
        await program.periodic.add("a", "tick", Every(HOUR))
        await program.periodic.add("b", "tick", Every(2 * HOUR))
        upcoming = await program.periodic.upcoming()
        assert {name: round((due - NOON) / HOUR) for name, (_, due) in upcoming.items()} == {
            "a": 1,
            "b": 2,
        }
        await asyncio.sleep(4.5 * HOUR)
        assert await program.periodic.remove("a")
        assert not await program.periodic.remove("a")

    lives.live(4 * HOUR, step)
    names = [name for name, _ in lives.runs]
    assert (names.count("a"), names.count("b")) == (4, 4)


# -- overlaps ------------------------------------------------------------------------------------


def test_a_run_that_takes_long_passes_others_over(lives: Lives):
    lives.seconds = 2.5 * HOUR
    lives.live(10.5 * HOUR, add(Every(HOUR), overlap=Overlap.SKIP))
    assert lives.dues() == pytest.approx([HOUR, 4 * HOUR, 7 * HOUR, 10 * HOUR], abs=1)
    assert lives.most_running == 1


def test_runs_that_queue_follow_one_another(lives: Lives):
    lives.seconds = 1.5 * HOUR
    lives.live(6.5 * HOUR, add(Every(HOUR), overlap=Overlap.QUEUE))
    assert lives.dues() == pytest.approx([HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR], abs=1)
    assert lives.most_running == 1
    lives.seconds = 0.0
    lives.live(1.0, nothing)
    assert 6.0 * HOUR in [round(due, -2) for due in lives.dues()]


def test_not_too_many_runs_queue(lives: Lives):
    lives.seconds = 50 * HOUR
    lives.live(20.5 * HOUR, add(Every(HOUR), overlap=Overlap.QUEUE, most=3))
    with open_journal(lives.path) as file:
        assert file.execute("SELECT count(*) FROM task").fetchone() == (3,)


def test_runs_may_overlap_if_they_are_let(lives: Lives):
    lives.seconds = 1.5 * HOUR
    lives.live(4.2 * HOUR, add(Every(HOUR), overlap=Overlap.PARALLEL))
    assert lives.dues() == pytest.approx([HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR], abs=1)
    assert lives.most_running == 2


# -- missed runs ---------------------------------------------------------------------------------

PARALLEL = {"overlap": Overlap.PARALLEL}


@pytest.mark.parametrize(
    ("options", "made_up"),
    [
        ({"missed": MissedRuns.SKIP}, []),
        ({"missed": MissedRuns.ONCE}, [7]),
        ({"missed": MissedRuns.ALL}, [3, 4, 5, 6, 7]),
        ({"missed": MissedRuns.ALL, "most": 2}, [6, 7]),
        ({"missed": MissedRuns.SKIP, "grace": HOUR}, [7]),
    ],
    ids=str,
)
def test_what_passed_while_no_program_ran(lives: Lives, options: Any, made_up: list[int]):
    lives.live(2.5 * HOUR, add(Every(HOUR), **PARALLEL, **options))
    lives.pause(5 * HOUR)
    lives.live(1.2 * HOUR, nothing)
    assert [round(due / HOUR) for due in lives.dues()] == [1, 2, *made_up, 8]


@pytest.mark.parametrize("missed", list(MissedRuns))
def test_what_was_due_just_now_is_not_missed(lives: Lives, missed: MissedRuns):
    lives.live(0.9999 * HOUR, add(Every(HOUR), **PARALLEL, missed=missed))
    lives.pause(0.6)
    lives.live(0.5 * HOUR, nothing)
    assert [round(due / HOUR) for due in lives.dues()] == [1]


def test_adding_the_same_again_changes_nothing(lives: Lives):
    for _ in range(3):
        lives.live(0.8 * HOUR, add(Every(HOUR)))
    assert [round(due / HOUR) for due in lives.dues()] == [1, 2]


def test_adding_another_of_that_name_begins_anew(lives: Lives):
    lives.live(0.5 * HOUR, add(Every(HOUR)))
    lives.live(1.2 * HOUR, add(Every(HOUR), arguments={}, jitter=1.0))
    assert [round(due / HOUR, 1) for due in lives.dues()] == [1.5]


def test_a_long_sleep_of_the_machine_is_noticed(lives: Lives):
    async def step(program: Program) -> None:
        await program.periodic.add("often", "tick", Every(HOUR))
        await asyncio.sleep(60)
        lives.pause(5 * HOUR)  # the loop's own clock did not move
        await asyncio.sleep(120)

    lives.live(1.0, step)
    assert [round(due / HOUR) for due in lives.dues()] == [5]


def test_runs_wait_until_their_function_is_registered(lives: Lives):
    async def step(program: Program) -> None:
        program.durable.unregister("tick")
        await program.periodic.add("often", "tick", Every(HOUR))

    lives.live(3.5 * HOUR, step)
    assert lives.runs == []
    lives.live(1.0, nothing)
    assert [round(due / HOUR) for due in lives.dues()] == [1]


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jitter": -1.0}, "jitter"),
        ({"grace": float("nan")}, "grace"),
        ({"most": 0}, "most"),
        ({"priority": 9}, "priority"),
        ({"arguments": {"a": object}}, "JSON"),
        ({"overlap": Overlap.SKIP, "missed": MissedRuns.ALL}, "QUEUE or"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_periodic_tasks_that_make_no_sense(lives: Lives, options: Any, message: str):
    async def step(program: Program) -> None:
        with pytest.raises(InvalidTaskError, match=message):
            await program.periodic.add("often", "tick", Every(HOUR), **options)
        for names in (("", "tick"), ("often", "")):
            with pytest.raises(InvalidTaskError, match="name"):
                await program.periodic.add(*names, Every(HOUR))
        assert await program.periodic.upcoming() == {}

    lives.live(1.0, step)


@pytest.mark.parametrize("definition", ["", "[]", "{}", '{"schedule": {"every": -1}}', "\x00"])
def test_a_definition_that_is_not_understood_stops_no_other(lives: Lives, definition: str):
    lives.live(1.0, add(Every(HOUR)))
    with open_journal(lives.path) as file:
        file.execute("INSERT INTO schedule VALUES ('odd', ?, 0, 0)", (definition,))
    lives.live(1.1 * HOUR, nothing)
    assert [round(due / HOUR) for due in lives.dues()] == [1]


def test_a_periodic_task_comes_back_from_json():
    task = PeriodicTask(
        "a",
        "tick",
        Cron("* * * * *", "Asia/Tokyo"),
        {"x": [1, "\u4f60"]},
        Overlap.QUEUE,
        MissedRuns.ALL,
        1.5,
        2.5,
        7,
        TaskPriority.HIGH,
    )
    assert PeriodicTask.from_json("a", task.as_json()) == task
    json.loads(task.as_json())
