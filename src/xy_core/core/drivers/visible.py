"""Which of the devices a program is meant to see."""

from __future__ import annotations

import os


def visible(uuids: list[str], variable: str) -> list[int]:
    """Return the positions of the devices that an environment variable lets a program see.

    As CUDA reads it: numbers or beginnings of UUIDs; what follows an unknown one is not seen.
    """
    setting = os.environ.get(variable)
    if setting is None:
        return list(range(len(uuids)))
    chosen: list[int] = []
    for text in (part.strip() for part in setting.split(",")):
        if text.isdecimal():
            found = [int(text)] if int(text) < len(uuids) else []
        else:
            found = [n for n, uuid in enumerate(uuids) if text and uuid.startswith(text)]
        if len(found) != 1 or found[0] in chosen:
            break
        chosen += found
    return chosen
