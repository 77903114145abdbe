"""One downloader for everything that HTTP delivers: resumes, retries, checks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from xy_core.core.errors import ChecksumError, DownloadError

Progress = Callable[[str, int, int], None]
"""Called with a name, the bytes that are there, and the bytes there will be (0: unknown)."""

_ATTEMPTS = 6
_BLOCK = 1 << 20
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

    def __init__(self, client: httpx.Client, progress: Progress) -> None:
        self._client = client
        self._progress = progress

    def fetch(self, remote: Remote, target: Path) -> str:
        """Download a file; what was left of an earlier attempt is continued.

        The bytes gather in ``<target>.part``, which outlives an interruption.

        Returns:
            The file's sha256.

        Raises:
            DownloadError: the server cannot be reached, or sends too much or too little.
            ChecksumError: the bytes are not the promised ones; they have been deleted.
        """
        part = target.with_name(target.name + ".part")
        try:
            patiently()(self._continue, remote, part)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DownloadError(
                f"{public(remote.url)}: {explain(error)}; run the command again to continue"
            ) from error
        digest = check(part, remote.size, remote.sha256, public(remote.url))
        part.replace(target)
        return digest

    def _continue(self, remote: Remote, part: Path) -> None:
        have = part.stat().st_size if part.exists() else 0
        if remote.size is not None and have == remote.size:
            return
        # Without "identity" a server may compress, and a range would count compressed bytes.
        headers = remote.headers | {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with self._client.stream("GET", remote.url, headers=headers) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink(missing_ok=True)
                raise TransientError(f"{public(remote.url)}: the server cannot continue the file")
            require_success(response)
            start = _start(response, have)
            self._write(response, remote, part, start)

    def _write(self, response: httpx.Response, remote: Remote, part: Path, start: int) -> None:
        done = start
        limit = _UNSTATED_LIMIT if remote.size is None else remote.size
        name = part.name.removesuffix(".part")
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            # Blocks as they arrive: gathering larger ones would lose them when the line breaks.
            for block in response.iter_raw():
                done += len(block)
                if done > limit:
                    break
                file.write(block)
                self._progress(name, done, remote.size or 0)
        if done > limit:
            part.unlink()
            raise DownloadError(f"{public(remote.url)}: the server sends more than {limit} bytes")
        if remote.size is not None and done < remote.size:
            raise TransientError(
                f"{public(remote.url)}: the server sent {done} of {remote.size} bytes; "
                "run the command again to continue"
            )


class TransientError(DownloadError):
    """A failure that another attempt may mend."""


def patiently() -> Retrying:
    """Return what calls a function again, a few times, after a failure that may pass."""
    return Retrying(
        retry=retry_if_exception_type((httpx.TransportError, TransientError)),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_exponential(multiplier=0.1, max=5),
        reraise=True,
    )


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
        DownloadError: it is final.
    """
    if not response.is_success:
        kind = TransientError if response.status_code in _MENDABLE else DownloadError
        raise kind(f"{public(response.url)}: the server answers {response.status_code}")


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


def sha256_of(file: Path) -> str:
    """Return a file's sha256 in lower-case hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def blocks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield what ``read`` returns, block by block, until it is empty."""
    while block := read(_BLOCK):
        yield block


def _start(response: httpx.Response, have: int) -> int:
    """Return where in the file the answer begins; it may ignore or shift the range."""
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return 0
    match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
    start = int(match.group(1)) if match else -1
    if not 0 <= start <= have:
        raise DownloadError(f"{public(response.url)}: the server answers with the wrong range")
    return start
