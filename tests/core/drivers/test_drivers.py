"""The makers' drivers: what they find, what they say of memory, and what when they break.

NVIDIA's library is doubled by one that speaks its API (`fake_nvml`), as no GPU is here; AMD's
kernel interface by a folder of the same files. OpenVINO and NVML themselves are asked where they
are installed: on a machine without such devices they find none.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pynvml
import pytest

from tests.core.drivers.fake_nvml import Card, fake_nvml
from xy_core.core.device import Device, DeviceKind
from xy_core.core.drivers import apple, cpu, cuda, intel, rocm
from xy_core.core.drivers.cgroups import GroupMemory, group_memory
from xy_core.core.errors import DeviceLost, MissingExtraError

GIB = 2**30


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a double in the place of NVML."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def install(*cards: Card, broken: Exception | None = None) -> None:
        monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(*cards, broken=broken))

    return install


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


# -- NVIDIA ----------------------------------------------------------------------------------


def test_cuda_devices_tell_memory_power_and_who_uses_them(nvml):
    nvml(Card(compute={11: GIB, 12: None}, graphics={13: GIB // 2}))
    (device,) = cuda.find()
    assert isinstance(device, Device)
    assert (device.name, device.kind) == ("cuda:0", DeviceKind.CUDA)
    assert device.title == "NVIDIA GeForce RTX 4060"
    reading = device.read_memory()
    assert (reading.total, reading.free) == (8 * GIB, 7 * GIB)
    assert reading.by_process == {11: GIB, 12: 0, 13: GIB // 2}
    assert device.power == 35.0


def test_old_versions_that_answer_in_bytes_and_cards_without_a_meter_are_understood(nvml):
    nvml(Card(name=b"Tesla T4", milliwatts=None))
    (device,) = cuda.find()
    assert (device.title, device.power) == ("Tesla T4", None)


def test_a_lost_cuda_device_says_so(nvml):
    card = Card()
    nvml(card)
    (device,) = cuda.find()
    card.lost = True
    with pytest.raises(DeviceLost, match="cuda:0"):
        device.read_memory()


@pytest.mark.parametrize(
    ("setting", "seen"),
    [
        (None, ["a", "b", "c"]),
        ("2,0", ["c", "a"]),
        (" 1 ", ["b"]),
        ("GPU-bb,GPU-aa", ["b", "a"]),
        ("", []),
        ("-1", []),
        ("1,7,0", ["b"]),
        ("GPU-", []),
        ("0,0", ["a"]),
        ("x" * 10_000, []),
    ],
)
def test_only_visible_devices_are_found(nvml, monkeypatch, setting, seen):
    nvml(*(Card(name=name, uuid=f"GPU-{name}{name}") for name in "abc"))
    if setting is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", setting)
    devices = cuda.find()
    assert [device.title for device in devices] == seen
    assert [device.name for device in devices] == [f"cuda:{n}" for n in range(len(seen))]


def test_without_a_driver_there_are_no_cuda_devices(nvml):
    nvml(broken=pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND))
    assert cuda.find() == ()


def test_a_broken_nvidia_driver_raises_what_it_says(nvml):
    nvml(broken=pynvml.NVMLError(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH))
    with pytest.raises(pynvml.NVMLError, match="mismatch"):
        cuda.find()


@pytest.mark.parametrize(
    ("module", "find", "extra"), [("pynvml", cuda.find, "cuda"), ("openvino", intel.find, "intel")]
)
def test_a_library_that_is_missing_names_its_extra(monkeypatch, module, find, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"xy-core\[{extra}\]"):
        find()


# -- AMD -------------------------------------------------------------------------------------


@pytest.fixture
def amd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernel's files of a machine with a processor and two AMD devices."""
    monkeypatch.delenv("ROCR_VISIBLE_DEVICES", raising=False)
    kfd, drm = "sys/class/kfd/kfd", "sys/class/drm"
    return write(
        tmp_path,
        {
            f"{kfd}/topology/nodes/0/gpu_id": "0\n",
            f"{kfd}/topology/nodes/1/gpu_id": "5001\n",
            f"{kfd}/topology/nodes/1/properties": "simd_count 80\ndrm_render_minor 128\n",
            f"{kfd}/topology/nodes/10/gpu_id": "6002\n",
            f"{kfd}/topology/nodes/10/properties": "drm_render_minor 129\nunique_id 255\n",
            f"{kfd}/proc/77/vram_5001": "1000\n",
            f"{kfd}/proc/78/vram_5001": "nonsense",
            f"{drm}/renderD128/device/mem_info_vram_total": f"{8 * GIB}\n",
            f"{drm}/renderD128/device/mem_info_vram_used": f"{GIB}\n",
            f"{drm}/renderD128/device/product_name": "Radeon RX 7600\n",
            f"{drm}/renderD129/device/mem_info_vram_total": f"{16 * GIB}\n",
            f"{drm}/renderD129/device/mem_info_vram_used": "0\n",
        },
    )


def test_rocm_devices_come_in_the_kernels_order(amd: Path):
    first, second = rocm.find(amd)
    assert (first.name, first.title) == ("rocm:0", "Radeon RX 7600")
    assert (second.name, second.title) == ("rocm:1", "AMD device 6002")
    reading = first.read_memory()
    assert (reading.total, reading.free) == (8 * GIB, 7 * GIB)
    assert reading.by_process == {77: 1000}


def test_only_visible_rocm_devices_are_found(amd: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ROCR_VISIBLE_DEVICES", "GPU-ff")
    (device,) = rocm.find(amd)
    assert (device.name, device.title) == ("rocm:0", "AMD device 6002")


@pytest.mark.parametrize("content", ["", "many\n", "\x00\xff"])
def test_a_rocm_device_that_answers_nonsense_is_lost(amd: Path, content: str):
    (amd / "sys/class/drm/renderD128/device/mem_info_vram_used").write_text(content)
    with pytest.raises(DeviceLost):
        rocm.find(amd)[0].read_memory()


def test_a_machine_without_rocm_has_no_such_devices(tmp_path: Path):
    assert rocm.find(tmp_path) == ()


# -- Intel and Apple -------------------------------------------------------------------------


class FakeCore:
    """OpenVINO's ``Core`` on a machine with integrated graphics and a neural processor."""

    available_devices = ("CPU", "GPU", "NPU")

    def __init__(self) -> None:
        self.lost = False

    def get_property(self, device: str, name: str) -> object:
        if self.lost:
            raise RuntimeError("device is gone")
        return {
            "FULL_DEVICE_NAME": f"Intel {device}",
            "DEVICE_TYPE": "Type.INTEGRATED",
            "GPU_DEVICE_TOTAL_MEM_SIZE": 2**50,
            "GPU_MEMORY_STATISTICS": {"cl_mem": 5, "usm_host": 3},
            "NPU_DEVICE_TOTAL_MEM_SIZE": GIB,
            "NPU_DEVICE_ALLOC_MEM_SIZE": GIB // 4,
        }[name]


def test_intel_devices_are_found_and_their_shared_memory_is_the_machines(monkeypatch):
    core = FakeCore()
    monkeypatch.setitem(sys.modules, "openvino", type("openvino", (), {"Core": lambda: core}))
    graphics, neural = intel.find()
    assert (graphics.name, graphics.kind, graphics.title) == ("xpu:0", "xpu", "Intel GPU")
    assert graphics.read_memory().free <= psutil.virtual_memory().total
    assert (neural.name, neural.kind) == ("npu:0", DeviceKind.NPU)
    assert neural.read_memory().total == GIB
    core.lost = True
    with pytest.raises(DeviceLost, match="npu:0"):
        neural.read_memory()


def test_the_real_openvino_answers():
    pytest.importorskip("openvino")
    for device in intel.find():
        assert device.read_memory().total > 0


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ({}, 16 * GIB * 2 // 3),
        ({"iogpu.wired_limit_mb": "0"}, 16 * GIB * 2 // 3),
        ({"iogpu.wired_limit_mb": "12288"}, 12 * GIB),
        ({"iogpu.wired_limit_mb": "999999999"}, 16 * GIB),
        ({"iogpu.wired_limit_mb": "nonsense"}, 16 * GIB * 2 // 3),
    ],
)
def test_apple_graphics_may_use_a_part_of_the_memory(monkeypatch, values, total):
    memory = psutil.virtual_memory()._replace(total=16 * GIB, available=20 * GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    device = apple.AppleDevice("mps:0", lambda name: values.get(name, ""))
    reading = device.read_memory()
    assert reading.total == reading.free == total
    assert os.getpid() in reading.by_process


@pytest.mark.skipif(platform.system() == "Darwin", reason="there they are")
def test_other_machines_have_no_apple_graphics():
    assert apple.find() == ()


# -- the processor ---------------------------------------------------------------------------


def test_the_processor_is_always_there():
    (device,) = cpu.find()
    reading = device.read_memory()
    assert 0 < reading.free <= reading.total <= psutil.virtual_memory().total
    assert reading.by_process[os.getpid()] > 0


V2 = {
    "proc/self/cgroup": "0::/user/app\n",
    "sys/fs/cgroup/user/app/memory.max": "max\n",
    "sys/fs/cgroup/user/app/memory.current": "100\n",
    "sys/fs/cgroup/user/memory.max": f"{GIB}\n",
    "sys/fs/cgroup/user/memory.current": f"{GIB // 2}\n",
    "sys/fs/cgroup/user/memory.stat": f"anon 5\ninactive_file {GIB // 4}\n",
}
V1 = {
    "proc/self/cgroup": "12:cpu,cpuacct:/x\n9:memory:/docker/abc\n1:name=systemd:/y\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GIB // 2}\n",
    "sys/fs/cgroup/memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB // 4}\n",
}


@pytest.mark.parametrize("files", [V2, V1], ids=["v2", "v1"])
def test_a_containers_limit_is_the_processors_memory(tmp_path: Path, files: dict[str, str]):
    write(tmp_path, files)
    assert group_memory(tmp_path) == GroupMemory(GIB, GIB // 4)
    reading = cpu.CpuDevice(root=tmp_path).read_memory()
    assert (reading.total, reading.free) == (GIB, GIB - GIB // 4)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"proc/self/cgroup": ""},
        {"proc/self/cgroup": "nonsense\n::::\n0::/../../../etc\n"},
        V2 | {"sys/fs/cgroup/user/memory.max": "nonsense"},
        V2 | {"sys/fs/cgroup/user/memory.current": ""},
    ],
)
def test_without_a_limit_the_memory_is_the_machines(tmp_path: Path, files: dict[str, str]):
    write(tmp_path, files)
    assert group_memory(tmp_path) is None
    assert cpu.CpuDevice(root=tmp_path).read_memory().total == psutil.virtual_memory().total


def test_a_group_that_uses_more_than_its_limit_has_nothing_free(tmp_path: Path):
    write(tmp_path, V2 | {"sys/fs/cgroup/user/memory.current": f"{2 * GIB}\n"})
    assert cpu.CpuDevice(root=tmp_path).read_memory().free == 0
