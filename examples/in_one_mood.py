"""What a sentence feels like, what the agent decides, and its words.

Prints:
    felt: sadness
    policy: soothe
    directive: ...
    reply: ...
"""

import asyncio

from xy_core.agent import Expressed, Felt, TurnDone, UserInput
from xy_core.runtime import open_runtime
from xy_core.settings import load_settings


async def main() -> None:
    settings = load_settings(overrides={"agent": {"speak": False}})
    async with open_runtime(settings) as runtime:
        async for event in runtime.agent.respond(UserInput("My dog died yesterday.")):
            match event:
                case Felt(reading):
                    print("felt:", reading.top.value)
                case Expressed(expression):
                    print("policy:", expression.policy.value)
                    print("directive:", expression.directive)
                case TurnDone(reply):
                    print("reply:", reply)


asyncio.run(main())
