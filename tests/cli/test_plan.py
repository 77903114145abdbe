"""``xy-core doctor --plan``: who stays, who takes turns, and what is left out when."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from xy_core.cli.app import app
from xy_core.core.errors import InputError, UnknownModelError

EDGE = ("--plan", "--device-memory", "8GiB", "--profile", "edge-8gb")


@pytest.fixture(autouse=True)
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XY_MODELS__ROOT", str(tmp_path / "models"))
    monkeypatch.setenv("XY_LANG", "en")
    monkeypatch.setenv("COLUMNS", "160")


def doctor(*arguments: str, options: tuple[str, ...] = ()) -> str:
    done = CliRunner().invoke(app, [*options, "doctor", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def plans(*arguments: str, options: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return json.loads(doctor(*arguments, "--json", options=options))


def test_the_edge_profile_on_eight_gibibytes():
    (plan,) = plans(*EDGE)
    assert plan["memory"] == 8 * 2**30
    assert plan["resident_bytes"] <= plan["memory"]
    chosen = {model["id"]: model for model in plan["models"]}
    assert chosen["qwen2.5-7b-instruct"]["chosen"]["n_gpu_layers"] == 29
    assert chosen["qwen2.5-7b-instruct"]["resident"]
    assert not chosen["stable-diffusion-v1-5"]["resident"]
    assert [step["offload"] for step in chosen["stable-diffusion-v1-5"]["ladder"]] == [
        "none",
        "model",
        "group",
        "host",
    ]


def test_the_table_says_who_stays_and_what_happens_when_memory_is_short():
    shown = doctor(*EDGE)
    assert "n_gpu_layers=29" in shown
    assert "Resident together: qwen2.5-7b-instruct + qwen2-vl-2b-instruct" in shown
    assert "Swapped in when asked for: stable-diffusion-v1-5" in shown
    assert "group-offload" in shown


def test_it_speaks_chinese(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XY_LANG", "zh")
    shown = doctor(*EDGE)
    assert "同时常驻" in shown
    assert "按需换入" in shown


def test_a_size_alone_asks_for_a_plan():
    (plan,) = plans("--device-memory", "2 GB", "--profile", "edge-8gb")
    assert plan["memory"] == 2_000_000_000
    assert plan["models"][0]["chosen"]["name"].startswith("partial-")


def test_without_a_size_the_configured_devices_are_planned():
    (plan,) = plans("--plan")
    assert plan["device"] == "cpu"
    assert all(model["chosen"]["name"] == "full" for model in plan["models"])


def test_a_configured_devices_budget_and_reserve_count():
    device = '[{name = "sim:0", memory = "6GiB", reserve = "1GiB"}]'
    (plan,) = plans(
        "--plan", "--profile", "edge-8gb", options=("--set", f"scheduler.devices={device}")
    )
    assert (plan["device"], plan["memory"]) == ("sim:0", 5 * 2**30)


@pytest.mark.parametrize("size", ["8x", "", "0", "-1GiB", "nan", "9" * 40, "9" * 5_000 + "GiB"])
def test_a_size_that_makes_no_sense_gets_a_clear_error(size: str):
    done = CliRunner().invoke(app, ["doctor", "--plan", f"--device-memory={size}"])
    assert isinstance(done.exception, InputError)
    assert "--device-memory" in str(done.exception)


def test_a_profile_that_does_not_exist_gets_a_clear_error():
    done = CliRunner().invoke(app, ["doctor", "--plan", "--profile", "none"])
    assert isinstance(done.exception, UnknownModelError)
