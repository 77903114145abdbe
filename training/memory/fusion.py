"""Chooses how words and meaning are joined, on a set of questions that is never reported.

The questions of ``development.tsv`` are about other things than those by which memory is judged.
They were written at one sitting, before any was asked: 24 plain ones, 20 paraphrases beside a
sentence that has the question's words, 16 details told in passing, and 20 search words, half of
them Chinese. Run it with ``python -m training.memory.fusion`` (minutes).
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from pathlib import Path

from xy_core.bench.memory import filled
from xy_core.bench.memory_questions import Question, QuestionSet, add_pairs
from xy_core.core.events import EventBus
from xy_core.core.module import ModuleContext
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.models import ModelStore
from xy_core.modules.memory import ranking
from xy_core.settings import Settings

_SET = Path(__file__).with_name("development.tsv")
_COUNT = 10_000
_SHARES = (0.1, 0.2, 0.3, 0.4)
_POWERS = (1, 2, 3)


def development() -> QuestionSet:
    """Return the set."""
    questions: list[Question] = []
    near: list[str] = []
    add_pairs(_SET.read_text("utf-8"), questions, near)
    return QuestionSet(tuple(questions), tuple(near))


async def main() -> None:
    """Print the recall@5 of each weight of words and power of their share."""
    settings, asked = Settings(), development()
    models = ModelStore(settings.models.root, settings.models.catalogue)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory.db"
        config = settings.memory.model_copy(update={"path": path, "max_turns": 2 * _COUNT})
        async with GlobalTaskScheduler(settings.scheduler) as scheduler:
            context = ModuleContext(scheduler, EventBus(), {ModelStore: models})
            async with filled(config, context, asked, _COUNT, lambda _: None) as full:
                for ranking.WORDS, ranking.SURE in itertools.product(_SHARES, _POWERS):
                    found = full.quality(range(len(asked.questions)))
                    shares = {search: kinds["recall@5"] for search, kinds in found.items()}
                    print(ranking.WORDS, ranking.SURE, shares)


if __name__ == "__main__":
    asyncio.run(main())
