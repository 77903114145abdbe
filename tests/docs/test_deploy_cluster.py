"""The files in deploy/cluster: the settings that they name exist, and the chart uses its values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from tests.docs.pages import ROOT, pages
from xy_core.settings import Settings, load_settings

CLUSTER = ROOT / "deploy" / "cluster"
CHART = CLUSTER / "chart"
TEMPLATES = sorted((CHART / "templates").glob("*.yaml"))
VALUE = re.compile(r"\.Values\.([\w.]+)")


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def leaves(values: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def is_setting(variable: str) -> bool:
    """Whether ``XY_A__B`` is a key of the settings."""
    place: Any = Settings
    for name in variable.removeprefix("XY_").lower().split("__"):
        if not (isinstance(place, type) and issubclass(place, BaseModel)):
            return False
        if name not in place.model_fields:
            return False
        place = place.model_fields[name].annotation
    return True


def test_the_check_of_variables_knows_what_is_none():
    assert is_setting("XY_JOURNAL__URL")
    assert not is_setting("XY_JOURNAL__URI")
    assert not is_setting("XY_JOURNAL__URL__X")


def test_engines_of_a_cluster_ask_for_keys():
    settings = load_settings(CLUSTER / "xy-core.toml")
    assert settings.server.require_keys
    assert settings.cluster.address == "auto"
    assert settings.broker.topics


@pytest.mark.parametrize("file", [CLUSTER / "compose.yaml", *TEMPLATES], ids=lambda file: file.name)
def test_variables_are_settings(file: Path):
    variables = set(re.findall(r"\bXY_\w+", file.read_text("utf-8")))
    assert {name for name in variables if not is_setting(name)} == set()


def test_compose_starts_all_parts():
    compose = loaded(CLUSTER / "compose.yaml")
    services = compose["services"]
    assert set(services) == {"head", "worker", "engine", "postgres", "broker"}
    environment = services["engine"]["environment"]
    for name in ("XY_JOURNAL__URL", "XY_MEMORY__POSTGRES", "XY_BROKER__URL"):
        host = re.search(r"@(\w+)", environment[name])
        assert host is not None
        assert host[1] in services
    assert environment["RAY_HEAD"] == "head:6379"
    assert "--port=6379" in services["head"]["command"]
    used = {
        volume.partition(":")[0] for one in services.values() for volume in one.get("volumes", ())
    }
    assert used == set(compose["volumes"])


def test_the_chart_uses_each_of_its_values_and_no_other():
    used = {name for file in TEMPLATES for name in VALUE.findall(file.read_text("utf-8"))}
    assert used == set(leaves(loaded(CHART / "values.yaml")))
    assert loaded(CHART / "Chart.yaml")["apiVersion"] == "v2"


def filled(file: Path) -> list[dict[str, Any]]:
    """A template with something in each of its places; what Helm would make of it is not known."""
    text = re.sub(r"\{\{[^}]*\}\}", "x", file.read_text("utf-8"))
    return list(yaml.safe_load_all(text))


def test_templates_are_yaml_of_their_kinds():
    kinds = {one["kind"]: one for file in TEMPLATES for one in filled(file)}
    assert set(kinds) == {"RayCluster", "Deployment", "Service"}
    ray = kinds["RayCluster"]["spec"]
    assert kinds["RayCluster"]["apiVersion"] == "ray.io/v1"
    assert ray["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    (engine,) = kinds["Deployment"]["spec"]["template"]["spec"]["containers"]
    port = load_settings(CLUSTER / "xy-core.toml").server.port
    assert engine["ports"][0]["containerPort"] == port


def test_the_image_has_the_extras_that_a_cluster_needs():
    text = (CLUSTER / "Dockerfile").read_text("utf-8")
    extras = set(re.search(r"'\.\[([\w,-]+)\]'", text)[1].split(","))
    assert {"cluster", "postgres", "broker", "server"} <= extras
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras)


def test_what_was_not_run_says_so():
    for name in ("Dockerfile", "compose.yaml"):
        assert re.search("NOT (BUILT|RUN) BY US", (CLUSTER / name).read_text("utf-8"))
    guides = "".join((ROOT / page).read_text("utf-8") for page in pages())
    for name in ("compose.yaml", "chart", "Dockerfile", "xy-core.toml"):
        assert f"deploy/cluster/{name}" in guides
