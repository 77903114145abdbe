"""A companion in the terminal: type, and it answers; an empty line ends it.

Prints, if "Hello!" is typed:
    > ...
    >
"""

import asyncio

from xy_core.agent import ReplyToken, UserInput
from xy_core.runtime import open_runtime
from xy_core.settings import load_settings


async def main() -> None:
    async with open_runtime(load_settings()) as runtime:
        while words := (await asyncio.to_thread(input, "> ")).strip():
            async for event in runtime.agent.respond(UserInput(words)):
                if isinstance(event, ReplyToken):
                    print(event.text, end="", flush=True)
            print()


asyncio.run(main())
