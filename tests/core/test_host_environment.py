"""The environment that a model's process is started with."""

from __future__ import annotations

import os
import sys

import pytest

from tests.core.host_guests import Guest
from xy_core.core.host import ModelHost
from xy_core.core.host_environment import host_environment

TUNABLES = "GLIBC_TUNABLES"
BLAS_THREADS = "OPENBLAS_NUM_THREADS"
linux = pytest.mark.skipif(sys.platform != "linux", reason="huge pages are asked for on Linux")


@linux
def test_a_models_process_is_started_with_it_and_ours_is_not(monkeypatch):
    monkeypatch.delenv(TUNABLES, raising=False)
    monkeypatch.delenv(BLAS_THREADS, raising=False)
    host = ModelHost("guest", Guest)
    host.start()
    try:
        assert host.call("variable", TUNABLES) == "glibc.malloc.hugetlb=1"
        assert host.call("variable", BLAS_THREADS) == "1"
    finally:
        host.stop()
    assert TUNABLES not in os.environ
    assert BLAS_THREADS not in os.environ


@linux
@pytest.mark.parametrize(
    ("own", "inside"),
    [
        ("glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=0"),
        ("glibc.malloc.perturb=7", "glibc.malloc.perturb=7:glibc.malloc.hugetlb=1"),
    ],
)
def test_the_users_tunables_stay(monkeypatch, own, inside):
    monkeypatch.setenv(TUNABLES, own)
    with host_environment():
        assert os.environ[TUNABLES] == inside
    assert os.environ[TUNABLES] == own


def test_the_users_number_of_threads_stays(monkeypatch):
    monkeypatch.setenv(BLAS_THREADS, "3")
    with host_environment():
        assert os.environ[BLAS_THREADS] == "3"
    assert os.environ[BLAS_THREADS] == "3"


def test_a_process_that_cannot_start_leaves_nothing_behind(monkeypatch):
    monkeypatch.delenv(TUNABLES, raising=False)
    monkeypatch.delenv(BLAS_THREADS, raising=False)
    with pytest.raises(OSError, match="no room"), host_environment():
        raise OSError("no room")
    assert TUNABLES not in os.environ
    assert BLAS_THREADS not in os.environ
