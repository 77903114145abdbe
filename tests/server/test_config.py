"""``/v1/config``: what is shown and what is kept back, and what may be written."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from xy_core.core.errors import InputError
from xy_core.server.admin.config import _shown
from xy_core.server.admin.config_file import file_of, save_changes
from xy_core.settings import load_settings

_SECRET = "sk-very-secret"  # noqa: S105 - a made-up one


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "xy-core.toml"
    path.write_text(f'# mine\n[llm]\nseed = 3 # lucky\n[memory]\nkey = "{_SECRET}"\n')
    return path


def test_a_change_leaves_the_rest_alone(config: Path) -> None:
    saved = save_changes(config, {"llm.temperature": 0.5, "server.limits.body": "1MiB"})
    text = config.read_text()
    assert (saved.llm.temperature, saved.server.limits.body) == (0.5, 1 << 20)
    assert "# mine" in text
    assert "seed = 3 # lucky" in text
    assert file_of(load_settings(config)) == config


def test_null_goes_back_to_the_default(config: Path) -> None:
    save_changes(config, {"llm.seed": None, "voice.nothing": None})
    assert "seed" not in config.read_text()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("llm.temperature", "hot"),
        ("llm.temperature", 99),
        ("nothing.at.all", 1),
        ("llm.seed.deeper", 1),
        ("llm", 1),
        ("llm.seed", {"a": [None]}),
        ("llm.seed", "\x00\ud800"),
    ],
)
def test_what_does_not_fit_changes_nothing(config: Path, key: str, value: object) -> None:
    before = config.read_bytes()
    with pytest.raises(InputError):
        save_changes(config, {key: value})
    assert config.read_bytes() == before
    assert sorted(config.parent.iterdir()) == [config]


def test_a_file_that_is_not_toml_is_left_to_its_owner(config: Path) -> None:
    config.write_text("= broken")
    with pytest.raises(InputError, match="by hand"):
        save_changes(config, {"llm.seed": 1})


def test_secrets_are_never_shown(config: Path) -> None:
    assert _SECRET not in str(_shown(load_settings(config)))
    assert _shown(load_settings(config))["memory"]["key"] is None


@pytest.mark.models
@pytest.mark.asyncio(loop_scope="module")
async def test_the_endpoint_shows_and_refuses(http: httpx.AsyncClient) -> None:
    shown = (await http.get("/v1/config")).json()
    assert shown["values"]["llm"]["temperature"] == pytest.approx(0.3)
    assert "LLMConfig" in shown["json_schema"]["$defs"]
    assert "plugins" not in shown["json_schema"]["properties"]
    for changes in ({}, {"plugins.a": 1}, {"../x": 1}, {"llm.temperature": "hot"}):
        assert (await http.patch("/v1/config", json={"changes": changes})).status_code == 400
