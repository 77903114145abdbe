"""The scheduler's devices in torch's words."""

from __future__ import annotations

import pytest

from xy_core.models.torch_names import ran_out_of_memory, torch_device


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("cuda:1", "cuda:1"),
        ("cuda", "cuda:0"),
        ("rocm:2", "cuda:2"),
        ("xpu:0", "xpu:0"),
        ("mps:0", "mps"),
        ("cpu", "cpu"),
        ("sim:0", "cpu"),
        ("npu:0", "cpu"),
    ],
)
def test_a_device_has_its_name_in_torch(device, name):
    assert torch_device(device) == name


def test_memory_that_ran_out_is_known_by_its_words():
    assert ran_out_of_memory(RuntimeError("MPS backend out of memory (9 GB)"))
    assert not ran_out_of_memory(RuntimeError("shape mismatch"))
