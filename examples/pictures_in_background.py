"""Describe a folder of pictures in the background while somebody chats in the foreground.

The pictures are LOW work: they run while nothing else is to be done, so the chat does not wait.

Prints, in an order that differs:
    chat: ...
    chat: ...
    sign.png: ...
"""

import asyncio
from pathlib import Path

from xy_core.agent import TurnDone, UserInput
from xy_core.core.task import TaskPriority
from xy_core.modules.vision import Picture, VisionService
from xy_core.runtime import Runtime, open_runtime
from xy_core.settings import load_settings

FOLDER = Path(__file__).parents[1] / "samples"


async def describe_all(runtime: Runtime) -> None:
    vision = runtime.engine.module(VisionService)
    for file in sorted(FOLDER.glob("*.png")):
        picture = Picture.load(file, max_pixels=4_000_000)
        facts = await vision.look(picture, priority=TaskPriority.LOW)
        print(f"{file.name}: {facts.describe('en')}")


async def chat(runtime: Runtime) -> None:
    for words in ("Hello, how are you?", "Tell me something nice."):
        async for event in runtime.agent.respond(UserInput(words)):
            if isinstance(event, TurnDone):
                print("chat:", event.reply)


async def main() -> None:
    settings = load_settings(overrides={"agent": {"speak": False}})
    async with open_runtime(settings) as runtime, asyncio.TaskGroup() as group:
        group.create_task(describe_all(runtime))
        group.create_task(chat(runtime))


asyncio.run(main())
