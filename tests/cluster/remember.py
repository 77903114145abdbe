"""A program that shares a memory: python remember.py ADDRESS NAME; it prints what it finds."""

from __future__ import annotations

import sys

from xy_core.modules.memory.backends.postgres import PostgresStore
from xy_core.modules.memory.query import Query
from xy_core.modules.memory.types import Memory

TURNS = 100


def main(address: str, name: str) -> None:
    store = PostgresStore(address, max_turns=10 * TURNS)
    for number in range(TURNS):
        store.add([Memory("user", f"{name} says word{number}", "lin", float(number))])
    print("written", flush=True)  # noqa: T201 - the test waits for it
    sys.stdin.readline()
    found = store.recent("lin", 10 * TURNS)
    hits = store.search("lin", Query("word7", limit=10))
    print(len(found), *sorted(hit.memory.text.split()[0] for hit in hits))  # noqa: T201
    store.close()


main(*sys.argv[1:])
