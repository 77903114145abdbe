"""What happens to calls, and to everybody else, when a model's process dies."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import structlog
from structlog.testing import capture_logs

from tests.core.host_guests import Clinging, Fragile, Guest
from xy_core.core.config import HostConfig
from xy_core.core.errors import WorkerCrashed, WorkerUnavailable
from xy_core.core.host import HostState, ModelHost

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for its promise")


@contextlib.contextmanager
def running(factory: type = Guest, *args: object, **config: object) -> Iterator[ModelHost]:
    values = {"backoff": 0.01, "retries": 0} | config
    host = ModelHost("guest", factory, *args, begin="load", config=HostConfig(**values))
    host.start()
    try:
        yield host
    finally:
        host.stop()


def kill(host: ModelHost) -> None:
    assert host.pid
    os.kill(host.pid, signal.SIGKILL)


@pytest.fixture(autouse=True)
def everything_logged() -> Iterator[None]:
    """Let no level be left out, whatever an earlier test has configured."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    yield
    structlog.configure(**before)


def refusal(host: ModelHost) -> str:
    """Call until the host refuses calls, and return what it says then."""
    while True:
        try:
            host.call("pid")
        except WorkerCrashed:
            continue
        except WorkerUnavailable as error:
            return str(error)


def shared_files() -> set[Path]:
    return set(Path("/dev/shm").iterdir())  # noqa: S108 - to see that nothing is left there


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def test_a_stream_that_was_begun_ends_with_the_crash_and_the_next_call_succeeds():
    with running(retries=3) as host:
        first = host.pid
        stream = host.stream("count", 1_000_000)
        assert next(stream) == 0
        kill(host)
        with pytest.raises(WorkerCrashed, match=rf"'guest' \({first}\) was ended by SIGKILL"):
            list(stream)
        assert host.call("facts") == ("guest", 1)  # loaded again
        assert host.call("pid") == host.pid != first
        assert host.restarts == 1


def test_a_stream_that_delivered_nothing_is_tried_once_more(tmp_path):
    with running(retries=1) as host:
        assert list(host.stream("crash_stream", tmp_path / "note")) == [7]
        assert host.call("crash", tmp_path / "note 2") == "at last"
        with pytest.raises(WorkerCrashed, match="SIGSEGV"):
            list(host.stream("crash_stream", tmp_path / "note 3", 2))
        with pytest.raises(WorkerCrashed, match="SIGSEGV") as raised:
            host.call("crash")
    # The interpreter's own words on what was being done when the signal came.
    assert "in crash" in "".join(raised.value.__notes__)


def test_all_calls_in_flight_learn_of_it(threads):
    with running() as host:
        calls = [threads.submit(host.call, "hang") for _ in range(3)]
        assert all(host.call("wait_until_entered") for _ in calls)
        kill(host)
        for call in calls:
            with pytest.raises(WorkerCrashed, match="SIGKILL"):
                call.result(10)


def test_an_idle_process_that_dies_is_replaced():
    with running(retries=1) as host:
        first = psutil.Process(host.pid)
        first.kill()
        first.wait(10)
        assert host.call("pid") != first.pid


def test_arrays_of_a_process_that_died_stay_whole():
    with running(retries=1) as host:
        array = host.call("echo", np.arange(1_000_000))
        kill(host)
        host.call("pid")
        assert (array == np.arange(1_000_000)).all()


@needs_linux
def test_nothing_of_a_process_that_died_is_held():
    with running(retries=1) as host:
        host.call("pid")
        gc.collect()  # what other tests left open is no part of the count
        before = psutil.Process().num_fds()
        for _ in range(2):
            kill(host)
            host.call("pid")
        gc.collect()
        assert psutil.Process().num_fds() == before


def test_a_process_that_keeps_dying_is_not_started_for_ever(tmp_path):
    note = tmp_path / "note"
    with running(Fragile, note, max_restarts=2, window=600) as host, capture_logs() as logs:
        note.touch()
        kill(host)
        assert "ended with status 7; it is tried again 600 s after" in refusal(host)
        assert host.state is HostState.FAILED
        assert host.restarts == 2
        with pytest.raises(WorkerUnavailable, match="keeps ending"):
            host.start()
    assert host.state is HostState.STOPPED
    failures = [entry for entry in logs if entry["event"] == "model process failed"]
    assert len(failures) == 3
    assert {entry["model"] for entry in failures} == {"guest"}


def test_after_a_rest_it_gets_another_chance(tmp_path):
    note = tmp_path / "note"
    with running(Fragile, note, max_restarts=0, window=0.2) as host:
        note.touch()
        kill(host)
        assert "keeps ending" in refusal(host)
        note.unlink()
        answer = None
        while answer is None:
            with contextlib.suppress(WorkerUnavailable, WorkerCrashed):
                answer = host.call("facts")


def test_a_process_that_gives_no_sign_of_life_is_replaced(threads):
    with running(ping_every=0.05, ping_timeout=0.3) as host:
        hung = threads.submit(host.call, "hang_the_interpreter")
        with pytest.raises(WorkerCrashed, match=r"no sign of life for 0\.3 s"):
            hung.result(20)
        assert host.call("echo", 1) == 1


def test_a_process_that_is_busy_for_long_is_alive(threads):
    with running(ping_every=0.01, ping_timeout=5.0) as host:
        first = host.pid
        held = threads.submit(host.call, "meet")
        for _ in range(200):
            host.call("echo", np.zeros(10_000))
        others = [threads.submit(host.call, "meet") for _ in range(3)]
        assert {call.result(10) for call in (held, *others)} == {0, 1, 2, 3}
        assert host.pid == first


def test_a_model_that_takes_too_long_to_load_is_given_up():
    host = ModelHost("slow", Guest, begin="hang", config=HostConfig(start_timeout=0.5))
    with pytest.raises(WorkerCrashed, match=r"it was not ready after 0\.5 s"):
        host.start()
    assert host.state is HostState.STOPPED


@needs_linux
def test_memory_is_limited():
    with running(memory=400 << 20) as host:
        assert host.call("allocate", 1 << 20) == 1 << 20
        with pytest.raises(MemoryError, match="400 MiB"):
            host.call("allocate", 1 << 30)
        assert host.call("allocate", 1 << 20) == 1 << 20
        assert host.restarts == 0


@needs_linux
def test_a_process_keeps_to_its_cores_and_steps_back():
    with running(cores=(0,), nice=7) as host:
        assert host.call("limits") == ({0}, min(19, os.nice(0) + 7))


def test_what_it_prints_is_logged_line_by_line():
    with capture_logs() as logs:
        with running() as host:
            pid = host.pid
            host.call("say", "one", "two  ", "", "10%\r 50%\r100%", "x" * 10_000, "\u4f60\u597d")
        printed = [entry for entry in logs if entry["event"] == "model process prints"]
    lines = [entry["line"] for entry in printed]
    assert lines[:3] == ["one", "two", "100%"]
    assert "".join(lines[3:5]) == "x" * 10_000
    assert lines[5:] == ["\u4f60\u597d", "to stderr", "by a child"]
    assert {(entry["model"], entry["pid"]) for entry in printed} == {("guest", pid)}


def test_an_object_that_fails_to_close_is_let_go_all_the_same():
    with capture_logs() as logs:
        with running(Clinging, stop_timeout=60) as host:
            process = psutil.Process(host.pid)
        assert not process.is_running()
        assert any("not without a fight" in entry.get("line", "") for entry in logs)


@needs_linux
async def test_no_process_and_no_memory_outlive_a_parent_that_is_killed(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    before = shared_files()
    parent = await asyncio.create_subprocess_exec(
        sys.executable, str(tmp_path / "program.py"), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(30):
        child = psutil.Process(int(await parent.stdout.readline()))
    family = psutil.Process(parent.pid).children(recursive=True)
    assert child in family
    parent.kill()
    await parent.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, timeout=10)
    assert not alive
    assert shared_files() <= before


PROGRAM = """
import collections, time
from xy_core.core.host import ModelHost

if __name__ == "__main__":
    host = ModelHost("orphan", collections.Counter, "abc")
    host.start()
    array = host.call("most_common")
    print(host.pid, flush=True)
    time.sleep(60)
"""
