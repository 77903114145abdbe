"""``xy-core chat``: over a pipe and in a terminal, and how it ends."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.cli.conftest import ONLY_ENGLISH, SCRIPT, Program
from tests.ending import ENDLESS, ending_soon

HEARTLESS = ("--set", 'modules=["emotion"]', "chat")
"""A chat that needs no models: it starts at once, and its turns say what is missing."""


@pytest.mark.models
@pytest.mark.usefixtures("model_store")
def test_lines_of_a_pipe_are_answered_one_by_one(xy_core: Program, tmp_path: Path):
    brief = ("--set", "agent.max_sentences=1")
    done = xy_core(*brief, "chat", "--out", "said", given="Hello.\n\nMy cat died, I am so sad.\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "neutral" in done.stdout
    assert "sadness" in done.stdout
    assert "error" not in done.stdout
    for turn in ("turn_1", "turn_2"):
        names = {path.name for path in (tmp_path / "said" / turn).iterdir()}
        assert names == {"reply.wav", "turn.json", "trace.json"}
    assert not (tmp_path / "said" / "turn_3").exists()


def test_commands_are_answered_and_mistakes_do_not_end_it(xy_core: Program, samples: Path):
    commands = (
        "/help", "/lanes", "/nonsense", "/image", "/image missing.png", "/audio missing.wav",
        f"/image {samples / 'sign.png'}", "Hello", "[bold]/quit", "/quit", "/help",
    )  # fmt: skip
    done = xy_core(*HEARTLESS, given="\n".join(commands))
    assert (done.returncode, done.stderr) == (0, "")
    assert "device:cpu" in done.stdout
    assert "unknown command /nonsense" in done.stdout
    assert "missing.png: there is no such file" in done.stdout
    assert "missing.wav: there is no such file" in done.stdout
    assert "Now ask about it." in done.stdout
    assert done.stdout.count("module 'llm' is not available") == 2
    assert done.stdout.count("/image FILE") == 3  # at the start, by /help, and for /nonsense


def test_nothing_at_all_and_hostile_bytes_end_well(xy_core: Program, environment, tmp_path: Path):
    assert xy_core(*HEARTLESS, given="").returncode == 0
    hostile = subprocess.run(
        [SCRIPT, *HEARTLESS],
        input=b"\xff\xfe\x00 \x1b[2J\n" + b"x" * 100_000 + b"\n/quit",
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (hostile.returncode, hostile.stderr) == (0, b"")
    assert b"\x1b[2J" not in hostile.stdout


def test_it_speaks_chinese(xy_core: Program):
    assert "/quit 退出" in xy_core("--lang", "zh", *HEARTLESS, given="").stdout


@contextmanager
def chatting(*arguments: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a chat over pipes, up to where it waits for its first line."""
    with subprocess.Popen(
        [SCRIPT, *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert "/quit" in process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def interrupt(process: subprocess.Popen[str]) -> str:
    """Press Ctrl-C and return what it shows from then on until it has ended."""
    with ending_soon(process):
        process.send_signal(signal.SIGINT)
    shown, errors = process.communicate()
    assert process.returncode == 130
    assert errors == ""
    return shown


def test_control_c_ends_it_while_it_waits_for_a_line(environment):
    with chatting(*HEARTLESS, environment=environment) as process:
        assert interrupt(process) == ""


@pytest.mark.models
@pytest.mark.usefixtures("model_store")
def test_control_c_ends_it_in_the_middle_of_a_reply(environment):
    with chatting(*ONLY_ENGLISH, *ENDLESS, "chat", environment=environment) as process:
        process.stdin.write("Tell me a long story about a cat and a dog.\n")
        process.stdin.flush()
        assert process.stdout.read(1)
        assert len(interrupt(process)) < 1_000, "characters, of a reply of 1,500 tokens"


class Terminal:
    """A chat in a terminal of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [SCRIPT, *HEARTLESS],
            env=environment | {"TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def read_until(self, words: str) -> str:
        """Return what the terminal shows, up to these words or the end."""
        shown = b""
        while words.encode() not in shown and select.select([self._ours], [], [], 30)[0]:
            try:
                shown += os.read(self._ours, 4096)
            except OSError:  # the other end has been closed
                break
        return shown.decode("utf-8", "replace")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        with suppress(OSError):
            os.close(self._ours)


@pytest.fixture
def terminal(environment: dict[str, str]) -> Iterator[Terminal]:
    chat = Terminal(environment)
    chat.read_until("›")
    yield chat
    chat.close()


@pytest.mark.parametrize(
    ("keys", "code"),
    [(b"\x03", 130), (b"\x04", 0), (b"/quit\r", 0)],
    ids=["ctrl-c", "ctrl-d", "quit"],
)
def test_a_terminal_ends_it_by_keys(terminal: Terminal, keys: bytes, code: int):
    with ending_soon(terminal.process):
        terminal.type(keys)
        shown = terminal.read_until("never shown")
    assert terminal.process.wait(30) == code
    assert "Traceback" not in shown


def test_a_terminal_takes_line_after_line(terminal: Terminal):
    terminal.type("你好\r".encode())
    assert "is not available" in terminal.read_until("is not available")
    terminal.type(b"/lanes\r")
    assert "device:cpu" in terminal.read_until("device:cpu")
