"""A transcript from what sherpa-onnx's recognisers return."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from xy_core.modules.voice.transcript import Transcript, TranscriptSegment, Word

_TAG = re.compile(r"<\|(\w*)\|>")
_HAN = re.compile(r"[\u3400-\u9fff]")


def transcript_of(
    result: Any,  # noqa: ANN401 - untyped library
    start: float,
    end: float,
    asked: str | None,
) -> Transcript:
    """Return what was heard.

    Args:
        result: of an offline or an online recogniser; its times count from `start`.
        start: where the utterance begins, in seconds.
        end: where it ends.
        asked: the language that was asked for.
    """
    text = result.text.strip()
    tag = _TAG.fullmatch(getattr(result, "lang", "") or "")
    language = asked or (tag.group(1) if tag else "") or _by_script(text)
    if not text:
        return Transcript("", asked or "")
    scores = getattr(result, "ys_probs", None) or []
    confidence = float(np.exp(min(np.mean(scores), 0.0))) if scores else 1.0
    words = _words(list(result.tokens), list(result.timestamps), start, end)
    segment = TranscriptSegment(text, start, end, confidence, words)
    return Transcript(text, language, (segment,), 1.0 if asked else 0.0)


def _by_script(text: str) -> str:
    return "zh" if _HAN.search(text) else "en"


def _words(tokens: list[str], times: list[float], start: float, end: float) -> tuple[Word, ...]:
    """Join the pieces of words: one begins with a blank, or is a Chinese character."""
    begun: list[tuple[str, float]] = []
    for token, time in zip(tokens, times, strict=False):
        piece = token.replace("▁", " ")
        if begun and not piece.startswith(" ") and not _HAN.match(piece.strip()):
            begun[-1] = (begun[-1][0] + piece, begun[-1][1])
        else:
            begun.append((piece, start + time))
    ends = [at for _, at in begun[1:]] + [end]
    return tuple(
        Word(text.strip(), at, max(until, at))
        for (text, at), until in zip(begun, ends, strict=True)
        if text.strip()
    )
