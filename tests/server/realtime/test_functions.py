"""Functions that the client runs: real models, made to call by ``tool_choice``."""

from __future__ import annotations

import json

import openai
import pytest

from tests.server.realtime.test_conversation import of, talking, until
from xy_core.modules.memory import MemoryService
from xy_core.runtime import Runtime

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]

LIGHT = {
    "type": "function",
    "name": "switch_light",
    "description": "Switch the light on or off.",
    "parameters": {
        "type": "object",
        "properties": {"on": {"type": "boolean"}},
        "required": ["on"],
        "additionalProperties": False,
    },
}


def session(**changes: object) -> dict[str, object]:
    return {"type": "realtime", "output_modalities": ["text"], "tools": [LIGHT]} | changes


async def ask(connection, words: str) -> None:
    content = [{"type": "input_text", "text": words}]
    item = {"type": "message", "role": "user", "content": content}
    await connection.conversation.item.create(item=item)


async def test_a_function_is_called_and_its_result_is_answered(
    client: openai.AsyncOpenAI, runtime: Runtime
):
    async with talking(client, "caller") as connection:
        await connection.session.update(session=session(tool_choice="required"))
        updated = await connection.recv()
        assert updated.session.tools[0].name == "switch_light"
        await ask(connection, "Please switch the light on.")
        await connection.response.create()
        events = await until(connection, "response.done")
        kinds = [event.type for event in events]
        (done,) = of("response.function_call_arguments.done", events)
        (delta,) = of("response.function_call_arguments.delta", events)
        assert json.loads(done.arguments).keys() == {"on"}
        assert delta.delta == done.arguments
        assert kinds.index("response.output_item.added") < kinds.index(delta.type)
        (item,) = events[-1].response.output
        assert (item.type, item.name, item.call_id) == (
            "function_call",
            "switch_light",
            done.call_id,
        )
        assert events[-1].response.status == "completed"

        output = {
            "type": "function_call_output",
            "call_id": done.call_id,
            "output": '{"light": "on"}',
        }
        await connection.conversation.item.create(item=output)
        (added, _) = await until(connection, "conversation.item.done")
        assert added.item.type == "function_call_output"
        await connection.response.create()
        events = await until(connection, "response.done")
        assert events[-1].response.output[0].content[0].text
        assert not of("response.function_call_arguments.done", events)
    turns = await runtime.engine.module(MemoryService).recent("caller", 5)
    assert [(one.role, bool(one.text)) for one in turns] == [("user", True), ("assistant", True)]
    assert turns[0].text == "Please switch the light on."


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tools": [LIGHT | {"name": "no name"}]}, "tools.0.name"),
        ({"tools": [LIGHT, LIGHT]}, "name of its own"),
        ({"tools": [LIGHT] * 129}, "tools"),
        ({"tool_choice": {"type": "function", "name": "other"}}, "tool_choice"),
    ],
)
async def test_tools_that_cannot_be_used_are_refused(client, change, says):
    async with talking(client, "wrong") as connection:
        await connection.session.update(session=session(**change))
        event = await connection.recv()
        assert event.type == "error"
        assert says in event.error.message


async def test_a_result_that_nobody_asked_for_is_refused(client):
    async with talking(client, "wrong") as connection:
        output = {"type": "function_call_output", "call_id": "call_0", "output": "x"}
        await connection.conversation.item.create(item=output)
        event = await connection.recv()
        assert event.type == "error"
        assert "call_id" in event.error.message
