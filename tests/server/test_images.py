"""Pictures by the official client: a real Stable Diffusion with tiny random weights paints them."""

from __future__ import annotations

import base64
import io
import zlib

import openai
import pytest
from PIL import Image

from tests.modules.image.conftest import MODEL, SIDE, save_tiny_sd
from tests.modules.tiny_store import tiny_store
from xy_core.settings import load_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")
SIZE = f"{SIDE}x{SIDE}"
QUICK = {"steps": 3, "seed": 5}
NOBODY = {"id": "nobody", "languages": ["en"], "engine": "openai"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """A painter, and the agent of a language model that nobody asks."""
    folder = tmp_path_factory.mktemp("server")
    tiny_store(folder, MODEL, "image", save_tiny_sd(folder / "made"))
    painter = {"model": MODEL, "width": SIDE, "height": SIDE, "preview_every": 1}
    return load_settings(
        overrides={
            "modules": ["image", "emotion", "llm"],
            "image": painter | {"safety_check": False, "max_count": 4},
            "llm": {"models": [NOBODY | {"server": {"url": "http://127.0.0.1:9/v1"}}]},
            "models": {"root": folder / "models", "catalogue": folder / "catalogue.toml"},
            "server": {"port": 0, "keys": folder / "keys.json"},
        }
    )


def opened(image):
    return Image.open(io.BytesIO(base64.b64decode(image.b64_json)))


def png(mode="RGB", side=SIDE, colour="teal"):
    content = io.BytesIO()
    Image.new(mode, (side, side), colour).save(content, "PNG")
    return ("a.png", content.getvalue(), "image/png")


def generate(client, **options):
    extra = QUICK | options.pop("extra_body", {})
    return client.images.generate(**({"prompt": "a lighthouse"} | options), extra_body=extra)


def edit(client, **options):
    extra = QUICK | options.pop("extra_body", {})
    given = {"prompt": "a lighthouse", "image": png()} | options
    return client.images.edit(**given, extra_body=extra)


async def test_words_become_pictures(client):
    made = await generate(client, model=MODEL, n=2, size=SIZE)
    assert [one.seed for one in made.data] == [5, 6]
    assert {opened(one).size for one in made.data} == {(SIDE, SIDE)}
    assert (made.size, made.output_format, opened(made.data[0]).format) == (SIZE, "png", "PNG")
    assert made.data[0].b64_json != made.data[1].b64_json


async def test_the_same_seed_paints_the_same_and_a_negative_prompt_counts(client):
    first, again, other = [
        (await generate(client, extra_body=extra)).data[0].b64_json
        for extra in ({}, {}, {"negative_prompt": "water"})
    ]
    assert first == again
    assert first != other


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
async def test_pictures_come_in_the_usual_formats(client, kind):
    made = await generate(client, output_format=kind, output_compression=50)
    assert opened(made.data[0]).format == kind.upper()


async def test_previews_are_streamed(client):
    stream = await generate(client, stream=True, partial_images=2, n=1)
    events = [event async for event in stream]
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert opened(events[0]).width < SIDE
    assert opened(events[2]).size == (SIDE, SIDE)
    whole = await generate(client)
    assert events[2].b64_json == whole.data[0].b64_json


async def test_a_picture_is_painted_in_a_mood(client):
    plain, joyful, by_the_agent = [
        (await generate(client, model=model, extra_body=extra)).data[0]
        for model, extra in ((MODEL, {}), (MODEL, {"emotion": "joy"}), ("xy-agent", {}))
    ]
    assert plain.revised_prompt is None
    assert joyful.revised_prompt.startswith("a lighthouse, ")
    assert by_the_agent.revised_prompt.startswith("a lighthouse, ")
    assert by_the_agent.revised_prompt != joyful.revised_prompt
    assert len({plain.b64_json, joyful.b64_json, by_the_agent.b64_json}) == 3


async def test_a_picture_is_edited_within_a_mask(client):
    mask = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, SIDE, SIDE // 2))
    content = io.BytesIO()
    mask.save(content, "PNG")
    masked = await edit(client, mask=("m.png", content.getvalue()), extra_body={"strength": 0.9})
    whole = await edit(client, image=[png()], extra_body={"strength": 0.9})
    assert opened(masked.data[0]).size == (SIDE, SIDE)
    assert masked.data[0].b64_json != whole.data[0].b64_json
    stream = await edit(client, stream=True, partial_images=1)
    names = [event.type async for event in stream]
    assert names == ["image_edit.partial_image", "image_edit.completed"]


async def test_a_form_that_is_sent_again_gets_the_same_answer(client):
    keyed = {"Idempotency-Key": "edit-1"}
    first, again = [
        await edit(client, extra_headers=keyed, extra_body={"seed": None}) for _ in range(2)
    ]
    assert first.data[0].seed == again.data[0].seed
    with pytest.raises(openai.UnprocessableEntityError):
        await edit(client, extra_headers=keyed, prompt="a boat")


async def test_batch_work_is_painted_at_low_priority(client, runtime):
    for headers, expected in (({"X-Priority": "batch"}, "LOW"), ({}, "MEDIUM")):
        await generate(client, extra_headers=headers)
        tasks = [one for one in runtime.engine.scheduler.tasks() if one.name == "image.paint"]
        assert max(tasks, key=lambda task: task.created_at).priority.name == expected


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"n": -1}, "n"),
        ({"n": 11}, "n"),
        ({"n": 5}, None),
        ({"size": "63x64"}, None),
        ({"size": "8192x8192"}, None),
        ({"size": "1x1x1"}, "size"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": " "}, None),
        ({"prompt": "a" * 4_001}, "prompt"),
        ({"response_format": "url"}, "response_format"),
        ({"partial_images": 4}, "partial_images"),
        ({"extra_body": {"seed": -1}}, "seed"),
        ({"extra_body": {"steps": 400}}, None),
        ({"extra_body": {"emotion": "hunger"}}, "emotion"),
        ({"output_format": "gif"}, "output_format"),
    ],
)
async def test_what_cannot_be_painted_is_refused(client, extra, param):
    with pytest.raises(openai.BadRequestError) as refused:
        await generate(client, **extra)
    assert refused.value.param == param


async def test_another_model_is_not_found_and_one_that_writes_does_not_paint(client):
    with pytest.raises(openai.NotFoundError):
        await generate(client, model="dall-e-9")
    with pytest.raises(openai.BadRequestError, match="does no image"):
        await generate(client, model="nobody")


def _bomb():
    """A PNG of 60,000 x 60,000 pixels in a few hundred bytes."""

    def chunk(kind, data):
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    side = (60_000).to_bytes(4, "big")
    head = chunk(b"IHDR", side + side + b"\x08\x02\0\0\0")
    data = chunk(b"IDAT", zlib.compress(b"\0" * 100_000))
    return b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "options",
    [
        {"image": ("a.png", b"")},
        {"image": ("a.png", b"just some words")},
        {"image": ("a.png", png()[1][:60])},
        {"image": ("../../etc/passwd", b"root")},
        {"image": ("a.png", _bomb())},
        {"image": [png(), png()]},
        {"mask": ("m.png", b"no mask")},
        {"mask": ("m.png", _bomb())},
        {"mask": png("RGBA", SIDE // 2)},
        {"n": -1},
        {"extra_body": {"strength": 0}},
        {"extra_body": {"strength": "nan"}},
    ],
)
async def test_what_is_no_picture_is_refused(client, options):
    with pytest.raises(openai.BadRequestError):
        await edit(client, **options)


async def test_an_edit_without_a_picture_or_as_json_is_refused(http):
    without = await http.post("/v1/images/edits", data={"prompt": "a"}, files={"b": b"c"})
    assert (without.status_code, without.json()["error"]["param"]) == (400, "image")
    assert (await http.post("/v1/images/edits", json={"prompt": "a"})).status_code == 400


async def test_too_large_too_deep_and_too_many_are_refused(http, serve):
    body = b'{"prompt": "a", "b": ' + b"[" * 80 + b"]" * 80 + b"}"
    deep = await http.post(
        "/v1/images/generations", content=body, headers={"Content-Type": "application/json"}
    )
    assert (deep.status_code, deep.json()["error"]["code"]) == (400, "too_deep")
    many = {"prompt": "a"} | {f"field{number}": "a" for number in range(1_100)}
    form = await http.post("/v1/images/edits", data=many, files={"image": png()[1]})
    assert form.status_code == 400
    async with serve(limits={"body": 1_000}) as address:
        large = await http.post(
            f"{address}/v1/images/edits", data={"prompt": "a"}, files={"image": b"a" * 2_000}
        )
    assert (large.status_code, large.json()["error"]["code"]) == (413, "body_too_large")
