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
    words = _words(text, list(result.tokens), list(result.timestamps), start, end)
    segment = TranscriptSegment(text, start, end, confidence, words)
    return Transcript(text, language, (segment,), 1.0 if asked else 0.0)


def _by_script(text: str) -> str:
    return "zh" if _HAN.search(text) else "en"


def _words(
    text: str, tokens: list[str], times: list[float], start: float, end: float
) -> tuple[Word, ...]:
    """Join the pieces of words: where one begins, the text has a blank or a Chinese character.

    Their own marks differ: SentencePiece's blank stands before a word, Paraformer's ``@@`` after
    all its pieces but the last. Streaming Paraformers, and older exports of the others, tell no
    times: then nobody knows when a word was said, and there are no words.
    """
    if len(times) < len(tokens):
        return ()
    begun: list[tuple[str, float]] = []
    at = 0
    for token, time in zip(tokens, times, strict=False):
        piece = token.replace("▁", " ").removesuffix("@@").strip()
        if not piece:  # a mark alone
            continue
        place = len(text) - len(text[at:].lstrip())
        apart = token.startswith(("▁", " "))
        if text.startswith(piece, place):  # else the text spells it differently
            apart = place > at
            at = place + len(piece)
        if begun and not apart and not _HAN.match(piece):
            begun[-1] = (begun[-1][0] + piece, begun[-1][1])
        else:
            begun.append((piece, start + time))
    ends = [said for _, said in begun[1:]] + [end]
    return tuple(
        Word(word, said, max(until, said)) for (word, said), until in zip(begun, ends, strict=True)
    )
