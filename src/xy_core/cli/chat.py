"""``xy-core chat``: a conversation in the terminal."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from prompt_toolkit import PromptSession
from rich.console import Console

from xy_core.agent import ReplyToken, TurnRecord, UserInput
from xy_core.cli.ask import save_turn
from xy_core.cli.i18n import tr
from xy_core.cli.show import lanes_table, mood_line
from xy_core.core.errors import InputError, XyCoreError
from xy_core.modules.vision import Picture
from xy_core.modules.voice import Audio, read_audio
from xy_core.runtime import Runtime, open_runtime
from xy_core.settings import Settings

_HELP = (
    "/image FILE  /audio FILE  /lanes  /help  /quit",
    "/image 文件  /audio 文件  /lanes 通道  /help 帮助  /quit 退出",
)


def run_chat(settings: Settings, person: str, out: Path | None) -> None:
    """Talk until /quit, the end of the input, or Ctrl-C."""
    asyncio.run(_chat(settings, person, out))


async def _chat(settings: Settings, person: str, out: Path | None) -> None:
    console = Console()
    if out is None:
        settings = settings.model_copy(
            update={"agent": settings.agent.model_copy(update={"speak": False})}
        )
    with console.status(tr("Loading models…", "正在加载模型…")):
        opened = open_runtime(settings)
        runtime = await opened.__aenter__()
    try:
        await _Conversation(runtime, settings, console, person, out).run()
    finally:
        await opened.__aexit__(*sys.exc_info())


@dataclass
class _Conversation:
    runtime: Runtime
    settings: Settings
    console: Console
    person: str
    out: Path | None
    image: Picture | None = None
    audio: Audio | None = None
    turns: int = field(default=0)

    async def run(self) -> None:
        self.console.print(tr(*_HELP), style="dim", markup=False)
        async for line in _lines():
            command, _, argument = line.strip().partition(" ")
            try:
                if command in {"/quit", "/exit"}:
                    return
                await self._one(command, argument.strip(), line.strip())
            except XyCoreError as error:
                self.console.print(f"error: {error}", style="red", markup=False)

    async def _one(self, command: str, argument: str, line: str) -> None:
        match command:
            case "/help":
                self.console.print(tr(*_HELP), markup=False)
            case "/lanes":
                self.console.print(lanes_table(self.runtime.engine.scheduler))
            case "/image":
                self.image = Picture.load(Path(argument), self.settings.vision.max_pixels)
                self.console.print(tr("Now ask about it.", "请提问。"), style="dim")
            case "/audio":
                self.audio = read_audio(Path(argument), self.settings.voice.max_seconds)
                await self._turn("")
            case _ if command.startswith("/"):
                known = tr(*_HELP)
                raise InputError(f"{tr('unknown command', '未知命令')} {command}: {known}")
            case "" if self.image is None:
                return
            case _:
                await self._turn(line)

    async def _turn(self, text: str) -> None:
        user_input = UserInput(text, self.audio, self.image, self.person)
        self.audio = self.image = None
        record = TurnRecord()
        async with aclosing(self.runtime.agent.respond(user_input)) as events:
            async for event in events:
                record.add(event)
                if isinstance(event, ReplyToken):
                    self.console.print(
                        event.text, end="", markup=False, highlight=False, soft_wrap=True
                    )
        self.console.print()
        if record.error is not None:
            raise record.error
        emotion = record.as_json()["emotion"]
        if emotion:
            self.console.print(mood_line(emotion["mood"]["probabilities"]), style="dim")
        self.turns += 1
        if self.out is not None:
            save_turn(self.out / f"turn_{self.turns}", record, self.runtime.engine.scheduler.trace)


async def _lines() -> AsyncIterator[str]:
    """Yield what the user types, or the lines of a pipe."""
    if not sys.stdin.isatty():
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="replace")
        while line := await _read_line():
            yield line
        return
    session: PromptSession[str] = PromptSession()
    while True:
        try:
            yield await session.prompt_async("› ")
        except EOFError:
            return


async def _read_line() -> str:
    """Read a line of a pipe in a daemon thread, since nothing can interrupt a read."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def hand_over(text: str) -> None:
        if not line.done():
            line.set_result(text)

    def read() -> None:
        text = sys.stdin.readline()
        with suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            loop.call_soon_threadsafe(hand_over, text)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    return await line
