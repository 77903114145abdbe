"""English text as the phonemes that Kokoro was trained on."""

from __future__ import annotations

import re
from typing import Any

from xy_core.modules.voice.libraries import library

_SIGNS = {
    "aɪ": "I",
    "aʊ": "W",
    "eɪ": "A",
    "oʊ": "O",
    "ɔɪ": "Y",
    "dʒ": "ʤ",
    "tʃ": "ʧ",
    "ɜː": "ɜɹ",
    "ɚ": "əɹ",
    "əl": "ᵊl",
    "ɐ": "ə",
    "r": "ɹ",
    "ː": "",
    "ʔ": "t",
    "ɾ": "T",
}
"""What espeak-ng writes and Kokoro reads (hexgrad's misaki, ``EspeakFallback``): one sign for a
diphthong, American vowels without a mark of length."""
_ANY = re.compile("|".join(sorted(map(re.escape, _SIGNS), key=len, reverse=True)))


class EnglishPhonemes:
    """Grapheme to phoneme by espeak-ng; misaki's English needs models from a hub."""

    def __init__(self) -> None:
        # Piper carries espeak-ng's phonemes; the engine itself need not be installed for it.
        self._espeak: Any = library("piper.phonemize_espeak", "piper-tts").EspeakPhonemizer()

    def __call__(self, text: str) -> str:
        """Return the phonemes of a sentence in IPA, as Kokoro writes it."""
        sentences = self._espeak.phonemize("en-us", text)
        spoken = " ".join("".join(signs) for signs in sentences)
        return _ANY.sub(lambda match: _SIGNS[match.group()], spoken.replace("ɜːɹ", "ɜː"))
