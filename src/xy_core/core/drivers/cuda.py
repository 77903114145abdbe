"""NVIDIA's devices, through NVML (package ``nvidia-ml-py``)."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from xy_core.core.device import DeviceKind, MemoryReading
from xy_core.core.drivers.visible import visible
from xy_core.core.errors import DeviceLost, MissingExtraError


class CudaDevice:
    """One NVIDIA device."""

    kind = DeviceKind.CUDA
    load_bandwidth = 2e9

    def __init__(self, name: str, nvml: ModuleType, handle: Any) -> None:
        self.name = name
        self._nvml = nvml
        self._handle = handle
        title = nvml.nvmlDeviceGetName(handle)
        self.title = title.decode() if isinstance(title, bytes) else str(title)

    def read_memory(self) -> MemoryReading:
        """See `Device`."""
        nvml = self._nvml
        try:
            memory = nvml.nvmlDeviceGetMemoryInfo(self._handle)
            processes = [
                *nvml.nvmlDeviceGetComputeRunningProcesses(self._handle),
                *nvml.nvmlDeviceGetGraphicsRunningProcesses(self._handle),
            ]
        except nvml.NVMLError as error:
            raise DeviceLost(f"device {self.name!r} does not answer any more: {error}") from error
        # Windows does not tell what a process uses; one that computes and draws is listed twice.
        used = {one.pid: int(one.usedGpuMemory or 0) for one in processes}
        return MemoryReading(int(memory.total), int(memory.free), used)

    @property
    def power(self) -> float | None:
        """Watts that it draws now; None if it does not tell."""
        nvml = self._nvml
        try:
            return float(nvml.nvmlDeviceGetPowerUsage(self._handle)) / 1000
        except nvml.NVMLError:
            return None


def find() -> tuple[CudaDevice, ...]:
    """Return NVIDIA's devices in CUDA's order of the bus; none if there is no driver.

    Only those that ``CUDA_VISIBLE_DEVICES`` shows are returned, and numbered as it orders them.
    (CUDA's own default order is the fastest first: set ``CUDA_DEVICE_ORDER=PCI_BUS_ID`` where
    the devices differ, so that both mean the same one by ``cuda:0``.)

    Raises:
        MissingExtraError: ``nvidia-ml-py`` is not installed.
        pynvml.NVMLError: the driver is there, but broken.
    """
    try:
        import pynvml as nvml  # noqa: PLC0415 - optional
    except ImportError as error:
        raise MissingExtraError("nvidia-ml-py", "cuda") from error
    try:
        nvml.nvmlInit()
    except nvml.NVMLError_LibraryNotFound:
        return ()
    count = nvml.nvmlDeviceGetCount()
    handles = [nvml.nvmlDeviceGetHandleByIndex(number) for number in range(count)]
    chosen = visible([_uuid(nvml, handle) for handle in handles], "CUDA_VISIBLE_DEVICES")
    return tuple(
        CudaDevice(f"cuda:{number}", nvml, handles[index]) for number, index in enumerate(chosen)
    )


def _uuid(nvml: ModuleType, handle: Any) -> str:
    uuid = nvml.nvmlDeviceGetUUID(handle)
    return uuid.decode() if isinstance(uuid, bytes) else str(uuid)
