"""The machine, the versions and the commit of a measurement, and what may be compared."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from xy_core.bench.result import environment

_LIBRARIES = ("numpy", "xllamacpp", "faster-whisper", "onnxruntime", "piper-tts", "rapidocr")
_MUST_AGREE = ("platform", "cpu", "cores", "memory_mib", "python", "implementation", "limits")
"""What makes figures of time those of one machine; libraries and commits are what is compared."""


def describe(limits: str) -> dict[str, str | int]:
    """Describe what is measured on; `limits` are the edge limits in words."""
    found: dict[str, str | int] = environment() | {
        "cpu": _processor(),
        "memory_mib": psutil.virtual_memory().total >> 20,
        "limits": limits,
        "commit": _commit(),
    }
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def usable_cores() -> int:
    """Return how many processors this program may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def differences(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """Return what forbids to compare figures of time: empty if nothing does."""
    return [
        f"{key}: {one.get(key)} / {other.get(key)}"
        for key in _MUST_AGREE
        if one.get(key) != other.get(key)
    ]


def _processor() -> str:
    """The processor's name; the platform module knows only its architecture on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return str(environment()["processor"])
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, str(environment()["processor"]))


def _commit() -> str:
    """The commit of the checkout, with ``+`` if files differ; empty outside of one."""
    folder = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(  # noqa: S603 - fixed words
            ["git", *words],  # noqa: S607 - whichever git there is
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + (
            "+" if git("status", "--porcelain", "--untracked-files=no") else ""
        )
    except (OSError, subprocess.SubprocessError):
        return ""
