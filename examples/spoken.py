"""Speech in, speech out: hears a recording and keeps the spoken reply as a file.

Prints:
    heard: My grandmother died last night...
    reply: ...
    spoken: out/reply.wav, ... s
"""

import asyncio
from pathlib import Path

from xy_core.agent import TurnRecord, UserInput
from xy_core.modules.voice import read_audio, write_wav
from xy_core.runtime import open_runtime
from xy_core.settings import load_settings

RECORDING = Path(__file__).parents[1] / "samples" / "sad_news.wav"


async def main() -> None:
    record = TurnRecord()
    async with open_runtime(load_settings()) as runtime:
        said = UserInput(audio=read_audio(RECORDING, max_seconds=60))
        async for event in runtime.agent.respond(said):
            record.add(event)
    print("heard:", record.as_json()["transcript"]["text"])
    print("reply:", record.reply)
    if record.audio is not None:
        write_wav(Path("out/reply.wav"), record.audio)
        print(f"spoken: out/reply.wav, {record.audio.seconds:.1f} s")


asyncio.run(main())
