"""One turn from the command line: what comes out, and what bad input does."""

import json
import signal
import struct
import subprocess
import zlib

import pytest

from tests.ending import ENDLESS, ending_soon


@pytest.mark.models
@pytest.mark.usefixtures("model_store")
def test_one_json_object_and_a_quick_first_token(xy_core, tmp_path):
    out = tmp_path / "out"
    done = xy_core("ask", "--text", "I just lost my job", "--json", "--out", out)
    assert done.returncode == 0, done.stderr
    turn = json.loads(done.stdout)
    assert turn["emotion"]["top"] == "sadness"
    assert turn["reply"]
    assert turn["seconds"]["first_token"] <= 1.5
    assert {file.name for file in out.iterdir()} == {"reply.wav", "turn.json", "trace.json"}


@pytest.mark.models
@pytest.mark.usefixtures("model_store")
def test_all_parts_at_once(xy_core, samples):
    done = xy_core(
        "ask", "--text", "What does this sign say?", "--json",
        "--audio", samples / "sad_news.wav", "--image", samples / "sign.png",
    )  # fmt: skip
    turn = json.loads(done.stdout)
    assert "grandmother" in turn["transcript"]["text"]
    assert len(turn["vision"]["lines"]) == 2
    assert turn["failed_parts"] == []


def png(width: int, height: int) -> bytes:
    """A picture whose header promises a size and whose data does not keep it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64))


THREE_HOURS = 3 * 3_600 * 32_000
WAV_HEADER = (
    b"RIFF" + struct.pack("<I", THREE_HOURS + 36) + b"WAVEfmt " + struct.pack("<I", 16)
    + struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16) + b"data" + struct.pack("<I", THREE_HOURS)
)  # fmt: skip


@pytest.mark.parametrize(
    ("option", "name", "content"),
    [
        ("--audio", "missing.wav", None),
        ("--audio", "text.wav", b"this is not a recording\n"),
        ("--audio", "three_hours.wav", WAV_HEADER),
        ("--image", "missing.png", None),
        ("--image", "empty.png", b""),
        ("--image", "truncated.png", png(64, 64)),
        ("--image", "200_megapixels.png", png(20_000, 10_000)),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(xy_core, tmp_path, option, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    before = sorted(tmp_path.iterdir())
    done = xy_core("ask", "--text", "hi", option, tmp_path / name, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert name in done.stderr
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("models", "pull", "no-such-model"), "no-such-model"),
        (("--set", "llm.no_such_key=1", "ask", "--text", "hi"), "no_such_key"),
        (("--config", "missing.toml", "ask", "--text", "hi"), "missing.toml"),
        (("ask",), "nothing was given"),
        (("no-such-command",), "no-such-command"),
    ],
)
def test_mistakes_are_one_line(xy_core, arguments, words):
    done = xy_core(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_an_unreadable_key_in_the_file_is_named(xy_core, tmp_path):
    (tmp_path / "xy-core.toml").write_text("[voice]\nmax_seconds = 'long'\n")
    done = xy_core("ask", "--text", "hi")
    assert done.returncode == 2
    assert "voice.max_seconds" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_full_disk_is_noticed_before_the_download(xy_core, tmp_path):
    done = xy_core(
        "models", "pull", "smollm2-135m-instruct",
        XY_MODELS__ROOT=str(tmp_path / "models"), XY_FREE_BYTES="1000",
    )  # fmt: skip
    assert done.returncode == 2
    assert "make room" in done.stderr
    assert not list((tmp_path / "models").rglob("*.gguf*"))


def test_models_that_are_not_installed_name_the_command(xy_core, tmp_path):
    done = xy_core("ask", "--text", "hi", XY_MODELS__ROOT=str(tmp_path / "none"))
    assert done.returncode == 2
    assert "xy-core models pull" in done.stderr


@pytest.mark.models
@pytest.mark.usefixtures("model_store")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_writes_ends_it_at_once(script, environment, tmp_path, stop):
    command = [script, *ENDLESS, "ask", "--text", "Tell me a very long story about a dragon."]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=tmp_path
    ) as process:
        assert process.stdout.read(1)
        with ending_soon(process, threads=2):  # a sentence that is being spoken is not cut
            process.send_signal(stop)
        shown, errors = process.communicate(timeout=20)
    assert len(shown) < 1_000, "characters, of a reply of 1,500 tokens"
    assert process.returncode == 128 + stop
    assert b"Traceback" not in errors
