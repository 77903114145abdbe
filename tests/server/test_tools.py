"""Tools, structured output, sampling and usage of bare models, by the official client."""

from __future__ import annotations

import json

import openai
import pytest
from pydantic import BaseModel

from xy_core.settings import load_settings

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]
CHAT = "smollm2-135m-instruct"
ASKED = [{"role": "user", "content": "What is the weather in Paris?"}]
CITY = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Rome"]}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = {"name": "get_weather", "description": "The weather in a city.", "parameters": CITY}
TOOLS = [{"type": "function", "function": WEATHER}]
NAMED = {"type": "function", "function": {"name": "get_weather"}}
ENOUGH = {"max_tokens": 80, "temperature": 0}


class Answer(BaseModel):
    """What a reply has to be."""

    yes: bool


@pytest.fixture(scope="module")
def settings(model_store, tmp_path_factory):
    """One model that was taught, and one that was not."""
    folder = tmp_path_factory.mktemp("server")
    models = [
        {"id": CHAT, "languages": ["en"]},
        {"id": "gemma3-270m-base", "languages": ["zh"], "prompt": "few_shot"},
    ]
    return load_settings(
        overrides={
            "modules": ["llm"],
            "llm": {"models": models, "context_tokens": 512},
            "models": {"root": model_store.root},
            "server": {"port": 0, "keys": folder / "keys.json"},
        }
    )


def chat(client, **options):
    return client.chat.completions.create(**{"model": CHAT, "messages": ASKED} | options)


def respond(client, **options):
    return client.responses.create(**{"model": CHAT, "input": "The weather in Paris?"} | options)


@pytest.mark.parametrize("choice", ["required", NAMED])
async def test_a_tool_that_must_be_called_is_called(client, choice):
    reply = await chat(client, tools=TOOLS, tool_choice=choice, **ENOUGH)
    (choice,) = reply.choices
    (call,) = choice.message.tool_calls
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert (call.type, call.function.name) == ("function", "get_weather")
    assert json.loads(call.function.arguments)["city"] in {"Paris", "Rome"}
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


async def test_a_call_is_streamed_and_its_result_is_read(client):
    async with client.chat.completions.stream(
        model=CHAT, messages=ASKED, tools=TOOLS, tool_choice="required", **ENOUGH
    ) as stream:
        names = [event.type async for event in stream]
        reply = await stream.get_final_completion()
    assert "tool_calls.function.arguments.done" in names
    message = reply.choices[0].message
    (call,) = message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "It is sunny."}
    messages = [*ASKED, message.model_dump(exclude_none=True), result]
    after = await chat(client, messages=messages, tools=TOOLS, max_tokens=5)
    before = await chat(client, tools=TOOLS, max_tokens=5)
    assert after.usage.prompt_tokens > before.usage.prompt_tokens


async def test_tools_that_are_not_to_be_called_are_not(client):
    reply = await chat(client, tools=TOOLS, tool_choice="none", max_tokens=10)
    assert reply.choices[0].message.tool_calls is None
    assert reply.choices[0].message.content


async def test_a_reply_follows_a_schema(client):
    question = [{"role": "user", "content": "Is water wet? Answer in JSON."}]
    parsed = await client.chat.completions.parse(
        model=CHAT, messages=question, response_format=Answer, **ENOUGH
    )
    assert isinstance(parsed.choices[0].message.parsed, Answer)
    free = await chat(client, messages=question, response_format={"type": "json_object"}, **ENOUGH)
    if free.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(free.choices[0].message.content), dict)


async def test_the_same_seed_writes_the_same_and_usage_tells_the_length(client):
    wild = {"temperature": 1.5, "top_p": 0.95, "max_tokens": 12, "presence_penalty": 0.5}
    first, again = [await chat(client, seed=-5, **wild) for _ in range(2)]
    other = await chat(client, seed=6, **wild)
    assert first.choices[0].message.content == again.choices[0].message.content
    assert first.choices[0].message.content != other.choices[0].message.content
    assert first.usage.completion_tokens <= 12
    assert again.usage.prompt_tokens == first.usage.prompt_tokens > 5


async def test_a_stream_tells_its_usage_when_asked(client):
    stream = await chat(client, stream=True, max_tokens=4, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 4
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


async def test_the_agent_says_what_was_exchanged(client):
    hello = [{"role": "user", "content": "Say hello."}]
    reply = await client.chat.completions.create(model="xy-agent", messages=hello)
    assert reply.usage.prompt_tokens > 2
    assert reply.usage.completion_tokens > 0
    for extra in ({"tools": TOOLS}, {"response_format": {"type": "json_object"}}, {"stop": "a"}):
        with pytest.raises(openai.BadRequestError, match="does not support") as refused:
            await client.chat.completions.create(model="xy-agent", messages=hello, **extra)
        assert refused.value.param in extra


# -- the same as responses ---------------------------------------------------------------------


async def test_a_response_calls_a_function_and_reads_what_it_gave(client):
    tool = {"type": "function", **WEATHER}
    said = await respond(client, tools=[tool], tool_choice="required", temperature=0)
    (call,) = said.output
    assert (call.type, call.name, call.status) == ("function_call", "get_weather", "completed")
    assert said.tools[0].name == "get_weather"
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "It is sunny."}
    given = [{"role": "user", "content": "The weather?"}, call.model_dump(mode="json"), result]
    after = await respond(client, input=given, tools=[tool], max_output_tokens=5)
    usage = after.usage
    assert usage.output_tokens == 5
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


async def test_a_function_call_is_streamed(client):
    named = {"type": "function", "name": "get_weather"}
    async with client.responses.stream(
        model=CHAT,
        input="The weather in Paris?",
        tools=[{"type": "function", "strict": True, **WEATHER}],
        tool_choice=named,
        temperature=0,
    ) as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    names = [event.type for event in events]
    assert names == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert json.loads(final.output[0].arguments)["city"] in {"Paris", "Rome"}
    assert final.usage.output_tokens > 0


async def test_a_response_follows_a_schema(client):
    parsed = await client.responses.parse(
        model=CHAT, input="Is water wet?", text_format=Answer, temperature=0
    )
    assert isinstance(parsed.output_parsed, Answer)


# -- what cannot be done -----------------------------------------------------------------------

DEEP = json.loads('{"not":' * 45 + "{}" + "}" * 45)


@pytest.mark.parametrize(
    "options",
    [
        {"tools": TOOLS * 2},
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "other"}}},
        {"tool_choice": "required"},
        {"tools": [{"type": "function", "function": {"name": "no spaces"}}]},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": DEEP}}]},
        {"tools": [{"type": "web_search"}]},
        {"tools": TOOLS * 10_000},
        {"tools": TOOLS, "tool_choice": "required", "max_tokens": 1},
        {"tools": TOOLS, "response_format": {"type": "json_object"}},
        {"tools": TOOLS, "tool_choice": "required", "model": "gemma3-270m-base"},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": DEEP}}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "odd"}}}},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "xml"}},
        {"stop": ["a"] * 17},
        {"seed": 2**63},
        {"frequency_penalty": 5},
        {"messages": [{"role": "tool", "content": "sunny"}]},
        {"messages": [{"role": "user", "content": "\ud800"}]},
    ],
)
async def test_what_makes_no_sense_is_refused(http, options):
    body = {"model": CHAT, "messages": ASKED} | options
    answer = await http.post(
        "/v1/chat/completions",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_a_model_that_is_not_there_and_too_long_a_prompt_have_their_codes(client):
    with pytest.raises(openai.NotFoundError) as unknown:
        await chat(client, model="gpt-9")
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    long = [{"role": "user", "content": "hello " * 2_000}]
    for options in ({}, {"stream": True}):
        with pytest.raises(openai.BadRequestError) as refused:
            await chat(client, messages=long, **options)
        assert refused.value.code == "context_length_exceeded"
