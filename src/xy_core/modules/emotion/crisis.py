"""Signs of self-harm in what somebody says: found by rules, so that nothing can talk them away."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_SPACES = re.compile(r"\s+")
_APOSTROPHES = re.compile("['’‘ʼ`´]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_MAX_CHARACTERS = 20_000
"""Of a longer text only the beginning and the end are searched, half of it each."""


@dataclass(frozen=True, slots=True)
class CrisisSign:
    """A hint that somebody may be in danger.

    Attributes:
        kind: such as ``wish_to_die``, ``suicide`` or ``self_harm``.
        words: what was found, folded to lower case.
    """

    kind: str
    words: str


def find_crisis(text: str) -> CrisisSign | None:
    """Return the first sign of self-harm in a Chinese or English text, if there is any.

    It errs on the side of caution: of a person who speaks about somebody else, or about the past,
    it does not know better. It needs no model, cannot fail, and finds the same every time.
    """
    said = _folded(text)
    for figure in _rules().harmless:
        said = figure.sub(" ~ ", said)
    for kind, patterns in _rules().signs.items():
        for pattern in patterns:
            if found := pattern.search(said):
                return CrisisSign(kind, found.group().strip())
    return None


@dataclass(frozen=True, slots=True)
class _Rules:
    harmless: Sequence[re.Pattern[str]]
    signs: Mapping[str, Sequence[re.Pattern[str]]]


@cache
def _rules() -> _Rules:
    text = files("xy_core.modules.emotion").joinpath("crisis.toml").read_text("utf-8")
    stored = tomllib.loads(text)
    return _Rules(
        [re.compile(pattern) for pattern in stored["harmless"]],
        {sign["name"]: [re.compile(p) for p in sign["patterns"]] for sign in stored["signs"]},
    )


def _folded(text: str) -> str:
    """Undo what hides words: capitals, wide letters, invisible characters, kinds of apostrophes."""
    if len(text) > _MAX_CHARACTERS:
        text = text[: _MAX_CHARACTERS // 2] + " " + text[-_MAX_CHARACTERS // 2 :]
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return _SPACES.sub(" ", _APOSTROPHES.sub("", plain)).strip()
