"""``xy-core models``: what it prints, and how it ends."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from xy_core.cli.app import app
from xy_core.core.errors import XyCoreError

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, and a catalogue of the model ``toy`` whose file lies in a folder."""
    (tmp_path / "usb").mkdir()
    (tmp_path / "usb" / "a.bin").write_bytes(CONTENT)
    write_catalogue(tmp_path, f'type = "path", path = "{tmp_path}/usb"')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XY_MODELS__ROOT", str(tmp_path / "models"))
    monkeypatch.setenv("XY_MODELS__CATALOGUE", str(tmp_path / "catalogue.toml"))
    monkeypatch.setenv("XY_LANG", "en")
    for name in ("XY_OFFLINE", "XY_FREE_BYTES", "XY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "models"


def write_catalogue(folder: Path, source: str, size: int = 7, sha256: str = SHA256) -> None:
    (folder / "catalogue.toml").write_text(
        '[[models]]\nid = "toy"\nkind = "llm"\ntitle = "A toy"\nlicence = "MIT"\n'
        'licence_note = "Be kind."\nprofiles = ["toys"]\n'
        f'[[models.files]]\nname = "a.bin"\nsize = {size}\nsha256 = "{sha256}"\n'
        f"sources = [{{ {source} }}]\n"
    )


def run(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, ["models", *arguments])


def run_program(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the user does."""
    return subprocess.run(program(*arguments), capture_output=True, text=True, check=False)


def program(*arguments: str) -> list[str]:
    start = "from xy_core.cli.main import run; run()"
    return [sys.executable, "-c", start, "models", *arguments]


def test_a_model_is_pulled_listed_verified_found_and_removed(root: Path):
    pulled = run("pull", "toy")
    assert pulled.exit_code == 0
    assert "MIT  Be kind." in pulled.stdout
    assert not pulled.stderr
    assert run("verify").stdout == "toy: intact\n"
    assert run("path", "toy").stdout == f"{root / 'toy'}\n"
    assert (root / "toy" / "a.bin").read_bytes() == CONTENT
    listed = run("list", "--profile", "toys").stdout
    assert "✓" in listed
    assert run("remove", "toy").stdout == "toy: removed\n"
    assert run("remove", "toy").stdout == "toy: was not installed\n"
    assert "✓" not in run("list", "--profile", "toys").stdout


def test_json_is_all_that_is_printed(root: Path):
    (entry,) = json.loads(run("pull", "--profile", "toys", "--json").stdout)
    assert (entry["id"], entry["installed"], entry["size"]) == ("toy", True, 7)
    assert entry["path"] == str(root / "toy")
    assert json.loads(run("verify", "--json").stdout) == [entry]
    assert json.loads(run("path", "toy", "--json").stdout) == {"id": "toy", "path": entry["path"]}
    assert json.loads(run("remove", "toy", "--json").stdout) == {"id": "toy", "removed": True}
    ids = {entry["id"] for entry in json.loads(run("list", "--json").stdout)}
    assert {"toy", "smollm2-135m-instruct", "gpt-sovits"} <= ids


@pytest.mark.usefixtures("root")
def test_the_table_speaks_chinese(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XY_LANG", "zh")
    assert "许可证" in run("list", "--profile", "toys").stdout
    assert "许可证：MIT" in run("pull", "toy").stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (("pull", "nothing"), {}, "no model 'nothing'"),
        (("verify", "nothing"), {}, "no model 'nothing'"),
        (("path", "../toy"), {}, "no model '../toy'"),
        (("remove", "nothing"), {}, "no model 'nothing'"),
        (("list", "--profile", "nothing"), {}, "no profile 'nothing'"),
        (("path", "toy"), {}, "xy-core models pull toy"),
        (("pull", "toy"), {"XY_FREE_BYTES": "3"}, "make room"),
        (("pull", "piper-en-joe"), {"XY_OFFLINE": "1"}, "offline is set"),
        (("list",), {"XY_MODELS__CATALOGUE": "missing.toml"}, "cannot be read"),
    ],
)
@pytest.mark.usefixtures("root")
def test_what_the_user_can_mend_is_a_typed_error(
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    message: str,
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    error = run(*arguments).exception
    assert isinstance(error, XyCoreError)
    assert error.exit_code == 2
    assert message in str(error)


def only_line(result: subprocess.CompletedProcess[str]) -> str:
    """Return the one line on stderr of a program that ended with 2."""
    assert result.returncode == 2, result.stderr
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.usefixtures("root")
def test_an_unknown_id_ends_with_2_and_one_line():
    assert only_line(run_program("pull", "nothing")).startswith("error: no model 'nothing'")


def test_wrong_bytes_end_with_2_and_one_line(root: Path, tmp_path: Path):
    write_catalogue(tmp_path, f'type = "path", path = "{tmp_path}/usb"', sha256="0" * 64)
    assert "sha256" in only_line(run_program("pull", "toy"))
    assert not (root / "toy").exists()


def test_no_space_ends_with_2_and_one_line(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XY_FREE_BYTES", "3")
    assert "make room" in only_line(run_program("pull", "toy"))
    assert not (root / "toy").exists()


class _HalfAnswer(BaseHTTPRequestHandler):
    """Sends one byte of seven, and then nothing until the test ends."""

    asked = threading.Event()
    over = threading.Event()

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(CONTENT[:1])
        self.asked.set()
        self.over.wait(60)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def test_control_c_ends_with_130_and_no_traceback(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _HalfAnswer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    write_catalogue(tmp_path, 'type = "hf", repo = "org/toy", path = "a.bin"')
    process = subprocess.Popen(
        program("pull", "toy"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert _HalfAnswer.asked.wait(30)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    _HalfAnswer.over.set()
    server.shutdown()
    server.server_close()
    assert process.returncode == 130
    assert len(errors.splitlines()) <= 1
    assert not (root / "toy").exists()
