"""The mean vectors of Chinese texts and of others, as queries and as passages.

They are those of the sentences of ``training/emotion/sentences.tsv``, which have nothing to do with
the questions by which memory is judged. Run it with
``python -m training.memory.means FILE`` (``e5-small-q4.bin``).
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from xy_core.modules.memory.backends.e5 import MEANS, E5Embedder
from xy_core.modules.memory.embedding import Role
from xy_core.modules.memory.terms import has_han

_SENTENCES = Path("training/emotion/sentences.tsv")
_TARGET = Path("src/xy_core/modules/memory/backends") / MEANS


def main(weights: Path) -> None:
    """Write the means: float32 (roles, [other, Chinese], width)."""
    embedder = E5Embedder(weights, threads=1)
    embedder.load()
    with _SENTENCES.open(encoding="utf-8", newline="") as file:
        sentences = [row[2] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    groups = [[one for one in sentences if has_han(one) is chinese] for chinese in (False, True)]
    means = [[embedder.raw(group, role).mean(axis=0) for group in groups] for role in Role]
    np.save(_TARGET, np.array(means, np.float32))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
