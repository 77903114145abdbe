"""Every web page that the documentation names is there; run by ``make links`` alone."""

from __future__ import annotations

import httpx
import pytest

from tests.docs.pages import links, pages

OUTSIDE = sorted({link for page in pages() for link in links(page) if link.startswith("http")})


@pytest.mark.network
@pytest.mark.parametrize("link", OUTSIDE)
def test_a_web_page_is_there(link: str):
    headers = {"user-agent": "xy-core documentation"}
    answer = httpx.get(link, follow_redirects=True, timeout=30, headers=headers)
    assert answer.status_code < 400
