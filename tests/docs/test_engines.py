"""The account of engines in the guide: every engine that the settings know, and its test."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from tests.docs.pages import ROOT
from xy_core.core.config import StrictModel
from xy_core.modules.image import ImageConfig
from xy_core.modules.llm.config import LanguageModelConfig
from xy_core.modules.memory import MemoryConfig
from xy_core.modules.vision import VisionConfig
from xy_core.modules.voice.config import SherpaKind, SynthesizerConfig, TranscriberConfig

PAGES = ("docs/guides/engines.md", "docs/guides/engines.zh.md")
ROW = re.compile(r"^\| `(\w+)` \| `([^`]+)` \| (.+?) \| .*? \| `([^`]+)` \|$", re.MULTILINE)


def rows(page: str) -> list[tuple[str, str, str, str]]:
    """Module, engine, what it is proven with, and the test."""
    return ROW.findall((ROOT / page).read_text("utf-8"))


def choices(model: type[StrictModel]) -> set[str]:
    return set(get_args(model.model_fields["engine"].annotation))


def known() -> set[tuple[str, str]]:
    """Every engine that a setting may name."""
    found = {("llm", one) for one in choices(LanguageModelConfig)}
    found |= {("vision", one) for one in choices(VisionConfig)}
    found |= {("image", one) for one in choices(ImageConfig)}
    found |= {("voice", one) for one in choices(SynthesizerConfig) | choices(TranscriberConfig)}
    found -= {("voice", "sherpa")}
    found |= {("voice", f"sherpa: {kind}") for kind in get_args(SherpaKind)}
    embedders = (MemoryConfig().embedding or "").split("+")
    return found | {("memory", one) for one in [*embedders, "use-multilingual", "server", "llm"]}


@pytest.mark.parametrize("page", PAGES)
def test_every_engine_of_the_settings_is_in_the_table_once(page):
    named = [(module, engine) for module, engine, _, _ in rows(page)]
    assert len(named) == len(set(named))
    assert known() - set(named) == set()


@pytest.mark.parametrize("page", PAGES)
def test_each_names_a_test_that_knows_the_engine(page):
    for _, engine, _, test in rows(page):
        name = engine.removeprefix("sherpa: ")
        around = "".join(one.read_text("utf-8") for one in {ROOT / test, *_beside(test)})
        assert name.replace("-", "") in around.replace("-", "").lower(), (engine, test)


def test_both_languages_say_the_same():
    english, chinese = (
        [(module, engine, test) for module, engine, _, test in rows(page)] for page in PAGES
    )
    assert english == chinese


def _beside(test: str) -> list[Path]:
    """The language engines are made in a file of their own."""
    folder = (ROOT / test).parent
    return [folder / "engines.py"] if (folder / "engines.py").exists() else []
