"""The site is built from these pages, without a warning."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import GENERATED, ROOT, pages


def test_every_page_is_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2]
    listed = [f"docs/{path}" for path in re.findall(r"[\w./-]+\.md", menu)]
    there = {page for page in pages() if page.startswith("docs/") and ".zh." not in page}
    assert sorted(listed) == sorted(there | GENERATED)


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path):
    pytest.importorskip("mkdocs", reason="pip install --group docs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=600,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    site = tmp_path / "site"
    assert "仍保持控制循环" in (site / "zh" / "index.html").read_text("utf-8")
    assert "GlobalTaskScheduler" in (site / "reference/core/index.html").read_text("utf-8")
    paths = json.loads((site / "reference/openapi.json").read_text("utf-8"))["paths"]
    assert "/v1/chat/completions" in paths
