"""Both languages have the same headings, and every link leads somewhere."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from tests.docs.pages import DOCS, ENGLISH_ONLY, GENERATED, ROOT, anchors, headings, links
from tests.docs.pages import blocks as all_blocks
from tests.docs.pages import pages as all_pages
from tests.docs.pages import pairs as all_pairs

EXTERNAL = re.compile(r"^(https?|mailto):")


def test_chinese_pages_belong_to_english_ones():
    chinese = {page for page in all_pages() if ".zh." in page}
    assert chinese == {page for _, page in all_pairs() if page.startswith("docs/")}


@pytest.mark.parametrize(("english", "chinese"), all_pairs())
def test_both_languages_have_the_same_headings(english: str, chinese: str):
    """The same number of the same levels in the same order; their words differ."""
    levels = [[level for level, _ in headings(page)] for page in (english, chinese)]
    assert levels[0] == levels[1]
    assert levels[0][0] == 1
    assert levels[0].count(1) == 1


@pytest.mark.parametrize("page", [page for _, page in all_pairs()])
def test_chinese_pages_are_written_in_chinese(page: str):
    text = re.sub(r"```.*?```|<!--.*?-->", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    assert len(re.findall(r"[\u4e00-\u9fff]", text)) > 50


@pytest.mark.parametrize("page", all_pages())
def test_every_internal_link_leads_somewhere(page: str):
    broken = [link for link in links(page) if not EXTERNAL.match(link) and _broken(page, link)]
    assert broken == []


def _broken(page: str, link: str) -> bool:
    path, _, anchor = unquote(link).partition("#")
    target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
    name = target.relative_to(ROOT).as_posix()
    if name in GENERATED or name == "docs/reference/openapi.json":
        return False  # `mkdocs build --strict` looks at those
    if not target.exists():
        return True
    chinese = target.with_name(target.name.removesuffix(".md") + ".zh.md")
    if ".zh." in page and chinese.exists():  # the site leads to the page of the same language
        name = chinese.relative_to(ROOT).as_posix()
    return bool(anchor) and anchor not in anchors(name)


def test_a_broken_link_is_noticed():
    assert _broken("docs/index.md", "nowhere.md")
    assert _broken("docs/index.md", "faq.md#no-such-question")
    assert not _broken("docs/index.md", "faq.md#is-it-a-therapist")
    assert not _broken("docs/faq.zh.md", "guides/hardware.md#服务器上的模型")


def test_external_links_are_whole():
    """They are asked for by ``make links`` alone, as the gate has no network."""
    outside = {link for page in all_pages() for link in links(page) if EXTERNAL.match(link)}
    assert outside
    assert [
        link for link in outside if not re.fullmatch(r"https://[\w.-]+\.\w+(/\S*)?", link)
    ] == []


def test_blocks_that_are_not_run_say_why():
    reasons = [block.source.splitlines()[0] for block in all_blocks() if not block.runs]
    assert reasons
    assert [reason for reason in reasons if len(reason) < 12] == []


def test_pages_in_english_only_are_there():
    assert [page for page in ENGLISH_ONLY if not (ROOT / page).exists()] == []
    assert DOCS.joinpath("index.md").is_file()
