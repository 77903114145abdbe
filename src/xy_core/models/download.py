"""One downloader for everything that HTTP delivers: resumes, retries, checks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
)

from xy_core.core.errors import ChecksumError, DownloadError
from xy_core.models.digest import sha256_of
from xy_core.models.progress import Progress

_ATTEMPTS = 6
_BLOCK = 1 << 20
_LONGEST_WAIT = 120.0
"""Seconds that a busy server may ask for; who asks for more is not waited for."""
_UNSTATED_LIMIT = 8 << 30
"""Bytes that a server which states no size may send."""
_MENDABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-")


@dataclass(frozen=True, slots=True)
class Remote:
    """A file on a server.

    Attributes:
        url: where it is.
        size: its bytes, if they are known.
        sha256: its digest in lower-case hex, if it is known.
        headers: what to send along.
    """

    url: str
    size: int | None = None
    sha256: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Downloader:
    """Brings remote files onto the disk, each whole and verified or not at all."""

    def __init__(self, client: httpx.AsyncClient, progress: Progress) -> None:
        self._client = client
        self._progress = progress

    async def fetch(self, remote: Remote, target: Path) -> str:
        """Download a file; what was left of an earlier attempt is continued.

        The bytes gather in ``<target>.part``, which outlives an interruption. Cancelling ends
        it at once.

        Returns:
            The file's sha256.

        Raises:
            DownloadError: the server cannot be reached, or sends too much or too little.
            ChecksumError: the bytes are not the promised ones; they have been deleted.
        """
        part = target.with_name(target.name + ".part")
        try:
            await patiently()(self._continue, remote, part)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DownloadError(
                f"{public(remote.url)}: {explain(error)}; run the command again to continue"
            ) from error
        digest = await checked(part, remote.size, remote.sha256, public(remote.url))
        part.replace(target)
        return digest

    async def _continue(self, remote: Remote, part: Path) -> None:
        have = _size(part)
        if remote.size is not None and have == remote.size:
            return
        # Without "identity" a server may compress, and a range would count compressed bytes.
        headers = remote.headers | {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        async with self._client.stream("GET", remote.url, headers=headers) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                _delete(part)
                raise TransientError(f"{public(remote.url)}: the server cannot continue the file")
            require_success(response)
            start = _start(response, have)
            await self._write(response, remote, part, start)

    async def _write(
        self, response: httpx.Response, remote: Remote, part: Path, start: int
    ) -> None:
        done = start
        limit = _UNSTATED_LIMIT if remote.size is None else remote.size
        name = part.name.removesuffix(".part")
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            # Blocks as they arrive: gathering larger ones would lose them when the line breaks.
            async for block in response.aiter_raw():
                done += len(block)
                if done > limit:
                    break
                file.write(block)
                self._progress(name, done, remote.size or 0)
        if done > limit:
            _delete(part)
            raise DownloadError(f"{public(remote.url)}: the server sends more than {limit} bytes")
        if remote.size is not None and done < remote.size:
            raise TransientError(
                f"{public(remote.url)}: the server sent {done} of {remote.size} bytes; "
                "run the command again to continue"
            )


class TransientError(DownloadError):
    """A failure that another attempt may mend.

    Attributes:
        retry_after: seconds that the server asks to wait, if it does.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def patiently() -> AsyncRetrying:
    """Return what calls a coroutine function again, a few times, after a failure that may pass."""
    return AsyncRetrying(
        retry=retry_if_exception_type((httpx.TransportError, TransientError)),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=_wait,
        sleep=_sleep,
        reraise=True,
    )


_backoff = wait_exponential(multiplier=0.1, max=5)
_sleep = asyncio.sleep


def _wait(state: RetryCallState) -> float:
    """Return the seconds until the next attempt: what the server asks for, else ever more."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, TransientError) else None
    return _backoff(state) if asked is None else asked


def public(url: object) -> str:
    """Return an address without the password that it may carry."""
    return re.sub(r"//[^/@]*@", "//", str(url))


def explain(error: Exception) -> str:
    """Return an error's message; some of httpx's are empty."""
    return str(error) or type(error).__name__


def require_success(response: httpx.Response) -> None:
    """Tell a refusal that may pass from one that is final.

    Raises:
        TransientError: the refusal may pass.
        DownloadError: it is final, or the server asks to wait for too long.
    """
    if response.is_success:
        return
    refusal = f"{public(response.url)}: the server answers {response.status_code}"
    if response.status_code not in _MENDABLE:
        raise DownloadError(refusal)
    asked = _retry_after(response)
    if asked is not None and asked > _LONGEST_WAIT:
        raise DownloadError(f"{refusal}; run the command again in {asked:.0f} seconds")
    raise TransientError(refusal, asked)


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of ``Retry-After`` (RFC 9110, 10.2.3: a number, or a date)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


async def checked(file: Path, size: int | None, sha256: str | None, origin: str) -> str:
    """Do :func:`check` in a thread: reading gigabytes would hold up the loop."""
    return await asyncio.to_thread(check, file, size, sha256, origin)


def check(file: Path, size: int | None, sha256: str | None, origin: str) -> str:
    """Return a file's sha256; a file that is not the promised one is deleted.

    Raises:
        ChecksumError: size or digest differ.
    """
    digest = sha256_of(file)
    actual = file.stat().st_size
    if size is not None and actual != size:
        file.unlink()
        raise ChecksumError(f"{origin}: {actual} bytes instead of {size}; deleted, try again")
    if sha256 is not None and digest != sha256:
        file.unlink()
        raise ChecksumError(
            f"{origin}: sha256 is {digest[:12]}…, not {sha256[:12]}…; deleted, try again"
        )
    return digest


def blocks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield what ``read`` returns, block by block, until it is empty."""
    while block := read(_BLOCK):
        yield block


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _delete(part: Path) -> None:
    part.unlink(missing_ok=True)


def _start(response: httpx.Response, have: int) -> int:
    """Return where in the file the answer begins; it may ignore or shift the range."""
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return 0
    match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
    start = int(match.group(1)) if match else -1
    if not 0 <= start <= have:
        raise DownloadError(f"{public(response.url)}: the server answers with the wrong range")
    return start
