"""``xy-core ask``: one turn from the command line."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from xy_core.agent import Heard, PartFailed, ReplyToken, Seen, TurnEvent, TurnRecord, UserInput
from xy_core.cli.files import write_json
from xy_core.cli.i18n import tr
from xy_core.cli.show import mood_line
from xy_core.core.errors import InputError
from xy_core.core.trace import Trace
from xy_core.modules.emotion import FaceScores
from xy_core.modules.vision import Picture
from xy_core.modules.voice import Audio, read_audio, write_wav
from xy_core.runtime import open_runtime
from xy_core.settings import Settings


@dataclass(frozen=True, slots=True)
class AskRequest:
    """What the user asked for on the command line."""

    text: str
    audio: Path | None
    image: Path | None
    face: str
    person: str
    out: Path | None

    def read(self, settings: Settings) -> UserInput:
        """Read the files; this comes before any model is loaded, so that mistakes show at once.

        Raises:
            InputError: a file cannot be used, or there is nothing to ask.
        """
        return UserInput(
            text=self.text,
            audio=read_audio(self.audio, settings.voice.max_seconds) if self.audio else None,
            image=Picture.load(self.image, settings.vision.max_pixels) if self.image else None,
            person=self.person,
            face=self._face_scores(),
        )

    def _face_scores(self) -> FaceScores | None:
        if not self.face:
            return None
        try:
            scores = json.loads(self.face)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f'--face is not JSON: write it as {{"happy": 0.8}} ({error})'
            ) from error
        return FaceScores.of(scores)


def run_ask(settings: Settings, request: AskRequest, *, as_json: bool) -> None:
    """Run the turn and print it; raises the turn's error if it failed."""
    record = asyncio.run(_ask(settings, request, _Silent() if as_json else _Printer()))
    if record.error is not None:
        raise record.error
    if as_json:
        value = record.as_json() | {"audio": _audio_path(request, record.audio)}
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


async def _ask(settings: Settings, request: AskRequest, listener: _Silent) -> TurnRecord:
    user_input = request.read(settings)
    record = TurnRecord()
    async with open_runtime(settings) as runtime:
        async with aclosing(runtime.agent.respond(user_input)) as events:
            async for event in events:
                record.add(event)
                listener.on(event)
        listener.end(record)
        if request.out is not None and record.error is None:
            save_turn(request.out, record, runtime.engine.scheduler.trace)
    return record


def save_turn(folder: Path, record: TurnRecord, trace: Trace) -> None:
    """Write ``reply.wav`` (if it spoke), ``turn.json`` and ``trace.json`` into a folder."""
    if record.audio is not None:
        write_wav(folder / "reply.wav", record.audio)
    write_json(folder / "turn.json", record.as_json())
    write_json(folder / "trace.json", trace.as_report())


def _audio_path(request: AskRequest, audio: Audio | None) -> str | None:
    return str(request.out / "reply.wav") if request.out and audio else None


class _Silent:
    """Shows nothing; the base of what shows something."""

    def on(self, event: TurnEvent) -> None:
        """Take in an event."""

    def end(self, record: TurnRecord) -> None:
        """Take in the end of the turn."""


class _Printer(_Silent):
    """Prints the reply as it is written, and what was perceived beside it."""

    def __init__(self) -> None:
        self._out = Console()
        self._side = Console(stderr=True, style="dim")

    def on(self, event: TurnEvent) -> None:
        match event:
            case Heard(transcript):
                self._side.print(tr("heard: ", "听到：") + transcript.text, markup=False)
            case Seen(facts):
                self._side.print(tr("seen: ", "看到：") + facts.describe("en"), markup=False)
            case PartFailed(part, error):
                self._side.print(f"{part}: {error}", markup=False)
            case ReplyToken(text):
                self._out.print(text, end="", markup=False, highlight=False, soft_wrap=True)
            case _:
                pass

    def end(self, record: TurnRecord) -> None:
        self._out.print()
        emotion: dict[str, Any] | None = record.as_json()["emotion"]
        if emotion:
            self._side.print(mood_line(emotion["mood"]["probabilities"]))
