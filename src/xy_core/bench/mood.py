"""Whether the mood that is meant reaches the reply, the voice, the face and the picture.

Fifty scripted turns (``mood.tsv``: two people, one English, one Chinese) with the real models. Each
reply is read again by the recogniser, as a listener would. The same turns without the correction of
beginnings show what the language model does by itself.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from xy_core.agent import Agent, Checked, Expressed, Felt, Spoken, TurnDone, TurnFailed, UserInput
from xy_core.agent.consistency import Consistency, agrees
from xy_core.agent.express import express
from xy_core.bench.result import BenchResult, Check, Figures, Progress
from xy_core.core.errors import BackendError
from xy_core.modules.emotion import Affect, Emotion, EmotionReading
from xy_core.modules.emotion.speech.features import SpeechFeatures, measure
from xy_core.modules.emotion.speech.pitch import PitchTracker
from xy_core.modules.voice import Audio, VoiceService
from xy_core.runtime import Runtime, open_runtime
from xy_core.settings import Settings

_OUTPUTS = ("text", "speech", "avatar", "image")
_SAID = {
    "en": "I am walking home from the station, and then we can talk.",
    "zh": "我现在正从车站走回家，然后我们可以谈谈。",
}
"""Sentences without a feeling of their own, so that only the manner differs."""
_QUICK_STEP = 5


@dataclass(frozen=True, slots=True)
class ScriptedTurn:
    """One line of the script: the language, what the speaker feels, the words."""

    language: str
    felt: Emotion
    text: str


@dataclass(frozen=True, slots=True)
class PlayedTurn:
    """What came of a scripted turn.

    Attributes:
        turn: what was said.
        felt_right: whether the words were read as the script means them.
        consistency: the turn's own verdict.
        reached: which of the four outputs the expression reached.
        reply: the words of the reply.
    """

    turn: ScriptedTurn
    felt_right: bool
    consistency: Consistency
    reached: frozenset[str]
    reply: str


def script() -> list[ScriptedTurn]:
    """Return the fifty turns."""
    text = files("xy_core.bench").joinpath("mood.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    return [ScriptedTurn(language, Emotion(felt), words) for language, felt, words in rows]


def run(settings: Settings, *, quick: bool, progress: Progress) -> BenchResult:
    """Play the script with and without correction, and measure the voices; blocks.

    Args:
        settings: whose models are used; memory goes to a folder of its own.
        quick: every fifth turn only.
        progress: told what is being done.

    Raises:
        BackendError: a turn failed.
    """
    turns = script()[:: _QUICK_STEP if quick else 1]
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_run(_apart(settings, Path(folder)), turns, progress))


def _apart(settings: Settings, folder: Path) -> Settings:
    memory = settings.memory.model_copy(update={"path": folder / "memory.db", "embedding": None})
    return settings.model_copy(update={"memory": memory})


async def _run(
    settings: Settings, turns: Sequence[ScriptedTurn], progress: Progress
) -> BenchResult:
    async with open_runtime(settings, ("voice", "memory", "emotion", "llm")) as runtime:
        alone = await play(runtime, turns, "alone", progress, correct=False, speak=False)
        played = await play(runtime, turns, "corrected", progress, correct=True, speak=True)
        voices = {language: await _voices(runtime, language) for language in _SAID}
    rows: dict[str, Figures] = {
        "without correction": _figures(alone),
        "with correction": _figures(played),
    }
    for emotion in Emotion:
        of_one = [one for one in played if one.consistency.intended is emotion]
        if of_one:
            rows[f"meant as {emotion.value}"] = _figures(of_one)
    rows |= {f"voice {language}": figures for language, figures in voices.items()}
    reached = sum(len(one.reached) == len(_OUTPUTS) for one in played) / len(played)
    checks = [
        Check("replies read as meant", _agreement(played), 0.70, "at least"),
        Check("turns whose expression reaches all four outputs", reached, 1.0, "at least"),
    ]
    for language, figures in voices.items():
        checks += [
            Check(
                f"joy over sadness, semitones, {language}", figures["semitones"], 1.5, "at least"
            ),
            Check(f"joy over sadness, pace, {language}", figures["pace"], 1.1, "at least"),
        ]
    return BenchResult("mood", rows, checks)


async def play(
    runtime: Runtime,
    turns: Sequence[ScriptedTurn],
    name: str,
    progress: Progress,
    *,
    correct: bool,
    speak: bool,
) -> list[PlayedTurn]:
    """Play turns, one person a language.

    Args:
        runtime: a program with emotion, memory, language models and, to speak, voice.
        turns: of the script.
        name: of the persons; a new one begins without a mood.
        progress: told which turn it is.
        correct: whether beginnings in another mood are written again.
        speak: whether replies are spoken.

    Raises:
        BackendError: a turn failed.
    """
    config = runtime.settings.agent.model_copy(update={"correct": correct, "speak": speak})
    agent = Agent(runtime.engine, config)
    played = []
    for number, turn in enumerate(turns, 1):
        progress(f"{name}: {number}/{len(turns)}")
        played.append(await _play(agent, turn, f"{name}-{turn.language}"))
    return played


async def _play(agent: Agent, turn: ScriptedTurn, person: str) -> PlayedTurn:
    reached: set[str] = set()
    felt_right, reply = False, ""
    consistency: Consistency | None = None
    async with aclosing(agent.respond(UserInput(turn.text, person=person))) as events:
        async for event in events:
            match event:
                case Felt(reading):
                    felt_right = agrees(reading, turn.felt)
                case Expressed(expression):
                    reached |= {"avatar"} if sum(expression.avatar.values()) > 0 else set()
                    picture = expression.image_prompt("a street")
                    reached |= {"image"} if expression.image_mood in picture else set()
                case Spoken():
                    reached.add("speech")
                case Checked(verdict):
                    consistency = verdict
                case TurnDone(words):
                    reply = words
                    reached |= {"text"} if words else set()
                case TurnFailed(error):
                    raise BackendError(f"the turn {turn.text!r} failed: {error}") from error
                case _:
                    pass
    if consistency is None:
        raise BackendError(f"the turn {turn.text!r} was not checked")
    return PlayedTurn(turn, felt_right, consistency, frozenset(reached), reply)


def _agreement(played: Sequence[PlayedTurn]) -> float:
    return round(sum(one.consistency.outputs["text"] for one in played) / len(played), 4)


def _figures(played: Sequence[PlayedTurn]) -> Figures:
    read_as = Counter(
        one.consistency.reading.top.value
        for one in played
        if one.consistency.reading is not None and not one.consistency.outputs["text"]
    )
    return {
        "turns": len(played),
        "agreement": _agreement(played),
        "corrected": sum(one.consistency.corrected for one in played),
        "words_read_as_scripted": round(sum(one.felt_right for one in played) / len(played), 4),
        "flagged": sum(not one.consistency.agrees for one in played),
    } | {f"read_as_{emotion}": count for emotion, count in sorted(read_as.items())}


async def _voices(runtime: Runtime, language: str) -> dict[str, float]:
    """Say one sentence joyfully and sadly, and measure both recordings."""
    tracker = PitchTracker(1)
    tracker.load()
    spoken: dict[Emotion, tuple[SpeechFeatures, Audio]] = {}
    for emotion in (Emotion.JOY, Emotion.SADNESS):
        shares = {one: float(one is emotion) for one in Emotion}
        style = express(EmotionReading(shares, 1.0, unsure=False), language, Affect(shares)).voice
        stream = runtime.engine.module(VoiceService).speak(
            _SAID[language], language=language, style=style
        )
        async with stream as chunks:
            audio = Audio.concat([chunk async for chunk in chunks])
        features = measure(tracker.track(audio.samples, audio.rate))
        if features is None:
            raise BackendError(f"no voice is heard in the {language} sentence")
        spoken[emotion] = features, audio
    (joy, joyful), (sadness, sad) = spoken[Emotion.JOY], spoken[Emotion.SADNESS]
    return {
        "semitones": round(joy.pitch - sadness.pitch, 3),
        "pace": round(sad.seconds / joyful.seconds, 4),
        "decibels": round(joy.loudness - sadness.loudness, 3),
        "joy_hertz": round(float(100 * np.exp2(joy.pitch / 12)), 1),
        "sadness_hertz": round(float(100 * np.exp2(sadness.pitch / 12)), 1),
    }
