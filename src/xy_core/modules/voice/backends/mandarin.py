"""Mandarin text as the phonemes that Kokoro was trained on."""

from __future__ import annotations

import re
from typing import Any

from xy_core.modules.voice.libraries import library
from xy_core.modules.voice.numerals import read_numbers

_LATIN = re.compile(r"[A-Za-z][A-Za-z'’-]*")
_QUIET = 60
"""Above every level of jieba's log, which would tell of its dictionary on stderr."""


class MandarinPhonemes:
    """Grapheme to phoneme: misaki for Chinese, espeak-ng for Latin words among it."""

    def __init__(self) -> None:
        library("jieba").setLogLevel(_QUIET)
        self._chinese: Any = library("misaki.zh", "misaki[zh]").ZHG2P()
        # Piper carries espeak-ng's phonemes; the engine itself need not be installed for it.
        self._latin: Any = library("piper.phonemize_espeak", "piper-tts").EspeakPhonemizer()

    def __call__(self, text: str) -> str:
        """Return the phonemes of a sentence in IPA, tones as arrows."""
        spelled = _LATIN.sub(self._spell, read_numbers(text))
        phonemes: str = self._chinese(spelled)[0]
        return phonemes

    def _spell(self, match: re.Match[str]) -> str:
        sentences = self._latin.phonemize("en-us", match.group())
        return " " + "".join(phoneme for sentence in sentences for phoneme in sentence) + " "
