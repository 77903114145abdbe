"""The two languages of the command line."""

from __future__ import annotations

import os


def language() -> str:
    """Return ``zh`` or ``en``: ``XY_LANG``, else the locale of the environment."""
    for name in ("XY_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if chosen := os.environ.get(name):
            return "zh" if chosen.lower().startswith("zh") else "en"
    return "en"


def tr(english: str, chinese: str) -> str:
    """Choose the text for the user's language."""
    return chinese if language() == "zh" else english
