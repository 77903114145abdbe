"""A voice satellite: a microphone somewhere in the house, the agent on another machine.

Sends speech to the server as it comes (here from a recording, in blocks of 100 ms), and keeps what
comes back as a file. The server notices by itself when somebody has finished speaking.

Start a server first: xy-core serve

Prints:
    heard: My grandmother died last night...
    reply: ...
    spoken: out/satellite.wav, ... s
"""

import asyncio
import base64
import os
import wave
from pathlib import Path

import numpy as np
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from xy_core.modules.voice import read_audio

RECORDING = Path(__file__).parents[1] / "samples" / "sad_news.wav"
RATE = 24_000
"""Hz, of 16-bit samples, in both directions."""


async def main() -> None:
    server = os.environ.get("XY_SERVER", "http://127.0.0.1:8765")
    client = AsyncOpenAI(base_url=f"{server}/v1", api_key="none")
    async with client.realtime.connect(model="xy-agent") as connection:
        speaking = asyncio.create_task(speak(connection))
        words, sound = "", bytearray()
        async for event in connection:
            match event.type:
                case "conversation.item.input_audio_transcription.completed":
                    print("heard:", event.transcript)
                case "response.output_audio_transcript.delta":
                    words += event.delta
                case "response.output_audio.delta":
                    sound += base64.b64decode(event.delta)
                case "response.done":
                    break
                case "error":
                    raise SystemExit(event.error.message)
        await speaking
    print("reply:", words)
    keep(Path("out/satellite.wav"), bytes(sound))


async def speak(connection: AsyncRealtimeConnection) -> None:
    samples = read_audio(RECORDING, max_seconds=60).resampled(RATE).samples
    quiet = np.zeros(RATE, np.float32)
    pcm = (np.concatenate([samples, quiet]) * 32767).astype("<i2").tobytes()
    block = RATE // 10 * 2
    for start in range(0, len(pcm), block):
        piece = base64.b64encode(pcm[start : start + block]).decode()
        await connection.input_audio_buffer.append(audio=piece)


def keep(file: Path, pcm: bytes) -> None:
    file.parent.mkdir(exist_ok=True)
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(pcm)
    print(f"spoken: {file}, {len(pcm) / 2 / RATE:.1f} s")


asyncio.run(main())
