"""What two persons said is kept apart, found by its meaning, and forgotten when asked.

Prints:
    lin: My cat Momo is afraid of thunder.
    bo: My cat is called Tiger.
    forgot 1 of lin's
    lin: nothing
"""

import asyncio

from xy_core.modules.memory import MemoryService
from xy_core.runtime import open_runtime
from xy_core.settings import load_settings


async def main() -> None:
    async with open_runtime(load_settings(), ["memory"]) as runtime:
        memory = runtime.engine.module(MemoryService)
        await memory.remember_fact("lin", "My cat Momo is afraid of thunder.")
        await memory.remember_fact("bo", "My cat is called Tiger.")
        await memory.settle()
        for person in ("lin", "bo"):
            (found,) = await memory.recall(person, "the pet in a storm", limit=1)
            print(f"{person}: {found.memory.text}")
        print(f"forgot {await memory.forget('lin')} of lin's")
        left = await memory.recall("lin", "the pet in a storm", limit=1)
        print("lin:", left[0].memory.text if left else "nothing")


asyncio.run(main())
