"""What every engine has to do, whichever it is: the same tests over each, with real parts."""

from __future__ import annotations

import asyncio
import inspect
import json
from contextlib import aclosing

import pytest
import pytest_asyncio

from tests.modules.held import TIMES, nothing_left_of
from tests.modules.llm.engines import ENGINES
from xy_core.core.errors import ContextExceeded, InputError
from xy_core.core.task import TaskPriority, TaskStatus
from xy_core.modules.llm import Message, Sampling, Tool, ToolCall

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]

ASKED = [Message("system", "You are kind."), Message("user", "Tell me about the weather.")]
GREEDY = Sampling(temperature=0, max_tokens=8)
LONG = Sampling(temperature=1, max_tokens=400)
YES_OR_NO = {
    "type": "object",
    "properties": {"warm": {"type": "boolean"}},
    "required": ["warm"],
    "additionalProperties": False,
}
WEATHER = Tool(
    "get_weather",
    "The weather of a city.",
    {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request):
    """Opens a service with one model of the engine, and its scheduler."""
    return ENGINES[request.param]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(engine, model_store, tmp_path_factory):
    """A service of the engine that all tests share, and its scheduler."""
    async with engine(model_store, tmp_path_factory.mktemp("tiny")) as both:
        yield both


@pytest.fixture
def service(running):
    return running[0]


@pytest.fixture
def scheduler(running):
    return running[1]


@pytest.fixture
def busy(scheduler):
    """Tells how many tasks run or wait in any lane, and in the service's own engine."""

    def count():
        return sum(one.running + one.waiting for one in scheduler.statistics().values())

    return count


async def pieces(service, messages=ASKED, **options):
    async with service.generate(messages, **options) as stream:
        return [delta async for delta in stream]


async def test_it_writes_and_tells_at_the_end_why_and_at_what_cost(service):
    deltas = await pieces(service, sampling=GREEDY)
    assert "".join(delta.text for delta in deltas)
    assert [delta.finish_reason for delta in deltas[:-1]] == [None] * (len(deltas) - 1)
    last = deltas[-1]
    assert last.finish_reason in {"length", "stop"}
    assert 0 < last.usage.completion_tokens <= 8
    counted = await service.count_tokens(ASKED)
    assert 0 < last.usage.prompt_tokens <= counted
    assert last.usage.cached_tokens <= last.usage.prompt_tokens


async def test_a_whole_reply_is_its_pieces(service):
    whole = await service.complete(ASKED, sampling=GREEDY)
    assert whole.text == "".join(one.text for one in await pieces(service, sampling=GREEDY))
    assert whole.usage.completion_tokens > 0


async def test_the_same_seed_writes_the_same_and_another_seed_something_else(service):
    async def written(seed):
        sampling = Sampling(temperature=1.5, max_tokens=12, seed=seed)
        return (await service.complete(ASKED, sampling=sampling)).text

    # A warm prompt cache may round differently from a cold one: both runs find it warm.
    await written(0)
    first = await written(1)
    assert first == await written(1)
    assert {first} != {await written(seed) for seed in (2, 3, 4)}


async def test_a_stop_text_ends_the_reply_and_is_not_shown(service):
    text = (await service.complete(ASKED, sampling=GREEDY)).text
    stop = text[len(text) // 2 :][:2]
    reply = await service.complete(
        ASKED, sampling=Sampling(temperature=0, max_tokens=8, stop=(stop,))
    )
    assert reply.text == text[: text.index(stop)]
    assert reply.finish_reason == "stop"


async def test_a_schema_is_kept(service):
    reply = await service.complete(ASKED, schema=YES_OR_NO, sampling=Sampling(max_tokens=40))
    assert isinstance(json.loads(reply.text)["warm"], bool)
    assert reply.finish_reason == "stop"


@pytest.mark.parametrize("choice", ["required", "get_weather"])
async def test_a_tool_that_must_be_called_is_called(service, choice):
    if service.config.models[0].engine == "openai":
        pytest.skip("whether it is called is the server's affair: see test_openai_server.py")
    reply = await service.complete(
        ASKED, tools=[WEATHER], tool_choice=choice, sampling=Sampling(max_tokens=80)
    )
    (call,) = reply.tool_calls
    assert (reply.finish_reason, reply.text, call.name) == ("tool_calls", "", "get_weather")
    assert json.loads(call.arguments)["city"] in {"Paris", "Rome"}
    assert call.id


async def test_a_tool_s_result_is_read(service):
    call = ToolCall("call_1", "get_weather", '{"city": "Rome"}')
    talk = [
        *ASKED,
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", "sunny", tool_call_id="call_1"),
    ]
    reply = await service.complete(talk, tools=[WEATHER], sampling=GREEDY)
    assert reply.usage.prompt_tokens > await _prompt_tokens(service, ASKED)


async def _prompt_tokens(service, messages):
    return (await service.complete(messages, sampling=GREEDY)).usage.prompt_tokens


async def test_several_conversations_are_served_at_once(service):
    talks = [[Message("user", f"Tell me about number {number}.")] for number in range(5)]
    replies = await asyncio.gather(
        *(service.complete(talk, key=str(n), sampling=GREEDY) for n, talk in enumerate(talks))
    )
    assert all(reply.usage.completion_tokens for reply in replies)


async def test_closing_the_stream_ends_it_at_the_next_token(service, monkeypatch, busy):
    (place,) = service._places.values()
    written = []
    monkeypatch.setattr(place.model, "generate", counting(place.model.generate, written))
    async with service.generate(ASKED, sampling=LONG) as stream:
        await anext(stream)
        before = len(written)
    assert busy() == 0
    assert before <= len(written) <= before + 2  # what was under way, and the next


def counting(generate, written):
    """The same, which notes what it writes: on a thread, or as a coroutine if it is remote."""

    def here(emit, request):
        def note(delta):
            written.append(delta)
            emit(delta)

        generate(note, request)

    async def there(request):
        async with aclosing(generate(request)) as deltas:
            async for delta in deltas:
                written.append(delta)
                yield delta

    return there if inspect.isasyncgenfunction(generate) else here


async def test_closing_the_stream_leaves_nothing(service, scheduler, busy):
    async def use():
        stream = service.generate(ASKED, sampling=LONG)
        async with stream:
            await anext(stream)
        assert stream.info.status is TaskStatus.CANCELLED
        assert busy() == 0

    await use()
    async with nothing_left_of(scheduler):
        for _ in range(TIMES):
            await use()
    assert (await service.complete(ASKED, sampling=GREEDY)).usage


async def test_opening_and_stopping_leaves_nothing(engine, model_store, tmp_path):
    async def use(number):
        async with engine(model_store, tmp_path / str(number)) as (service, _):
            await pieces(service, sampling=GREEDY)

    for number in range(TIMES + 1):
        (tmp_path / str(number)).mkdir()
    await use(0)
    async with nothing_left_of():
        for number in range(TIMES):
            await use(number + 1)


async def test_a_cancelled_call_ends(service, busy):
    call = asyncio.ensure_future(service.complete(ASKED, sampling=LONG))
    await asyncio.sleep(0)
    assert busy() == 1
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await service.complete(ASKED, sampling=GREEDY)).usage


async def test_a_long_conversation_loses_its_oldest_turns(service):
    history = [Message("user", "hello " * 60), Message("assistant", "hello")] * 30
    reply = await service.complete([*ASKED[:1], *history, ASKED[1]], sampling=GREEDY)
    assert 0 < reply.usage.prompt_tokens <= service.config.context_tokens


async def test_what_cannot_fit_is_one_typed_error(service, busy):
    with pytest.raises(ContextExceeded, match="too long"):
        await service.complete([Message("user", "hello " * 4_000)])
    assert busy() == 0


WRONG = {
    "nothing to answer": {"messages": []},
    "role": {"messages": [Message("robot", "hi")]},
    "huge": {"messages": [Message("user", "x" * 1_000_001)]},
    "tool's name": {"tools": [Tool("no spaces", "", {})]},
    "choice": {"tool_choice": "unknown"},
    "deep schema": {"schema": json.loads('{"not":' * 40 + "{}" + "}" * 40)},
    "schema and tools": {"schema": YES_OR_NO, "tools": [WEATHER]},
    "wrong schema": {"schema": {"type": "nonsense"}},
    "temperature": {"sampling": Sampling(temperature=float("nan"))},
    "empty stop": {"sampling": Sampling(stop=("",))},
    "unknown model": {"model": "gpt-17"},
    "bad tool JSON": {
        "messages": [Message("assistant", "", tool_calls=(ToolCall("1", "f", "{"),)), ASKED[1]]
    },
}


@pytest.mark.parametrize("name", WRONG)
async def test_wrong_input_is_one_typed_error_and_loses_nothing(service, busy, name):
    options = {"messages": ASKED} | WRONG[name]
    with pytest.raises(InputError):
        await service.complete(options.pop("messages"), priority=TaskPriority.HIGH, **options)
    assert busy() == 0


@pytest.mark.parametrize("words", ["\x00\x01", "<|im_end|>", "\ud83d", "🤖" * 50, " ", "{{ 7*7 }}"])
async def test_hostile_words_are_only_words(service, words):
    try:
        reply = await service.complete([Message("user", words)], sampling=GREEDY)
    except InputError:
        return  # half a character is no text
    assert reply.usage.completion_tokens
