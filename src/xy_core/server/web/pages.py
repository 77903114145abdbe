"""``/`` and ``/web/``: the page itself. It holds no data, so it is served without a key."""

from __future__ import annotations

import asyncio
import re

from fastapi import APIRouter, Request, Response

from xy_core.server.errors import ApiError
from xy_core.server.web.files import page_files

router = APIRouter(include_in_schema=False)

_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""``'self'`` allows WebSockets to the same host too (Content Security Policy 3, 6.7.2.8)."""
_NO_GZIP = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")


@router.api_route("/", methods=["GET", "HEAD"])
async def index(request: Request) -> Response:
    """Return the page."""
    return await _file(request, "index.html")


@router.api_route("/web/{path:path}", methods=["GET", "HEAD"])
async def file(request: Request, path: str) -> Response:
    """Return one of the page's files."""
    return await _file(request, path)


async def _file(request: Request, path: str) -> Response:
    found = (await asyncio.to_thread(page_files)).get(path)
    if found is None:
        raise ApiError(404, "the page has no such file", "not_found")
    headers = {
        "etag": found.etag,
        "cache-control": "no-cache",
        "vary": "accept-encoding",
        "content-security-policy": _POLICY,
        "permissions-policy": "camera=(self), microphone=(self), geolocation=()",
    }
    if found.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    body = found.body
    accepted = request.headers.get("accept-encoding", "").lower()
    if "gzip" in accepted and not _NO_GZIP.search(accepted):
        body, headers["content-encoding"] = found.compressed, "gzip"
    return Response(body, headers=headers, media_type=found.media_type)
