"""What programs that speak the Model Context Protocol can ask of the modules."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver import Audio as AudioContent
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from xy_core import __version__
from xy_core.agent import voice_in
from xy_core.core.errors import InputError, XyCoreError
from xy_core.modules.emotion import Emotion, EmotionService
from xy_core.modules.memory import MemoryService
from xy_core.modules.vision import VisionService
from xy_core.modules.voice import Audio, VoiceService, write_wav
from xy_core.runtime import Runtime
from xy_core.server.media import audio_of, picture_of

T = TypeVar("T")

Picture = Annotated[str, Field(description="A picture file (PNG, JPEG, WebP) in base64.")]
Recording = Annotated[str, Field(description="A recording (WAV, FLAC, OGG) in base64.")]
Person = Annotated[
    str, Field(min_length=1, max_length=200, description="Whose memory and mood it is.")
]
Text = Annotated[str, Field(min_length=1, max_length=10_000)]
Limit = Annotated[int, Field(ge=1, le=50)]
_INSTRUCTIONS = (
    "Sees, hears, speaks, reads emotions and remembers on this machine; nothing leaves it."
)


def make_server(runtime: Runtime) -> MCPServer[Any]:
    """Return a server whose tools are those of the modules that run."""
    server: MCPServer[Any] = MCPServer(
        "xy-core", title="xy-core", version=__version__, instructions=_INSTRUCTIONS
    )
    tools = Tools(runtime)
    for tool in (
        tools.look_at_picture,
        tools.transcribe,
        tools.speak,
        tools.read_emotion,
        tools.remember,
        tools.recall,
        tools.mood_of,
    ):
        server.add_tool(tool)
    return server


class Tools:
    """The tools; each failure that can be foreseen is told to the model that called it.

    Their docstrings are what a model reads before it calls them.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def look_at_picture(self, picture: Picture) -> dict[str, Any]:
        """Read what is written in a picture (Chinese and English) and measure its colours."""

        async def look() -> dict[str, Any]:
            seen = await picture_of(picture, self._runtime)
            return (await self._runtime.engine.module(VisionService).look(seen)).as_json()

        return await _told(look)

    async def transcribe(self, recording: Recording) -> dict[str, Any]:
        """Write down what is said in a recording, in whichever language it is."""

        async def listen() -> dict[str, Any]:
            audio = await audio_of(recording, self._runtime)
            heard = await self._runtime.engine.module(VoiceService).transcribe(audio)
            return {"text": heard.text, "language": heard.language}

        return await _told(listen)

    async def speak(
        self,
        text: Text,
        language: Annotated[str, Field(description="ISO 639-1: en, zh.")] = "en",
        emotion: Annotated[str, Field(description="How it is to sound.")] = "neutral",
    ) -> AudioContent:
        """Say a text aloud, in an emotion: joy, sadness, anger, fear, surprise, disgust, neutral.

        Returns a WAV recording.
        """

        async def say() -> AudioContent:
            style = voice_in(_emotion(emotion))
            voice = self._runtime.engine.module(VoiceService)
            async with aclosing(voice.speak(text, language=language, style=style)) as chunks:
                pieces = [chunk async for chunk in chunks]
            if not pieces:
                raise InputError("there is nothing in the text that can be said")
            return AudioContent(data=_wav(Audio.concat(pieces)), format="wav")

        return await _told(say)

    async def read_emotion(self, text: Text) -> dict[str, Any]:
        """Read which emotions a text shows, in Chinese or English, and how sure that is."""

        async def read() -> dict[str, Any]:
            emotion = self._runtime.engine.module(EmotionService)
            return (await emotion.read_text(text)).as_json()

        return await _told(read)

    async def remember(self, text: Text, person: Person = "user") -> str:
        """Keep something that stays true of a person, such as "Lin has a cat named Momo"."""

        async def keep() -> str:
            await self._runtime.engine.module(MemoryService).remember_fact(person, text)
            return "remembered"

        return await _told(keep)

    async def recall(
        self, query: Text, person: Person = "user", limit: Limit = 5
    ) -> list[dict[str, Any]]:
        """Find what is remembered of a person that bears on a question, best first."""

        async def find() -> list[dict[str, Any]]:
            memory = self._runtime.engine.module(MemoryService)
            found = await memory.recall(person, query, limit=limit)
            return [
                {"text": one.memory.text, "time": one.memory.time, "emotion": one.memory.emotion}
                for one in found
            ]

        return await _told(find)

    async def mood_of(self, person: Person = "user") -> dict[str, Any]:
        """Tell the mood that a person is in, from all that was said and shown lately."""

        async def mood() -> dict[str, Any]:
            return self._runtime.engine.module(EmotionService).mood(person).as_json()

        return await _told(mood)


async def _told(work: Callable[[], Awaitable[T]]) -> T:
    """Do a tool's work; what can be foreseen to fail becomes an answer that a model can read."""
    try:
        return await work()
    except XyCoreError as error:
        raise ToolError(str(error)) from error


def _emotion(name: str) -> Emotion:
    try:
        return Emotion(name)
    except ValueError:
        names = ", ".join(Emotion)
        raise InputError(f"emotion {name!r}: give one of {names}") from None


def _wav(audio: Audio) -> bytes:
    with tempfile.TemporaryDirectory(prefix="xy-core-") as folder:
        path = Path(folder, "speech.wav")
        write_wav(path, audio)
        return path.read_bytes()
