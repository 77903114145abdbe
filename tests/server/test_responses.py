"""``/v1/responses`` by the official client."""

from __future__ import annotations

import base64

import openai
import pytest

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]
CHAT = "smollm2-135m-instruct"


@pytest.mark.parametrize("model", [CHAT, "xy-agent"])
async def test_a_response_comes_whole_and_in_events(client, model):
    whole = await client.responses.create(
        model=model, input="Say hello.", max_output_tokens=20, metadata={"a": "b"}
    )
    assert whole.output_text.strip()
    assert whole.status in {"completed", "incomplete"}
    assert whole.metadata == {"a": "b"}
    async with client.responses.stream(model=model, input="Say hello.") as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    names = [event.type for event in events]
    assert names[:2] == ["response.created", "response.in_progress"]
    assert names[-1] == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert final.output_text == "".join(deltas)
    assert final.output_text.strip()


async def test_a_conversation_with_instructions_ends_at_its_limit(client):
    said = await client.responses.create(
        model=CHAT,
        instructions="You are a pirate.",
        input=[
            {"role": "user", "content": "Who are you?"},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "A pirate."}],
            },
            {"role": "user", "content": [{"type": "input_text", "text": "Tell me a long story."}]},
        ],
        max_output_tokens=3,
    )
    assert (said.status, said.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert said.instructions == "You are a pirate."


async def test_the_agent_sees_and_hears(client, samples):
    picture = base64.b64encode((samples / "sign.png").read_bytes()).decode()
    speech = base64.b64encode((samples / "sad_news.wav").read_bytes()).decode()
    content = [
        {"type": "input_text", "text": "What does it say?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{picture}"},
        {"type": "input_audio", "input_audio": {"data": speech, "format": "wav"}},
    ]
    given = [{"role": "user", "content": content}]
    assert (await client.responses.create(model="xy-agent", input=given)).output_text
    with pytest.raises(openai.BadRequestError, match="takes no pictures"):
        await client.responses.create(model=CHAT, input=given)


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"tools": [{"type": "web_search"}]}, "tools.0.type"),
        ({"temperature": 3}, "temperature"),
    ],
)
async def test_what_is_not_done_is_refused_by_name(client, extra, param):
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(model=CHAT, input="Hello.", **extra)
    assert refused.value.param == param


async def test_a_repeat_with_the_same_key_is_the_same_response(client):
    keyed = {"Idempotency-Key": "response-1"}
    first, again = [
        await client.responses.create(model=CHAT, input="Hello.", extra_headers=keyed)
        for _ in range(2)
    ]
    assert first.id == again.id
    with pytest.raises(openai.UnprocessableEntityError):
        await client.responses.create(model=CHAT, input="Other.", extra_headers=keyed)


async def test_pictures_by_address_are_off(client):
    content = [{"type": "input_image", "image_url": "https://example.org/a.png"}]
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(
            model="xy-agent", input=[{"role": "user", "content": content}]
        )
    assert refused.value.code == "remote_images_off"
