"""Whether memories are found again, how quickly among 100,000, and whether writing delays it.

All memories are of one person, which is the hardest case: every search is through all of them. The
multilingual embedder reads all of it. Each question (`memory_questions.py`) is asked by words
alone, by meaning alone, and by both.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from xy_core.bench.memory_questions import others, read_questions
from xy_core.bench.result import BenchResult, Check, Figures, Progress
from xy_core.core.config import SchedulerConfig
from xy_core.core.events import EventBus
from xy_core.core.module import ModuleContext
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority
from xy_core.modules.memory import Memory, MemoryConfig, MemoryService
from xy_core.modules.memory.backends.sqlite import MemoryStore
from xy_core.modules.memory.backends.use import MultilingualEmbedder
from xy_core.modules.memory.embedding import MULTILINGUAL
from xy_core.modules.memory.query import Query
from xy_core.modules.memory.segment import chinese_words

_COUNT, _QUICK_COUNT = 100_000, 10_000
_ROUNDS, _QUICK_ROUNDS = 12, 4
_BATCH = 500
_FIRST = 5
_EVERY = 3
"""Of the questions, those that are asked for time: sixty of all kinds."""
_WRITES_A_SECOND = 20.0
_SEED = 6


def run(*, quick: bool, progress: Progress) -> BenchResult:
    """Fill a memory file and question it; blocks.

    Args:
        quick: among 10,000 memories instead of 100,000, in fewer rounds.
        progress: told what is being done.

    Raises:
        MissingExtraError: the multilingual embedder is not installed.
    """
    count = _QUICK_COUNT if quick else _COUNT
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory.db"
        store = MemoryStore(path, max_turns=2 * count, cut=chinese_words())
        try:
            embedder = MultilingualEmbedder(2)
            embedder.load()
            _fill(store, embedder, count, progress)
            found = _quality(store, embedder)
        finally:
            store.close()
        seconds = asyncio.run(_speed(path, 2 * count, rounds, progress))
    rows: dict[str, Figures] = {
        "memories": {"count": count, "questions": len(read_questions().half(reported=True))},
        **found,
        **{name: _figures(values) for name, values in seconds.items()},
    }
    return BenchResult("memory", rows, _checks(found, seconds))


def _checks(found: dict[str, dict[str, float]], seconds: dict[str, Sequence[float]]) -> list[Check]:
    alone = max(found["words alone"]["recall@5"], found["meaning alone"]["recall@5"])
    both = found["both"]["recall@5"]
    undisturbed = _p95(seconds["turn, nothing written"])
    ratio = _p95(seconds["turn, while others write"]) / undisturbed
    return [
        Check("recall, p95, ms", round(1e3 * _p95(seconds["recall"]), 2), 50.0, "at most"),
        Check("recall@5, both", both, 0.9, "at least"),
        Check(
            "recall@5, both less the better alone",
            round(both - alone, 4),
            0.001,
            "at least",
        ),
        Check("turn, p95, with writes over without", round(ratio, 4), 1.05, "at most"),
    ]


def _fill(
    store: MemoryStore, embedder: MultilingualEmbedder, count: int, progress: Progress
) -> None:
    """Write what is asked for among the others, in an order of chance, and embed all."""
    asked = read_questions()
    texts = [one.memory for one in asked.questions] + [*asked.near]
    texts += itertools.islice(others(), count - len(texts))
    random.Random(_SEED).shuffle(texts)  # noqa: S311 - chance, not secrecy
    store.use_embedder(MULTILINGUAL)
    for start in range(0, count, _BATCH):
        progress(f"{start:,} of {count:,} memories")
        batch = texts[start : start + _BATCH]
        store.add([Memory("user", text, "lin", float(start)) for text in batch])
        waiting = store.without_vector(_BATCH, english_only=False)
        store.set_vectors(
            [one for one, _ in waiting], embedder.embed([text for _, text in waiting])
        )


def _quality(store: MemoryStore, embedder: MultilingualEmbedder) -> dict[str, dict[str, float]]:
    """Return the share of questions whose memory is among the first five, by kind of search.

    Each by kind of question, and ``recall@5`` over all of the half that is reported.
    """
    asked = read_questions()
    vectors = embedder.embed([one.question for one in asked.questions])
    chosen = asked.half(reported=True)
    found: dict[str, dict[str, list[bool]]] = {}
    for place in chosen:
        one, vector = asked.questions[place], vectors[place]
        searches = {
            "words alone": Query(one.question, limit=_FIRST),
            "meaning alone": Query("", vector, limit=_FIRST),
            "both": Query(one.question, vector, limit=_FIRST),
        }
        for search, query in searches.items():
            results = {result.memory.text for result in store.search("lin", query)}
            kinds = found.setdefault(search, {})
            for kind in ("recall@5", f"{one.kind} {one.language}"):
                kinds.setdefault(kind, []).append(one.answered(results))
    return {
        search: {kind: round(statistics.mean(hits), 4) for kind, hits in kinds.items()}
        for search, kinds in found.items()
    }


async def _speed(
    path: Path, most: int, rounds: int, progress: Progress
) -> dict[str, Sequence[float]]:
    """Measure recalls and turns; turns with and without writes in turn, in the same run."""
    config = MemoryConfig(path=path, max_turns=most, embedding=MULTILINGUAL)
    seconds: dict[str, list[float]] = {
        "recall": [],
        "turn, nothing written": [],
        "turn, while others write": [],
    }
    async with GlobalTaskScheduler(SchedulerConfig()) as scheduler:
        memory = MemoryService(ModuleContext(scheduler, EventBus()), config)
        try:
            await memory.initialize()
            await memory.start()
            await memory.recall("lin", "warm up")
            for number in range(rounds):
                progress(f"round {number + 1} of {rounds}")
                seconds["turn, nothing written"] += await _turns(memory, seconds["recall"])
                async with _writing(memory):
                    seconds["turn, while others write"] += await _turns(memory, [])
                await memory.settle()
        finally:
            await memory.stop()
    return dict(seconds)


async def _turns(memory: MemoryService, recalls: list[float]) -> list[float]:
    """Do what a turn asks of the memory, for some questions; returns the seconds of each."""
    high, times = TaskPriority.HIGH, []
    for one in read_questions().questions[::_EVERY]:
        begun = time.perf_counter()
        await memory.recall(
            "lin", one.question, language=one.language, skip_recent=4, emotion="joy", priority=high
        )
        recalls.append(time.perf_counter() - begun)
        await memory.recent("lin", 4)
        times.append(time.perf_counter() - begun)
    return times


@asynccontextmanager
async def _writing(memory: MemoryService) -> AsyncIterator[None]:
    """Write what other people say, at the pace of a busy server, while the block runs."""

    async def write() -> None:
        for number in itertools.count():
            await memory.remember_turn(f"person {number % 20}", "user", f"I saw {number} birds.")
            await asyncio.sleep(1 / _WRITES_A_SECOND)

    task = asyncio.create_task(write())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _figures(seconds: Sequence[float]) -> Figures:
    return {
        "p50 ms": round(1e3 * statistics.median(seconds), 2),
        "p95 ms": round(1e3 * _p95(seconds), 2),
        "count": len(seconds),
    }


def _p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]
