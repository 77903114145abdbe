"""The files in deploy are what the guides say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from tests.docs.pages import ROOT, pages
from xy_core.core.engine import CoreEngine
from xy_core.core.events import EventBus
from xy_core.core.metrics import EngineCollector
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.watchdog import LoopWatchdog
from xy_core.settings import load_settings

DEPLOY = ROOT / "deploy"
FIGURE = re.compile(r"\bxy_core_\w+")


@pytest.fixture
async def figures() -> set[str]:
    """The names of all figures that a running program gives."""
    registry = CollectorRegistry()
    parts = {"scheduler": GlobalTaskScheduler(), "bus": EventBus(), "sections": {}}
    async with CoreEngine(**parts, watchdog=LoopWatchdog()) as engine:
        registry.register(EngineCollector(engine))
        text = generate_latest(registry).decode()
    return set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


def known(name: str, figures: set[str]) -> bool:
    return name in figures or re.sub(r"_(bucket|sum|count)$", "", name) in figures


@pytest.mark.parametrize(
    "file",
    ["deploy/grafana-dashboard.json", "deploy/alerts.yml", "docs/guides/observe.md"],
)
async def test_every_figure_that_is_named_exists(file: str, figures: set[str]):
    text = (ROOT / file).read_text("utf-8").replace("prometheus/xy-core", "")
    named = set(FIGURE.findall(text)) - {"xy_core_key"}
    assert len(named) >= 4
    assert {name for name in named if not known(name, figures)} == set()


def test_the_dashboard_is_one():
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["targets"] and panel["title"] for panel in panels)
    for panel in panels:
        box = panel["gridPos"]
        assert box["x"] + box["w"] <= 24


def test_prometheus_asks_where_the_server_listens():
    scrape = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))["scrape_configs"][0]
    server = load_settings(DEPLOY / "xy-core.toml").server
    assert scrape["static_configs"][0]["targets"] == [f"{server.host}:{server.port}"]
    assert scrape["metrics_path"] == "/metrics"


def test_alerts_are_rules():
    (group,) = yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))["groups"]
    assert all({"alert", "expr", "for", "annotations"} == set(rule) for rule in group["rules"])


def test_the_server_keeps_all_in_one_folder_and_asks_for_keys():
    settings = load_settings(DEPLOY / "xy-core.toml")
    files = (
        settings.models.root,
        settings.memory.path,
        settings.journal.path,
        settings.server.keys,
    )
    assert all(file.is_relative_to("/var/lib/xy-core") for file in files)
    assert settings.offline
    assert settings.server.require_keys


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_takes_the_unit(tmp_path: Path):
    unit = (DEPLOY / "xy-core.service").read_text("utf-8")
    here = tmp_path / "xy-core.service"
    here.write_text(unit.replace("/opt/xy-core/bin/xy-core", "/bin/true"), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", here],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert "Unknown" not in done.stderr


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.cuda"])
def test_an_image_installs_extras_that_exist_and_says_that_it_was_not_built(name: str):
    text = (DEPLOY / name).read_text("utf-8")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    for extra in re.search(r"'\.\[([\w,-]+)\]'", text)[1].split(","):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE)
    assert "NOT BUILT BY US" in text


def test_every_file_is_named_in_a_guide():
    guides = "".join(
        (ROOT / page).read_text("utf-8") for page in pages() if page.startswith("docs/guides/")
    )
    assert [file.name for file in DEPLOY.iterdir() if f"deploy/{file.name}" not in guides] == []
