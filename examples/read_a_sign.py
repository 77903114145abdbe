"""A question about a picture: what is written on it, and what the agent makes of that.

Prints:
    line: Welcome to the tea house ...
    line: 欢迎光临茶馆 ...
    reply: ...
"""

import asyncio
from pathlib import Path

from xy_core.agent import Seen, TurnDone, UserInput
from xy_core.modules.vision import Picture
from xy_core.runtime import open_runtime
from xy_core.settings import load_settings

SIGN = Path(__file__).parents[1] / "samples" / "sign.png"


async def main() -> None:
    settings = load_settings(overrides={"agent": {"speak": False}})
    async with open_runtime(settings) as runtime:
        asked = UserInput("What does it say?", image=Picture.load(SIGN, max_pixels=4_000_000))
        async for event in runtime.agent.respond(asked):
            match event:
                case Seen(facts):
                    for line in facts.lines:
                        print(f"line: {line.text} ({line.confidence:.0%})")
                case TurnDone(reply):
                    print("reply:", reply)


asyncio.run(main())
