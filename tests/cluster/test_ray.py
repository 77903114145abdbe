"""Tasks, models and streams on a real Ray cluster."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from tests.cluster.guests import Counter, fail, process, total
from xy_core.cluster.backend import RemoteBackend
from xy_core.cluster.config import ClusterConfig
from xy_core.cluster.connection import Cluster
from xy_core.cluster.tasks import keep, remote
from xy_core.core.cancellation import CancelToken, current_token
from xy_core.core.errors import TaskCancelled, WorkerUnavailable

pytestmark = [pytest.mark.usefixtures("nodes"), pytest.mark.timeout(120)]


@pytest.fixture
def counter():
    backend = RemoteBackend(Counter, name="counter", cluster=ClusterConfig())
    backend.load()
    yield backend
    backend.close()


async def test_a_task_runs_in_another_process(scheduler):
    assert await scheduler.submit(remote(process), deadline=60) != os.getpid()


async def test_an_error_comes_back_as_it_was(scheduler):
    with pytest.raises(ValueError, match="no such number"):
        await scheduler.submit(remote(fail, retries=0))


async def test_a_large_array_goes_by_reference():
    array = np.ones(1_250_000)
    assert await remote(total)(keep(array)) == array.sum()


def test_a_model_answers_and_streams_from_another_node(counter):
    assert counter.where() in {node.node_id for node in Cluster(ClusterConfig()).nodes()}
    assert list(counter.count(100)) == list(range(100))
    items = []
    counter.hand_over(items.append, 100)
    assert items == list(range(100))
    with pytest.raises(ValueError, match="no such number"):
        counter.fail()


def test_a_cancelled_stream_ends(counter):
    token = CancelToken()
    current_token.set(token)
    stream = counter.wait_for("/nonexistent/for/ever")
    threading.Timer(0.3, token.cancel).start()
    with pytest.raises((TaskCancelled, OSError)):
        next(stream)
    current_token.set(CancelToken())


def test_a_stream_waits_for_its_consumer(counter, tmp_path):
    path = tmp_path / "count"
    stream = counter.count_in_file(str(path), 100_000)
    assert [next(stream) for _ in range(10)] == list(range(10))
    assert len(path.read_text().split()) < 1_000
    stream.close()


def test_a_model_that_is_not_loaded_says_so():
    with pytest.raises(WorkerUnavailable):
        RemoteBackend(Counter, name="counter", cluster=ClusterConfig()).where()
