"""A mood moves through a conversation; whoever subscribes hears of each step.

Only the emotion module is loaded: reading takes milliseconds.

Prints:
    I passed my exam!                       joy      mood +0.4...
    We are going to celebrate tonight.      joy      mood +0.4...
    They cancelled the party.               ...
    Somebody stole my bike!                 anger    mood ...
"""

import asyncio

from xy_core.modules.emotion import EmotionService, MoodMoved
from xy_core.runtime import open_runtime
from xy_core.settings import load_settings

SAID = (
    "I passed my exam!",
    "We are going to celebrate tonight.",
    "They cancelled the party.",
    "Somebody stole my bike!",
)


async def main() -> None:
    async with open_runtime(load_settings(), ["emotion"]) as runtime:
        emotion = runtime.engine.module(EmotionService)
        async with runtime.engine.bus.subscribe(MoodMoved) as moves:
            for words in SAID:
                await emotion.feel("lin", await emotion.read_text(words))
                moved = await anext(moves)
                print(f"{words:<40}{moved.reading.top:<9}mood {moved.mood.valence:+.2f}")


asyncio.run(main())
