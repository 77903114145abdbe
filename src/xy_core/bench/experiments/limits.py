"""A small machine on a larger one: fewer cores, less memory, less power."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from xy_core.core.errors import ConfigError, MissingExtraError

_CGROUPS = Path("/sys/fs/cgroup")


@contextmanager
def edge_limits(
    *, cores: int | None = None, memory: int | None = None, gpu_watts: int | None = None
) -> Iterator[str]:
    """Keep to limits for the time of the block; yields in words what was set, and how.

    Args:
        cores: processors that may be used; by affinity, which processes inherit.
        memory: bytes; by a cgroup (version 2) where one may be made, else by rlimit.
        gpu_watts: power of the first NVIDIA device, through NVML; put back afterwards.

    Raises:
        ConfigError: the machine has less, or does not permit it.
        MissingExtraError: the binding of NVML is not installed.
    """
    said: list[str] = []
    with ExitStack() as stack:
        if cores is not None:
            said.append(stack.enter_context(_cores(cores)))
        if memory is not None:
            said.append(stack.enter_context(_memory(memory)))
        if gpu_watts is not None:
            said.append(stack.enter_context(_power(gpu_watts)))
        yield "; ".join(said) or "none"


@contextmanager
def _cores(count: int) -> Iterator[str]:
    if sys.platform != "linux":
        raise ConfigError("--cores needs Linux: leave it out here")
    had = os.sched_getaffinity(0)
    if not 1 <= count <= len(had):
        raise ConfigError(f"--cores {count}: this machine offers {len(had)}")
    os.sched_setaffinity(0, sorted(had)[:count])
    try:
        yield f"{count} cores by affinity"
    finally:
        os.sched_setaffinity(0, had)


@contextmanager
def _memory(size: int) -> Iterator[str]:
    if sys.platform == "win32":
        raise ConfigError("--memory needs cgroups or rlimit: leave it out here")
    if (_CGROUPS / "cgroup.controllers").is_file():
        try:
            group = _join_group(size)
        except OSError:
            pass  # not permitted, as in most containers: the next means
        else:
            try:
                yield f"{size >> 20} MiB by cgroup v2"
            finally:
                _leave_group(group)
            return
    import resource  # noqa: PLC0415 - POSIX only

    had = resource.getrlimit(resource.RLIMIT_DATA)
    most = had[1] if had[1] != resource.RLIM_INFINITY else size
    resource.setrlimit(resource.RLIMIT_DATA, (min(size, most), had[1]))
    try:
        yield f"{size >> 20} MiB a process by rlimit"
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, had)


def _join_group(size: int) -> Path:
    group = _CGROUPS / f"xy-core-bench-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.max").write_text(str(size))
        (group / "cgroup.procs").write_text(str(os.getpid()))
    except OSError:
        group.rmdir()
        raise
    return group


def _leave_group(group: Path) -> None:
    (_CGROUPS / "cgroup.procs").write_text(str(os.getpid()))
    group.rmdir()


@contextmanager
def _power(watts: int) -> Iterator[str]:
    try:
        import pynvml  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("nvidia-ml-py", "cuda") from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise ConfigError(f"--gpu-power {watts}: {error}; leave it out here") from error
    try:
        device, had = _set_power(pynvml, watts)
        try:
            yield f"{watts} W by NVML (was {had // 1000} W)"
        finally:
            pynvml.nvmlDeviceSetPowerManagementLimit(device, had)
    finally:
        pynvml.nvmlShutdown()


def _set_power(nvml: Any, watts: int) -> tuple[Any, int]:  # noqa: ANN401 - an untyped library
    """Limit the first device's power; returns it, and its limit of before in milliwatts."""
    try:
        device = nvml.nvmlDeviceGetHandleByIndex(0)
        had = int(nvml.nvmlDeviceGetPowerManagementLimit(device))
        nvml.nvmlDeviceSetPowerManagementLimit(device, watts * 1000)
    except nvml.NVMLError as error:
        raise ConfigError(f"--gpu-power {watts}: {error}; leave it out, or run as root") from error
    return device, had
