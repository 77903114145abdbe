"""Show that nothing of a test set is trained on; ends with 1 if something is.

python -m training.emotion.proof --data FOLDER
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

from training.emotion.corpora import CORPORA, GOEMOTIONS_DEV, essence, held_out, taught
from xy_core.evaluation.emotion.cases import read_cases
from xy_core.evaluation.emotion.report import PUBLIC_SETS


def main() -> None:
    """Print the hashes of the test files, and what each corpus lost to them, as JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    data: Path = options.parse_args().data

    tests = {
        essence(example.text)
        for wanted in PUBLIC_SETS.values()
        for example in wanted.read(data / wanted.file)
    } | {essence(case.text) for case in read_cases()}
    used = [*taught(data), *held_out(data)]
    leaked = [example.text for _, example in used if essence(example.text) in tests]
    files = {_digest(data / file) for file in {*(c.file for c in CORPORA), GOEMOTIONS_DEV}}
    hashes = {wanted.file: _digest(data / wanted.file) for wanted in PUBLIC_SETS.values()}
    kept = Counter(CORPORA[number].file for number, _ in taught(data))
    dropped = Counter(
        corpus.file
        for corpus in CORPORA
        for example in corpus.reader(data / corpus.file)
        if essence(example.text) in tests
    )
    found = {
        "tests": hashes,
        "as recorded": all(hashes[one.file] == one.sha256 for one in PUBLIC_SETS.values()),
        "test files among the training files": sorted(files & set(hashes.values())),
        "texts left out": dropped,
        "texts trained on": kept,
        "test texts trained on or calibrated with": leaked,
    }
    json.dump(found, sys.stdout, ensure_ascii=False, indent=1)
    proved = found["as recorded"] and not found["test files among the training files"]
    sys.exit(0 if proved and not leaked else 1)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
