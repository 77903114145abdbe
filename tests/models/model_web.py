"""A real web server on this machine, that can misbehave on demand."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make_wheel(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@dataclass
class Page:
    """What the server answers.

    ``statuses`` and ``cuts`` are used up by the first requests: failures, and the number of
    bytes after which the connection breaks. ``retry_after`` is said with the failures. ``gate``
    holds an answer back until it is set: all of it, or what comes after ``pause`` bytes.
    """

    content: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    states_length: bool = True
    gate: threading.Event | None = None
    retry_after: list[str] = field(default_factory=list)
    pause: int = 0


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]


class Web:
    """Pages by path, and the requests that came."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.requests: list[Request] = []
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.web = self
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def add(self, path: str, content: bytes = b"", **options: object) -> Page:
        page = self.pages[path] = Page(content, **options)  # type: ignore[arg-type]
        return page

    def gets(self, path: str) -> list[Request]:
        return [r for r in self.requests if r.method == "GET" and r.path == path]

    def add_index(self, wheels: Mapping[str, bytes], root: str = "/simple") -> None:
        """Serve wheels, by their file names, from a PEP 691 index."""
        for filename, content in wheels.items():
            self.add(f"/files/{filename}", content)
            project = filename.partition("-")[0].replace("_", "-")
            entry = {
                "filename": filename,
                "url": f"../../files/{filename}",
                "size": len(content),
                "hashes": {"sha256": sha256(content)},
            }
            page = {"meta": {"api-version": "1.1"}, "name": project, "files": [entry]}
            kind = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
            self.add(f"{root}/{project}/", json.dumps(page).encode(), headers=kind)


class _Server(ThreadingHTTPServer):
    web: Web


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def _answer(self, *, body: bool) -> None:
        web = self.server.web
        web.requests.append(Request(self.command, self.path, dict(self.headers)))
        page = web.pages.get(self.path, Page(status=404))
        if page.statuses:
            told = {"Retry-After": page.retry_after.pop(0)} if page.retry_after else {}
            page = Page(status=page.statuses.pop(0), headers=told)
        start, status = self._range(page)
        content = page.content[start:]
        self.send_response(status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        if status == 206:
            whole = len(page.content)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        if page.states_length:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self._send(page, content)

    def _send(self, page: Page, content: bytes) -> None:
        if page.gate is not None:
            self.wfile.write(content[: page.pause])
            content = content[page.pause :]
            page.gate.wait(30)
        if page.cuts:
            content = content[: page.cuts.pop(0)]
            self.close_connection = True
        self.wfile.write(content)

    def _range(self, page: Page) -> tuple[int, int]:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if page.status != 200 or not page.ranges or not match:
            return 0, page.status
        start = int(match.group(1))
        return (start, 206) if start < len(page.content) else (0, 416)


def file_toml(name: str, content: bytes, *sources: str, digest: str | None = None) -> str:
    """Return the TOML of one file; a digest of ``""`` leaves the sha256 out."""
    digest = sha256(content) if digest is None else digest
    known = f'sha256 = "{digest}"\n' if digest else ""
    listed = ", ".join(f"{{ {source} }}" for source in sources)
    size = len(content)
    return f'[[models.files]]\nname = "{name}"\nsize = {size}\n{known}sources = [{listed}]\n'
