"""What a picture took, as torch's counters tell; no card is here, so the counters are made up."""

from __future__ import annotations

import pytest
import torch

from xy_core.modules.image.backends import device_peak


@pytest.fixture
def reports(monkeypatch):
    told: list[int] = []
    monkeypatch.setattr(device_peak, "report_peak", told.append)
    return told


@pytest.fixture
def card(monkeypatch):
    memory = {"now": 700, "peak": 900}

    def forget(_device):
        memory["peak"] = memory["now"]

    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: memory["now"])
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: memory["peak"])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", forget)
    return memory


def test_what_lay_there_before_does_not_count(card, reports):
    with device_peak.reported_peak("cuda:0"):
        card["peak"] = 1_000
    assert reports == [300]


def test_a_run_that_failed_tells_as_well(card, reports):
    def fail():
        card["peak"] = 5_000
        raise RuntimeError

    with pytest.raises(RuntimeError), device_peak.reported_peak("cuda:0"):
        fail()
    assert reports == [4_300]


def test_the_processor_counts_nothing(reports):
    with device_peak.reported_peak("cpu"):
        pass
    assert reports == []
