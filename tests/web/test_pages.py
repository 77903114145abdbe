"""How the page's files are served."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.models


@pytest.mark.parametrize(
    "path",
    ["../files.py", "%2e%2e/files.py", "..%2ffiles.py", "/etc/passwd", "vendor/", "a\\..\\b"],
)
def test_nothing_but_the_pages_files_is_served(server: Any, path: str) -> None:
    response = httpx.get(f"{server.address}/web/{path}", trust_env=False)
    assert response.status_code in {404, 401}
    assert "import" not in response.text


def test_files_are_compressed_and_not_sent_twice(server: Any) -> None:
    with httpx.Client(base_url=server.address, trust_env=False) as client:
        first = client.get("/web/app.js")
        assert first.headers["content-encoding"] == "gzip"
        assert "script-src" not in first.headers["content-security-policy"]
        assert "unsafe" not in first.headers["content-security-policy"]
        again = client.get("/web/app.js", headers={"if-none-match": first.headers["etag"]})
        plain = client.get("/web/app.js", headers={"accept-encoding": "gzip;q=0"})
    assert (again.status_code, again.content) == (304, b"")
    assert "content-encoding" not in plain.headers
    assert plain.text == first.text
