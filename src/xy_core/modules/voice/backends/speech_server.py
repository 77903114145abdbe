"""Talks to a GPT-SoVITS server: one request at a time, restarted when it has grown."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import httpx
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from xy_core.core.cancellation import CancelToken, checkpoint, current_token
from xy_core.core.errors import SpeechServerError
from xy_core.modules.voice.config import SpeechServerConfig

_CONNECTED = "connection.connect_tcp.complete"
_TURN = 0.1
"""Seconds between two looks at whether a waiting request was cancelled."""
_PAUSE = 0.5
"""Seconds between two looks at whether a restarted server is back."""
_MAX_ERROR_BYTES = 20_000


class SpeechServer:
    """One server. A new connection for each request: it computes far longer than one takes."""

    def __init__(self, config: SpeechServerConfig) -> None:
        self._config = config
        self._turn = threading.Lock()
        self._answered = 0

    @contextmanager
    def answer(self, request: dict[str, Any]) -> Iterator[Iterator[bytes]]:
        """Ask for speech; the bytes come while the block runs, and leaving it hangs up.

        A cancelled task hangs up at once, also while the server has not said a word yet.

        Raises:
            SpeechServerError: it cannot be reached, refuses, or breaks off.
            TaskCancelled: the task that runs this code was cancelled.
        """
        with self._our_turn(), _Line() as line:
            self._restart_if_due()
            self._answered += 1
            try:
                yield from self._ask(request, line)
            except httpx.HTTPError as error:
                checkpoint()
                raise self._explained(error) from error

    def _ask(self, request: dict[str, Any], line: _Line) -> Iterator[Iterator[bytes]]:
        timeout = httpx.Timeout(self._config.silence_timeout, connect=self._config.connect_timeout)
        with (
            httpx.Client(timeout=timeout, trust_env=False) as client,
            client.stream(
                "POST", f"{self._url}/tts", json=request, extensions={"trace": line.trace}
            ) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise SpeechServerError(
                    f"{self._url} refused to speak (status {response.status_code}): "
                    f"{_reason(response)}"
                )
            yield response.iter_raw()

    @contextmanager
    def _our_turn(self) -> Iterator[None]:
        while not self._turn.acquire(timeout=_TURN):
            checkpoint()
        try:
            yield
        finally:
            self._turn.release()

    def _restart_if_due(self) -> None:
        """Let the server replace itself by a new process and wait until it listens again."""
        if not self._config.restart_after or self._answered < self._config.restart_after:
            return
        with contextlib.suppress(httpx.HTTPError):
            # It goes down without an answer, which is no error here.
            httpx.get(
                f"{self._url}/control",
                params={"command": "restart"},
                timeout=self._config.connect_timeout,
                trust_env=False,
            )
        attempts = Retrying(
            retry=retry_if_exception_type(httpx.HTTPError),
            stop=stop_after_delay(self._config.restart_timeout),
            wait=wait_fixed(_PAUSE),
            before=lambda _: checkpoint(),
        )
        try:
            # Without a command it answers 400 at once: proof enough that it listens.
            attempts(httpx.get, f"{self._url}/control", timeout=_PAUSE, trust_env=False)
        except RetryError as error:
            raise SpeechServerError(
                f"{self._url} was restarted and is not back after "
                f"{self._config.restart_timeout:g} s: look at its own log"
            ) from error
        self._answered = 0

    @property
    def _url(self) -> str:
        return self._config.url.rstrip("/")

    def _explained(self, error: httpx.HTTPError) -> SpeechServerError:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return SpeechServerError(
                f"no GPT-SoVITS server answers at {self._url}: start it with "
                f"python api_v2.py, or correct voice.synthesizers.server.url ({error})"
            )
        if isinstance(error, httpx.TimeoutException):
            return SpeechServerError(
                f"{self._url} sent nothing for {self._config.silence_timeout:g} s: "
                "raise silence_timeout, or use a streaming mode"
            )
        return SpeechServerError(f"{self._url} broke off while it spoke: look at its log ({error})")


class _Line:
    """The connection of one request, which a cancelled task cuts.

    A thread that waits for the server cannot look at its token; shutting the socket down wakes it.
    """

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        token = current_token.get()
        if isinstance(token, CancelToken):
            self._stack.enter_context(token.waking(self._cut))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Take note of the socket; see httpcore's trace extension."""
        if event == _CONNECTED:
            self._socket = info["return_value"].get_extra_info("socket")
            checkpoint()

    def _cut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _reason(response: httpx.Response) -> str:
    """What the server says about its refusal, on one line and not for ever."""
    body = b""
    for piece in response.iter_raw():
        body += piece
        if len(body) > _MAX_ERROR_BYTES:
            break
    text = body[:_MAX_ERROR_BYTES].decode("utf-8", "replace")
    try:
        told = json.loads(text)
        parts = [str(told[key]) for key in ("message", "Exception", "detail") if key in told]
    except (ValueError, TypeError):
        parts = [text]
    return " ".join(": ".join(parts).split())[:500] or "no reason given"
