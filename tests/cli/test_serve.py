"""``xy-core serve``: where it listens, whom it lets in, and how it ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.cli.conftest import SCRIPT, Program, only_line

LIGHT = ("--set", 'modules=["emotion"]')
"""A server that needs no models, and is there at once."""
SOON = 10.0
"""Seconds in which a server without requests ends, on a machine that is busy."""


@contextmanager
def running(environment, tmp_path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a server; yields its process and its address."""
    with subprocess.Popen(
        [SCRIPT, *LIGHT, "serve", "--port", "0", *options],
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment,
        cwd=tmp_path,
    ) as process:
        try:
            said = ""
            while not (found := re.search(r"serving on (\S+)/v1", said)):
                line = process.stderr.readline()
                assert line, said
                said += line
            yield process, found[1]
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "term"])
def test_it_answers_until_it_is_told_to_stop(environment, tmp_path, number):
    with running(environment, tmp_path) as (process, address):
        assert httpx.get(f"{address}/healthz", trust_env=False).json() == {"status": "ok"}
        read = httpx.post(f"{address}/v1/emotion", json={"text": "I am happy"}, trust_env=False)
        assert read.json()["top"] == "joy"
        begun = time.monotonic()
        process.send_signal(number)
        assert process.wait(SOON) == 0
        assert time.monotonic() - begun < SOON
        assert "Traceback" not in process.stderr.read()


def test_a_key_that_is_made_lets_in_and_one_that_is_revoked_does_not(
    environment, tmp_path, xy_core: Program
):
    key = xy_core("keys", "add", "laptop").stdout.strip()
    with running(environment, tmp_path) as (_, address):

        def asked(presented: str) -> int:
            headers = {"Authorization": f"Bearer {presented}"}
            return httpx.get(f"{address}/v1/models", headers=headers, trust_env=False).status_code

        assert (asked(key), asked("xy-wrong-key")) == (200, 401)
        xy_core("keys", "add", "another")
        xy_core("keys", "revoke", key.split("-")[1])
        assert asked(key) == 401


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "0.0.0.0"), "xy-core keys add"),  # noqa: S104 - it is refused
        (("--certfile", "cert.pem"), "go together"),
        (("--certfile", "cert.pem", "--keyfile", "key.pem"), "cert.pem"),
        (("--certfile", "empty.pem", "--keyfile", "empty.pem"), "in PEM"),
        (("--host", "no.such.host.invalid"), "cannot listen|keys add"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(xy_core: Program, tmp_path, options, words):
    (tmp_path / "empty.pem").touch()
    line = only_line(xy_core(*LIGHT, "serve", "--port", "0", *options))
    assert re.search(words, line), line


def test_a_port_that_is_taken_names_the_option(xy_core: Program):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = only_line(xy_core(*LIGHT, "serve", "--port", port))
    assert str(port) in line
    assert "--port" in line


def test_help_has_an_example_in_both_languages(xy_core: Program):
    english = xy_core("serve", "--help").stdout
    chinese = xy_core("serve", "--help", XY_LANG="zh").stdout
    assert "xy-core serve --port 8765" in english
    assert "监听地址" in chinese
