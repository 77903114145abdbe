"""AMD's devices, through what the kernel shows of them; needs no library."""

from __future__ import annotations

from pathlib import Path

from xy_core.core.device import DeviceKind, MemoryReading
from xy_core.core.drivers.visible import visible
from xy_core.core.errors import DeviceLost


class RocmDevice:
    """One AMD device.

    Args:
        folder: its ``/sys/class/drm/renderD…/device``.
        processes: ``/sys/class/kfd/kfd/proc``: what each process uses.
        gpu_id: the number by which the kernel calls it there.
    """

    kind = DeviceKind.ROCM
    load_bandwidth = 2e9

    def __init__(self, name: str, folder: Path, processes: Path, gpu_id: str) -> None:
        self.name = name
        self.title = _text(folder / "product_name") or f"AMD device {gpu_id}"
        self._folder = folder
        self._processes = processes
        self._gpu_id = gpu_id

    def read_memory(self) -> MemoryReading:
        """See `Device`."""
        try:
            total = int((self._folder / "mem_info_vram_total").read_text("ascii"))
            used = int((self._folder / "mem_info_vram_used").read_text("ascii"))
        except (OSError, ValueError) as error:
            raise DeviceLost(f"device {self.name!r} does not answer any more: {error}") from error
        return MemoryReading(total, max(0, total - used), self._by_process())

    def _by_process(self) -> dict[int, int]:
        found = {}
        for file in self._processes.glob(f"*/vram_{self._gpu_id}"):
            size = _text(file)
            if file.parent.name.isdecimal() and size.isdecimal():
                found[int(file.parent.name)] = int(size)
        return found


def find(root: Path = Path("/")) -> tuple[RocmDevice, ...]:
    """Return AMD's devices in ROCm's order; only those that ``ROCR_VISIBLE_DEVICES`` shows.

    Args:
        root: where ``sys`` is.
    """
    kfd = root / "sys" / "class" / "kfd" / "kfd"
    nodes = [node for node in (kfd / "topology" / "nodes").glob("*") if node.name.isdecimal()]
    found = []
    for node in sorted(nodes, key=lambda node: int(node.name)):
        gpu_id = _text(node / "gpu_id")
        properties = _properties(node / "properties")
        minor = properties.get("drm_render_minor", "0")
        if gpu_id.isdecimal() and int(gpu_id) and minor.isdecimal():
            folder = root / "sys" / "class" / "drm" / f"renderD{minor}" / "device"
            found.append((folder, gpu_id, f"GPU-{int(properties.get('unique_id', '0')):x}"))
    chosen = visible([uuid for _, _, uuid in found], "ROCR_VISIBLE_DEVICES")
    return tuple(
        RocmDevice(f"rocm:{number}", found[index][0], kfd / "proc", found[index][1])
        for number, index in enumerate(chosen)
    )


def _properties(file: Path) -> dict[str, str]:
    pairs = (line.split() for line in _text(file).splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}  # noqa: PLR2004 - name, value


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
