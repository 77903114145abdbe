"""Intel's graphics and neural processors, through OpenVINO."""

from __future__ import annotations

from typing import Any

import psutil

from xy_core.core.device import DeviceKind, MemoryReading
from xy_core.core.errors import DeviceLost, MissingExtraError

_KINDS = {"GPU": DeviceKind.INTEL, "NPU": DeviceKind.NPU}


class IntelDevice:
    """One Intel device.

    What others use of it is not told; where its memory is the machine's, that is seen there.

    Args:
        core: OpenVINO's ``Core``.
        device: OpenVINO's name for it: ``GPU``, ``GPU.1``, ``NPU``.
    """

    load_bandwidth = 2e9

    def __init__(self, name: str, kind: DeviceKind, core: Any, device: str) -> None:
        self.name = name
        self.kind = kind
        self.title = str(core.get_property(device, "FULL_DEVICE_NAME"))
        self._core = core
        self._device = device

    def read_memory(self) -> MemoryReading:
        """See `Device`."""
        try:
            total = int(self._ask(f"{self._plugin}_DEVICE_TOTAL_MEM_SIZE"))
            used = self._used()
            shared = "INTEGRATED" in str(self._ask("DEVICE_TYPE")).upper()
        except Exception as error:  # the library raises RuntimeError and its own
            raise DeviceLost(f"device {self.name!r} does not answer any more: {error}") from error
        free = max(0, total - used)
        if shared:
            free = min(free, psutil.virtual_memory().available)
        return MemoryReading(total, free)

    @property
    def _plugin(self) -> str:
        return self._device.partition(".")[0]

    def _used(self) -> int:
        if self._plugin == "NPU":
            return int(self._ask("NPU_DEVICE_ALLOC_MEM_SIZE"))
        return sum(int(size) for size in self._ask("GPU_MEMORY_STATISTICS").values())

    def _ask(self, name: str) -> Any:
        return self._core.get_property(self._device, name)


def find() -> tuple[IntelDevice, ...]:
    """Return Intel's graphics and neural processors.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        Exception: OpenVINO cannot be loaded, or does not answer.
    """
    try:
        from openvino import Core  # noqa: PLC0415 - optional and heavy
    except ImportError as error:
        raise MissingExtraError("openvino", "intel") from error
    core = Core()
    found: list[IntelDevice] = []
    for device in core.available_devices:
        kind = _KINDS.get(device.partition(".")[0])
        if kind is not None:
            number = sum(1 for other in found if other.kind is kind)
            found.append(IntelDevice(f"{kind}:{number}", kind, core, device))
    return tuple(found)
