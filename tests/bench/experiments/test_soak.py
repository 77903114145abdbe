"""Soaks on the virtual clock: what is counted, what is said, what a cut leaves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from xy_core.bench.experiments.soak import BOUNDS, Soak, Word
from xy_core.bench.experiments.soak_record import SoakRecord, read_soak
from xy_core.bench.experiments.soak_run import Pace, Soaking, fill
from xy_core.bench.experiments.vitals import Vitals
from xy_core.core.clock import run_virtual
from xy_core.core.config import DeviceConfig, SchedulerConfig
from xy_core.core.errors import ConfigError, WorkerCrashed
from xy_core.core.garbage import settled_objects
from xy_core.core.scheduler import GlobalTaskScheduler

SMALL = SchedulerConfig(history_size=1_000, devices=(DeviceConfig(name="cpu"),))


@pytest.fixture(autouse=True)
def settled() -> Iterator[None]:
    """Let looks collect what the tests make, not what pytest holds."""
    with settled_objects():
        yield


class Sleeper:
    """A load of sleeps; fails as often as it is told."""

    def __init__(self, scheduler: GlobalTaskScheduler, failures: int = 0) -> None:
        self.scheduler = scheduler
        self.failures = failures

    async def request(self) -> None:
        if self.failures:
            self.failures -= 1
            raise WorkerCrashed("the process of model 'x' (17) was ended by SIGKILL")
        await self.scheduler.run(asyncio.sleep, 7)


async def soaked(
    soak: Soak, pace: Pace, failures: int = 0, lines: SoakRecord | None = None
) -> None:
    async with GlobalTaskScheduler(SMALL) as scheduler:
        soaking = Soaking(Sleeper(scheduler, failures), pace, soak, seed=1)
        await soaking.run(lines or SoakRecord(None), lambda _words: None)


def grown(an_hour: float = 0.0, seconds: float = 3_600) -> Soak:
    """A soak whose every figure grows so fast, among noise that stays for a while."""
    source, soak = random.Random(1), Soak()  # noqa: S311 - noise
    up = 0.0
    for moment in range(5, int(seconds) + 5, 5):
        up = 0.9 - up if source.random() < 0.05 else up
        value = 90 + up + an_hour * moment / 3600
        soak.samples.append(Vitals(float(moment), *[value] * len(BOUNDS)))
    soak.turns = Counter(asked=9, answered=9)
    return soak


def test_every_request_is_accounted_for_and_faults_come_in_turn():
    soak = Soak()
    run_virtual(soaked(soak, Pace(600)))
    turns = soak.turns
    ended = turns["answered"] + turns["cancelled"] + turns["lost"]
    assert turns["asked"] - ended in range(4)
    assert turns["answered"] > 200
    assert turns["lost"] == 0
    assert turns["cancelled"] >= 10
    assert soak.faults.keys() == {"kill", "cancel", "fail", "time_out"}
    assert max(soak.faults.values()) - min(soak.faults.values()) <= 1
    assert len(soak.samples) == 120
    assert soak.samples.seconds == pytest.approx(600, abs=0.1)


def test_a_failed_attempt_is_made_again_and_its_error_is_kept():
    soak = Soak()
    run_virtual(soaked(soak, Pace(120), failures=4))
    assert soak.errors == {"WorkerCrashed": 4}
    assert soak.turns["asked_again"] == 4
    assert soak.turns["lost"] == 0
    assert "SIGKILL" in soak.said["WorkerCrashed"]


def test_ten_failed_attempts_lose_a_request_and_its_errors_are_told():
    soak = Soak()
    run_virtual(soaked(soak, Pace(60, clients=1, fault_every=600), failures=10))
    assert soak.turns["lost"] == 1
    assert [len(errors) for errors in soak.lost] == [10]
    assert {check.name: check.passed for check in soak.result().checks}["lost"] is False


def test_cancelling_keeps_what_was_seen_and_leaves_no_task():
    soak = Soak()

    async def main() -> int:
        task = asyncio.create_task(soaked(soak, Pace(3_600)))
        await asyncio.sleep(100)
        task.cancel()
        await task  # ends by itself: Ctrl-C asks for the figures so far
        return len(asyncio.all_tasks())

    assert run_virtual(main()) == 1
    assert 15 <= len(soak.samples) <= 20


def test_a_fault_that_nobody_is_told_of_ends_the_soak():
    class Deaf(Sleeper):
        async def request(self) -> None:
            await asyncio.sleep(7)

    async def main() -> None:
        async with GlobalTaskScheduler(SMALL) as scheduler:
            soaking = Soaking(Deaf(scheduler), Pace(600), Soak(), seed=1)

            async def swallow(*_args: object, **_options: object) -> None:
                pass

            scheduler.run = swallow
            await soaking.run(SoakRecord(None), lambda _words: None)

    with pytest.raises(AssertionError, match="did not reach its caller"):
        run_virtual(main())


def test_the_history_is_full_before_the_first_look():
    async def main() -> int:
        async with GlobalTaskScheduler(SMALL) as scheduler:
            await fill(scheduler)
            return len(list(scheduler.tasks()))

    assert run_virtual(main()) == SMALL.history_size


@pytest.mark.parametrize(
    ("an_hour", "word"), [(0.0, Word.STEADY), (-5.0, Word.STEADY), (30.0, Word.GROWS)]
)
def test_the_verdict_follows_the_interval(an_hour, word):
    soak = grown(an_hour)
    assert soak.conclusive
    assert soak.verdict in ({Word.STEADY, Word.NOT_SHOWN} if word is Word.STEADY else {word})
    passed = {check.name: check.passed for check in soak.result().checks}
    assert passed["rss_mb_growth_shown"] is (word is not Word.GROWS)
    assert soak.as_json()["verdict"] == soak.verdict.value[0]


def test_growth_during_the_warm_up_does_not_count():
    soak, source = Soak(), random.Random(1)  # noqa: S311 - noise
    for moment in range(5, 3_605, 5):
        value = 90 + min(moment, 600) / 10 + source.gauss(0, 0.1)
        soak.samples.append(Vitals(float(moment), *[value] * len(BOUNDS)))
    assert soak.warm_up == 900
    assert soak.verdict is Word.STEADY


@pytest.mark.parametrize("seconds", [0, 5, 60, 600, 1_700])
def test_a_short_soak_has_figures_but_no_verdict(seconds):
    soak = grown(30.0, seconds)
    assert soak.verdict is Word.TOO_SHORT
    checks = {check.name: check.passed for check in soak.result().checks}
    assert checks["rss_mb_growth_shown"] is None
    assert checks["lost"] is True
    assert soak.as_json()["verdict"] == "too short to tell"


def test_a_record_holds_all_and_survives_a_cut(tmp_path):
    path = tmp_path / "deep" / "soak.jsonl"
    soak = Soak(environment={"cpu": "one", "cores": 2})
    with SoakRecord(path) as lines:
        lines.begin(soak)
        run_virtual(soaked(soak, Pace(120, fault_every=50), failures=31, lines=lines))
    assert read_soak(path).as_json() == soak.as_json()
    whole = path.read_bytes()
    for end in range(len(whole) - 1, len(whole) - 400, -37):
        path.write_bytes(whole[:end])
        found = read_soak(path)
        assert len(soak.samples) - 2 <= len(found.samples) < len(soak.samples)


LOOK = json.dumps(dict.fromkeys(("seconds", *BOUNDS), 1.0))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]\n",
        "{}\n",
        '{"soak": 2, "environment": {}}\n',
        '{"soak": 1, "environment": []}\n',
        '{"soak": 1, "environment": {}}\n{}\n\n',
        '{"soak": 1, "environment": {}}\n{"seconds": 1}\n',
        '{"soak": 1, "environment": {}}\n' + LOOK.replace("1.0", "NaN") + "\n",
        '{"soak": 1, "environment": {}}\n' + LOOK + "\n" + LOOK.replace("1.0", "0.5", 1) + "\n",
        '{"soak": 1, "environment": {}}\n' + LOOK[:-1] + ', "turns": {"lost": "x"}}\n',
        "[" * 100_000,
        "\x00\n",
    ],
)
def test_what_is_no_record_is_refused(tmp_path, text):
    path = tmp_path / "bad.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="no record"):
        read_soak(path)
    with pytest.raises(ConfigError, match="no record"):
        read_soak(tmp_path / "missing.jsonl")


def test_a_record_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("", "utf-8")
    with (
        pytest.raises(Exception, match="cannot write"),
        contextlib.ExitStack() as stack,
    ):
        stack.enter_context(SoakRecord(tmp_path / "file" / "soak.jsonl"))
