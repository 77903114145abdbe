"""What the pages are, and what is in them: headings, links, anchors, blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pymdownx.slugs import slugify
from sybil import Document, Region
from sybil.parsers.abstract import AbstractCodeBlockParser
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ENGLISH_ONLY = (
    "docs/architecture.md",  # for those who work on the code, as CONTRIBUTING.md is
    "docs/results/",
    "docs/reference/",  # made from docstrings, which are English
)
"""Pages, or folders of pages, without a Chinese version."""
GENERATED = {"docs/reference/http.md", "docs/reference/commands.md", "docs/reference/settings.md"}
"""Pages that `docs/build_hooks.py` makes."""
NOT_RUN = ("# not run in our tests: ", "# 测试中不运行：")
"""How the first line of a block begins that is only parsed; what follows says why."""
SNIPPET = re.compile(r'--8<-- "(?P<path>[^"]+)"')


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        page: where it stands, relative to the root.
        line: from 1, of its first line.
        language: of its fence.
        source: its text, files that it includes put in.
    """

    page: str
    line: int
    language: str
    source: str

    @property
    def runs(self) -> bool:
        """Whether it may be run here."""
        return not self.source.startswith(NOT_RUN)

    @property
    def file(self) -> str:
        """The name in a comment on its first line, as in ``# xy-core.toml``; empty if none."""
        found = re.match(r"# (\S+\.toml)\b", self.source)
        return Path(found[1]).name if found else ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """Return all pages, relative to the root."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("examples/*.md"), *DOCS.rglob("*.md")]
    return sorted({page.relative_to(ROOT).as_posix() for page in found} - GENERATED)


def pairs() -> list[tuple[str, str]]:
    """Return the pages that exist in both languages: English, Chinese."""
    english = [page for page in pages() if page.startswith("docs/") and ".zh." not in page]
    english = [page for page in english if not page.startswith(ENGLISH_ONLY)]
    readmes = [(f"{place}README.md", f"{place}README.zh-CN.md") for place in ("", "examples/")]
    return readmes + [(page, page.removesuffix(".md") + ".zh.md") for page in english]


@cache
def tokens(page: str) -> list[Token]:
    """Parse a page as CommonMark with tables."""
    return MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text("utf-8"))


def headings(page: str) -> list[tuple[int, str]]:
    """Return level and text of each heading."""
    found = tokens(page)
    return [
        (int(token.tag[1:]), _plain(inline))
        for token, inline in pairwise(found)
        if token.type == "heading_open"
    ]


def anchors(page: str) -> set[str]:
    """Return what links to the page may name after ``#``."""
    slug = slugify(case="lower")
    return {slug(text, "-") for _, text in headings(page)}


def links(page: str) -> Iterator[str]:
    """Yield where the page's links and pictures point to."""
    for token in tokens(page):
        for child in token.children or ():
            target = child.attrGet("href" if child.type == "link_open" else "src")
            if target:
                yield str(target)


def blocks() -> list[Block]:
    """Return the blocks of code of all pages; one that stands on several pages once."""
    found: dict[tuple[str, str], Block] = {}
    for page in pages():
        for block in _blocks_of(page):
            found.setdefault((block.language, block.source), block)
    return list(found.values())


def _blocks_of(page: str) -> Iterator[Block]:
    document = Document.parse(str(ROOT / page), _EveryFence())
    for example in document.examples():
        source = SNIPPET.sub(lambda part: (ROOT / part["path"]).read_text("utf-8"), example.parsed)
        yield Block(page, example.line + 1, example.region.lexemes["arguments"], source)


class _EveryFence(AbstractCodeBlockParser):
    """Finds blocks of any language."""

    language = "any"

    def __init__(self) -> None:
        names = {"language": "arguments", "source": "source"}
        super().__init__([FencedCodeBlockLexer(r".*", mapping=names)])

    def __call__(self, document: Document) -> Iterator[Region]:
        for region in self.lexers(document):
            region.parsed = str(region.lexemes["source"])
            region.evaluator = self._evaluator
            yield region


def _plain(inline: Token) -> str:
    """Return an inline token's text without its markup."""
    return "".join(child.content for child in inline.children or ())
