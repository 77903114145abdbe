"""Whether memories are found again, how quickly among 100,000, and whether writing delays it.

All memories are of one person, which is the hardest case: every search is through all of them.
Each question (`memory_questions.py`) is asked by words alone, by meaning alone, and by both.

The embedder of the settings reads all that is asked for, and what lies near it. Of the others,
those that differ in a number alone share the vector of the first of them: else nearly all of the
time would go into sentences that answer nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import statistics
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xy_core.bench.memory_questions import (
    FIRST_KINDS,
    QuestionSet,
    others,
    read_questions,
)
from xy_core.bench.memory_turns import Turns, measure_turns
from xy_core.bench.result import BenchResult, Check, Figures, Progress
from xy_core.core.errors import ModelError
from xy_core.core.events import EventBus
from xy_core.core.module import ModuleContext
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority
from xy_core.models import ModelStore
from xy_core.modules.memory import Memory, MemoryConfig
from xy_core.modules.memory.backends.sqlite import MemoryStore
from xy_core.modules.memory.embedding import Embedder, Role
from xy_core.modules.memory.opening import open_embedder
from xy_core.modules.memory.query import Query, Vectors
from xy_core.modules.memory.segment import chinese_words
from xy_core.settings import Settings

_COUNT, _QUICK_COUNT = 100_000, 10_000
_ROUNDS, _QUICK_ROUNDS = 40, 6
_BATCH, _EMBEDDED = 500, 32
_FIRST = 5
_WHO = "lin"
_FIRST_KINDS = "recall@5 of the first kinds"
_NUMBER = re.compile(r"\d+")
_SEED = 6


def run(*, settings: Settings, quick: bool, progress: Progress) -> BenchResult:
    """Fill a memory file and question it; blocks for some minutes.

    Args:
        settings: whose embedder and models are used; their memory file is not touched.
        quick: among 10,000 memories instead of 100,000, in fewer rounds.
        progress: told what is being done.

    Raises:
        BackendError: the embedder's files are damaged.
        MissingExtraError: its library is not installed.
        ModelError: it is not here, or the settings name none.
    """
    return asyncio.run(_run(settings, quick=quick, progress=progress))


async def _run(settings: Settings, *, quick: bool, progress: Progress) -> BenchResult:
    count = _QUICK_COUNT if quick else _COUNT
    models = ModelStore(settings.models.root, settings.models.catalogue)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory.db"
        config = settings.memory.model_copy(
            update={"path": path, "postgres": None, "encrypted": False, "max_turns": 2 * count}
        )
        async with GlobalTaskScheduler(settings.scheduler) as scheduler:
            context = ModuleContext(scheduler, EventBus(), {ModelStore: models})
            asked = read_questions()
            reported = asked.half(reported=True)
            async with filled(config, context, asked, count, progress) as full:
                found = await asyncio.to_thread(full.quality, reported)
            rounds = _QUICK_ROUNDS if quick else _ROUNDS
            turns = await measure_turns(context, config, rounds, progress)
    rows: dict[str, Figures] = {
        "memories": {"count": count, "questions": len(reported)},
        **found,
        **turns.rows(),
    }
    return BenchResult("memory", rows, _checks(found, turns))


def _checks(found: dict[str, dict[str, float]], turns: Turns) -> list[Check]:
    alone = max(found["words alone"]["recall@5"], found["meaning alone"]["recall@5"])
    both = found["both"]["recall@5"]
    more = round(both - alone, 4)
    return [
        Check("recall, p95, ms", round(1e3 * turns.recall_p95, 2), 50.0, "at most"),
        Check("recall@5, both", both, 0.9, "at least"),
        Check("recall@5, both less the better alone", more, 0.001, "at least"),
        Check("turn, p95, with writes over without", turns.ratio, 1.05, "at most"),
    ]


@dataclass(frozen=True, slots=True)
class Filled:
    """A memory file that is full, and the questions to ask of it.

    Attributes:
        store: the file.
        asked: the questions, all of whose memories are written.
        vectors: what they mean, one a question.
        form: a query without words and vector.
    """

    store: MemoryStore
    asked: QuestionSet
    vectors: Vectors
    form: Query

    def quality(self, places: Iterable[int]) -> dict[str, dict[str, float]]:
        """Return the share of questions whose memory is among the first five, by kind of search.

        Each by kind of question, and ``recall@5`` over all; blocks.

        Args:
            places: of the questions that are asked.
        """
        found: dict[str, dict[str, list[bool]]] = {}
        for place in places:
            one, vector = self.asked.questions[place], self.vectors[place]
            searches = {
                "words alone": replace(self.form, words=one.question),
                "meaning alone": replace(self.form, vector=vector),
                "both": replace(self.form, words=one.question, vector=vector),
            }
            wholes = ["recall@5", *([_FIRST_KINDS] if one.kind in FIRST_KINDS else [])]
            for search, query in searches.items():
                texts = {result.memory.text for result in self.store.search(_WHO, query)}
                kinds = found.setdefault(search, {})
                for kind in (*wholes, f"{one.kind} {one.language}"):
                    kinds.setdefault(kind, []).append(one.answered(texts))
        return {
            search: {kind: round(statistics.mean(hits), 4) for kind, hits in kinds.items()}
            for search, kinds in found.items()
        }


@asynccontextmanager
async def filled(
    config: MemoryConfig,
    context: ModuleContext,
    asked: QuestionSet,
    count: int,
    progress: Progress,
) -> AsyncIterator[Filled]:
    """Fill a memory file, and close it in the end.

    Args:
        config: which file, and which embedder.
        context: has the models.
        asked: the questions.
        count: memories in all.
        progress: told what is being done.

    Raises:
        BackendError: the embedder's files are damaged.
        MissingExtraError: its library is not installed.
        ModelError: it is not here, or the settings name none.
    """
    embedder = await asyncio.to_thread(open_embedder, config, context)
    if embedder is None:
        raise ModelError("memory.embedding names no embedder of this process: choose one for this")
    store = MemoryStore(config.path, max_turns=config.max_turns, cut=chinese_words())
    try:
        store.use_embedder(embedder.name)
        await _fill(store, embedder, asked, count, progress)
        progress("questions")
        vectors = await _embed(embedder, [one.question for one in asked.questions], Role.QUERY)
        form = Query("", limit=_FIRST, unlike=embedder.unlike, min_similarity=config.min_similarity)
        yield Filled(store, asked, vectors, form)
    finally:
        store.close()


async def _fill(
    store: MemoryStore, embedder: Embedder, asked: QuestionSet, count: int, progress: Progress
) -> None:
    """Write what is asked for among the others, in an order of chance, with a vector each."""
    telling = [*dict.fromkeys([*(one.memory for one in asked.questions), *asked.near])]
    rest = [*itertools.islice(others(), count - len(telling))]
    kin = {text: text for text in telling} | {text: _NUMBER.sub("", text) for text in rest}
    first: dict[str, str] = {}
    for text, group in kin.items():
        first.setdefault(group, text)
    vectors: dict[str, Vectors] = {}
    groups = [*first]
    for start in range(0, len(groups), _EMBEDDED):
        progress(f"{start:,} of {len(groups):,} sentences understood")
        batch = groups[start : start + _EMBEDDED]
        rows = await _embed(embedder, [first[group] for group in batch], Role.PASSAGE)
        vectors.update(zip(batch, rows, strict=True))
    texts = telling + rest
    random.Random(_SEED).shuffle(texts)  # noqa: S311 - chance, not secrecy
    for start in range(0, len(texts), _BATCH):
        progress(f"{start:,} of {count:,} memories written")
        batch = texts[start : start + _BATCH]
        known = [vectors[kin[text]] for text in batch]
        await asyncio.to_thread(_write, store, batch, float(start), known)


def _write(store: MemoryStore, texts: Sequence[str], time: float, vectors: list[Vectors]) -> None:
    store.add([Memory("user", text, _WHO, time) for text in texts])
    waiting = store.without_vector(len(texts), english_only=False)
    by_text = dict(zip(texts, vectors, strict=True))
    rows = np.stack([by_text[text] for _, text in waiting])
    store.set_vectors([memory_id for memory_id, _ in waiting], rows)


async def _embed(embedder: Embedder, texts: Sequence[str], role: Role) -> Vectors:
    return await embedder.embed(texts, role, TaskPriority.MEDIUM)
