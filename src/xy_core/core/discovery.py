"""Finds the devices of this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from xy_core.core.device import Device, DeviceKind
from xy_core.core.drivers import apple, cpu, cuda, intel, rocm
from xy_core.core.errors import MissingExtraError, XyCoreError

log = structlog.get_logger("device")


@dataclass(frozen=True, slots=True)
class DriverProblem:
    """A driver that is there but does not work.

    Attributes:
        driver: whose it is.
        detail: what it said.
    """

    driver: str
    detail: str


Find = Callable[[], Sequence[Device]]

DRIVERS: dict[str, Find] = {
    "NVIDIA": cuda.find,
    "AMD": rocm.find,
    "Apple": apple.find,
    "Intel": intel.find,
    "processor": cpu.find,
}
"""Those of `DeviceKind`, by their makers; each returns what it finds, in its own order."""

MAKERS: dict[str, str] = {
    DeviceKind.CUDA: "NVIDIA",
    DeviceKind.ROCM: "AMD",
    DeviceKind.APPLE: "Apple",
    DeviceKind.INTEL: "Intel",
    DeviceKind.NPU: "Intel",
    DeviceKind.CPU: "processor",
}


def _log(problem: DriverProblem) -> None:
    log.warning("driver does not work", driver=problem.driver, detail=problem.detail)


def discover(report: Callable[[DriverProblem], object] = _log) -> tuple[Device, ...]:
    """Return the devices of this machine that answer, the processor last.

    A driver whose library is not installed is passed over. May take seconds, as drivers start.

    Args:
        report: told of each driver that is there but does not work; by default it is logged.
    """
    found: list[Device] = []
    for maker, find in DRIVERS.items():
        try:
            devices = find()
        except MissingExtraError:
            continue
        except Exception as error:  # noqa: BLE001 - whatever a broken driver does
            report(DriverProblem(maker, _describe(error)))
            continue
        for device in devices:
            try:
                device.read_memory()
            except Exception as error:  # noqa: BLE001 - the same
                report(DriverProblem(maker, f"{device.name}: {_describe(error)}"))
            else:
                found.append(device)
    return tuple(found)


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, XyCoreError) else f"{type(error).__name__}: {error}"
