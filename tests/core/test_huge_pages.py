"""The wish for huge pages, as a model's process is started with it."""

from __future__ import annotations

import os
import sys

import pytest

from tests.core.host_guests import Guest
from xy_core.core.host import ModelHost
from xy_core.core.huge_pages import huge_pages

VARIABLE = "GLIBC_TUNABLES"
linux = pytest.mark.skipif(sys.platform != "linux", reason="huge pages are asked for on Linux")


@linux
def test_a_models_process_asks_for_huge_pages_and_ours_does_not(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    host = ModelHost("guest", Guest)
    host.start()
    try:
        assert host.call("variable", VARIABLE) == "glibc.malloc.hugetlb=1"
    finally:
        host.stop()
    assert VARIABLE not in os.environ


@linux
@pytest.mark.parametrize(
    ("own", "inside"),
    [
        ("glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=0"),
        ("glibc.malloc.perturb=7", "glibc.malloc.perturb=7:glibc.malloc.hugetlb=1"),
    ],
)
def test_what_the_user_has_set_stays(monkeypatch, own, inside):
    monkeypatch.setenv(VARIABLE, own)
    with huge_pages():
        assert os.environ[VARIABLE] == inside
    assert os.environ[VARIABLE] == own


@linux
def test_a_process_that_cannot_start_leaves_nothing_behind(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(OSError, match="no room"), huge_pages():
        raise OSError("no room")
    assert VARIABLE not in os.environ
