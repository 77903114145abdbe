"""In which language to answer."""

from __future__ import annotations

import re

_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]+")


def language_of(words: str, heard: str | None = None) -> str:
    """Return ``zh`` or ``en``.

    Args:
        words: what was typed and said. A Chinese character carries about as much as a word, so
            they are counted against Latin words.
        heard: the language that speech recognition found, for words without letters.
    """
    han = len(_HAN.findall(words))
    latin = len(_LATIN.findall(words))
    if han == latin:
        return "zh" if heard == "zh" else "en"
    return "zh" if han > latin else "en"
