"""``xy-core ask`` from inside: what is read before, what is written after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.cli.conftest import ONLY_ENGLISH
from xy_core.agent import PartFailed, ReplyToken, Spoken, TurnDone, TurnRecord
from xy_core.cli.app import app
from xy_core.cli.ask import AskRequest, save_turn
from xy_core.core.errors import AudioError, BackendError, ImageError, InputError
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.trace import Trace
from xy_core.models import ModelStore
from xy_core.modules.voice import Audio, read_audio
from xy_core.settings import load_settings


def request(**parts: object) -> AskRequest:
    """Return a request of which only these parts are given."""
    nothing = {"text": "", "audio": None, "image": None, "face": "", "person": "user", "out": None}
    return AskRequest(**(nothing | parts))


def test_all_parts_are_read(samples: Path):
    asked = request(
        text="hi",
        audio=samples / "sad_news.wav",
        image=samples / "sign.png",
        person="me",
        face='{"happy": 0.9}',
    )
    given = asked.read(load_settings())
    assert (given.text, given.person) == ("hi", "me")
    assert given.audio.seconds > 1
    assert given.image is not None
    assert given.face.probabilities["joy"] == 1


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ({}, InputError),
        ({"text": "  "}, InputError),
        ({"text": "hi", "face": "happy"}, InputError),
        ({"text": "hi", "face": "[" * 100_000}, InputError),
        ({"text": "hi", "face": '{"happy": 7}'}, InputError),
        ({"text": "hi", "face": "[1]"}, InputError),
        ({"text": "hi", "audio": Path("missing.wav")}, AudioError),
        ({"text": "hi", "image": Path("missing.png")}, ImageError),
        ({"text": "hi", "audio": Path()}, AudioError),
        ({"text": "hi", "image": Path()}, ImageError),
        ({"audio": Path(__file__)}, AudioError),
        ({"image": Path(__file__)}, ImageError),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_told_before_anything_is_loaded(parts, error):
    with pytest.raises(error) as caught:
        request(**parts).read(load_settings())
    assert caught.value.exit_code == 2


def test_the_limits_are_those_of_the_configuration(samples: Path):
    settings = load_settings(
        overrides={"voice": {"max_seconds": 1}, "vision": {"max_pixels": 10_000}}
    )
    with pytest.raises(AudioError):
        request(audio=samples / "sad_news.wav").read(settings)
    with pytest.raises(ImageError):
        request(image=samples / "sign.png").read(settings)


async def test_a_turn_is_saved_with_its_speech_and_its_trace(
    tmp_path: Path, scheduler: GlobalTaskScheduler
):
    async def work() -> None: ...

    await scheduler.run(work, name="llm.generate")
    record = TurnRecord()
    for event in (
        ReplyToken("你好"),
        Spoken(0, Audio.silence(0.5, 16_000)),
        PartFailed("memory", BackendError("forgotten")),
        TurnDone("你好", "zh", {"done": 1.0}),
    ):
        record.add(event)
    save_turn(tmp_path / "new" / "out", record, scheduler.trace)
    out = tmp_path / "new" / "out"
    assert json.loads((out / "turn.json").read_text("utf-8")) == record.as_json()
    assert "llm.generate" in (out / "trace.json").read_text("utf-8")
    assert json.loads((out / "trace.json").read_text("utf-8"))
    assert read_audio(out / "reply.wav", 10).seconds == pytest.approx(0.5)


def test_a_silent_turn_has_no_sound_file(tmp_path: Path):
    save_turn(tmp_path, TurnRecord(), Trace(1))
    assert {path.name for path in tmp_path.iterdir()} == {"turn.json", "trace.json"}


@pytest.mark.models
def test_the_reply_and_what_is_told_beside_it_are_kept_apart(
    model_store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XY_MODELS__ROOT", str(model_store.root))
    done = CliRunner().invoke(app, [*ONLY_ENGLISH, "ask", "--text", "[bold]Hello[/bold]"])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip()
    for part in ("memory", "emotion", "voice"):
        assert f"{part}: module '{part}' is not available" in done.stderr
        assert "is not available" not in done.stdout
