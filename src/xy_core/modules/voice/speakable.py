"""What of a text can be said aloud, and in which language."""

from __future__ import annotations

import re
import unicodedata

from xy_core.modules.voice.numerals import read_numbers

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_SCRIPTS = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+|[^\u3400-\u9fff\uf900-\ufaff]+")
_LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*\)")
_ADDRESS = re.compile(r"https?://\S+")
_MARKUP = re.compile(r"[*_`#~|<>\\^]+")
_SAID_SYMBOLS = frozenset("°℃℉")
_UNSAID = frozenset({"So", "Sk", "Cs", "Co", "Cn", "Cc", "Cf", "Mn", "Me"})


def speakable(text: str) -> str:
    """Return the text without what no voice can say: markup, addresses, emoji, controls.

    Empty if no letter and no digit is left.
    """
    text = unicodedata.normalize("NFC", _ADDRESS.sub(" ", _LINK.sub(r"\1", text)))
    text = _MARKUP.sub(" ", text)
    said = "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace()
        or character in _SAID_SYMBOLS
        or unicodedata.category(character) not in _UNSAID
    )
    said = " ".join(said.split())
    return said if any(map(str.isalnum, said)) else ""


def language_runs(text: str, language: str) -> list[tuple[str, str]]:
    """Cut a text where its language changes; returns pairs of ISO 639-1 code and text.

    Chinese quoted in another language is read as Chinese. A Chinese text stays whole: its voice
    knows the Latin words that are usual in it. What no voice can say is left out.
    """
    pieces = [text] if language == "zh" else _SCRIPTS.findall(text)
    runs = [("zh" if _HAN.search(piece) else language, speakable(piece)) for piece in pieces]
    return [(code, said) for code, said in runs if said]


def spoken_text(text: str) -> str:
    """Return the bare words in which two transcripts are compared.

    Lower case, no punctuation or markup, Chinese characters without blanks between them and
    their numbers in characters.
    """
    said = speakable(text)
    if _HAN.search(said):
        said = read_numbers(said)
    words = re.sub(r"[^\w\s]|_", " ", re.sub(r"['’]", "", said.lower())).split()
    return re.sub(r"(?<=[^\x00-\u02ff])\s+|\s+(?=[^\x00-\u02ff])", "", " ".join(words))
