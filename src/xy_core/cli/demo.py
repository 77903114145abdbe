"""``xy-core demo``: three complete turns on real models, saved for a look and a listen."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from xy_core.agent import Felt, ReplyToken, SentenceWritten, TurnEvent, TurnRecord, UserInput
from xy_core.cli.files import write_json, write_text
from xy_core.cli.i18n import tr
from xy_core.cli.models import open_store, pull_all
from xy_core.cli.report import render_report
from xy_core.cli.show import lanes_table, mood_line
from xy_core.core.errors import BackendError
from xy_core.modules.vision import Picture
from xy_core.modules.voice import Audio, VoiceService, read_audio, spoken_text, write_wav
from xy_core.runtime import Runtime, open_runtime
from xy_core.settings import Settings

_PACKAGE = Path(__file__).parents[1]
_SAMPLES = next(
    folder
    for folder in (_PACKAGE / "samples", _PACKAGE.parents[1] / "samples")
    if folder.is_dir() or folder.parent != _PACKAGE
)
"""Inside the package when installed, beside ``src`` in a checkout."""
_REFRESH = 4
"""Redraws of the live table in a second."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """One turn of the demonstration."""

    title: tuple[str, str]
    text: str = ""
    audio: str = ""
    image: str = ""

    def input(self, settings: Settings) -> UserInput:
        voice, vision = settings.voice, settings.vision
        return UserInput(
            text=self.text,
            audio=read_audio(_SAMPLES / self.audio, voice.max_seconds) if self.audio else None,
            image=Picture.load(_SAMPLES / self.image, vision.max_pixels) if self.image else None,
            person="demo",
        )


_SCENES = (
    _Scene(("A sad sentence, spoken in English", "一句悲伤的英语语音"), audio="sad_news.wav"),
    _Scene(
        ("A picture with text, and a question", "一张有文字的图片和一个问题"),
        text="What does this sign say?",
        image="sign.png",
    ),
    _Scene(
        ("A joyful message, typed in Chinese", "一条喜悦的中文消息"),
        text="我今天收到了大学的录取通知书，太开心了！",
    ),
)


def run_demo(settings: Settings, out: Path) -> None:
    """Pull the models, run the scenes, and write everything to a folder."""
    console = Console()
    pull_all(open_store(settings), settings.profile, offline=settings.offline)
    # The demonstration starts from an empty memory each time, so that it can be repeated.
    memory = settings.memory.model_copy(update={"path": out / "memory.db"})
    _remove(out)
    asyncio.run(_demo(settings.model_copy(update={"memory": memory}), out, console))
    console.print(tr("Saved in ", "已保存到 ") + str(out), style="bold", markup=False)


async def _demo(settings: Settings, out: Path, console: Console) -> None:
    turns: list[dict[str, Any]] = []
    async with open_runtime(settings) as runtime:
        for number, scene in enumerate(_SCENES, 1):
            console.rule(f"{number}. {tr(*scene.title)}")
            record = await _play(runtime, scene, console)
            if record.error is not None:
                raise record.error
            if record.failures:
                parts = "; ".join(f"{part['part']}: {part['error']}" for part in record.failures)
                raise BackendError(f"turn {number} went on without a part: {parts}")
            console.print()
            turns.append(await _save(runtime, scene, record, out, number))
        trace = runtime.engine.scheduler.trace
        write_json(out / "trace.json", trace.as_report())
        write_json(out / "trace.perfetto.json", trace.as_perfetto())
        tasks = [task.as_json() for task in runtime.engine.scheduler.tasks()]
    write_json(out / "turns.json", turns)
    write_text(out / "report.html", render_report(turns, tasks))


async def _play(runtime: Runtime, scene: _Scene, console: Console) -> TurnRecord:
    """Run one turn under a live view of the lanes, the mood and the growing reply."""
    record = TurnRecord()
    mood = Text("")

    def view() -> Group:
        return Group(lanes_table(runtime.engine.scheduler), mood, Text(record.reply, "bold"))

    with Live(view(), console=console, refresh_per_second=_REFRESH, transient=False) as live:
        user_input = scene.input(runtime.settings)
        async with aclosing(runtime.agent.respond(user_input)) as events:
            async for event in events:
                record.add(event)
                mood = _mood(event, mood)
                if not isinstance(event, ReplyToken):
                    live.update(view(), refresh=isinstance(event, SentenceWritten))
        live.update(view(), refresh=True)
    return record


def _mood(event: TurnEvent, before: Text) -> Text:
    if isinstance(event, Felt):
        shares = {emotion.value: share for emotion, share in event.mood.probabilities.items()}
        return mood_line(shares)
    return before


async def _save(
    runtime: Runtime, scene: _Scene, record: TurnRecord, out: Path, number: int
) -> dict[str, Any]:
    """Write the turn's audio, listen to it again, and return the turn's entry."""
    if record.audio is None:
        raise BackendError(f"turn {number} was not spoken: its reply was {record.reply!r}")
    name = f"turn_{number}.wav"
    write_wav(out / name, record.audio)
    return {
        "turn": number,
        "input": {"text": scene.text, "audio": scene.audio, "image": scene.image},
        **record.as_json(),
        "audio": name,
        "audio_check": await _listen_again(runtime, record.audio, record.reply, record.language),
    }


async def _listen_again(
    runtime: Runtime, audio: Audio, reply: str, language: str
) -> dict[str, Any]:
    """Transcribe the spoken reply; the error rate counts words, or characters for Chinese."""
    voice = runtime.engine.module(VoiceService)
    heard = (await voice.transcribe(audio, language=language)).text
    said, repeated = spoken_text(reply), spoken_text(heard)
    rate = jiwer.cer if language == "zh" else jiwer.wer
    return {"heard": heard, "error_rate": round(float(rate(said, repeated)), 4)}


def _remove(out: Path) -> None:
    """Remove what an earlier demonstration left, and nothing else."""
    for pattern in ("memory.db*", "turn_*.wav", "turns.json", "trace*.json", "report.html"):
        for path in out.glob(pattern):
            path.unlink()
