"""A model with several processes on different nodes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cluster.guests import Visitor
from tests.cluster.waiting import until
from xy_core.core.config import HostedConfig
from xy_core.core.errors import WorkerCrashed
from xy_core.core.host import HostState
from xy_core.core.host_proxy import make_backend

pytestmark = pytest.mark.timeout(180)


def visitor(place: str, **process: object) -> Visitor:
    """A model with two replicas, for which no node has room twice."""
    config = HostedConfig(
        isolation="cluster",
        node={"resources": {place: 0.6}, "cpus": 0.1, "replicas": 2},
        process={"backoff": 0.01, "start_timeout": 60.0, "retries": 1} | process,
    )
    return make_backend(Visitor, name="visitor", config=config)


def both_ready(model: Visitor) -> bool:
    return all(host.state is HostState.READY for host in model.host.hosts)


def at_once(model: Visitor, paths: list[Path]) -> list[str]:
    """Make a call to each replica, at the same time, and return where they ran."""
    with ThreadPoolExecutor() as threads:
        answers = [threads.submit(lambda path=path: list(model.wait_for(path))) for path in paths]
        until(lambda: all(path.with_suffix(".began").exists() for path in paths))
        for path in paths:
            path.touch()
        return [answer.result(60)[0] for answer in answers]


def test_calls_go_to_the_least_busy_and_none_is_lost_with_a_replica(nodes, tmp_path):
    first, second = nodes.add(stalls=1.0), nodes.add(stalls=1.0)
    model = visitor("stalls")
    model.load()
    until(lambda: both_ready(model))
    assert set(at_once(model, [tmp_path / "a", tmp_path / "b"])) == {first.node_id, second.node_id}

    paths = [tmp_path / "c", tmp_path / "d"]
    with ThreadPoolExecutor() as threads:
        answers = [threads.submit(lambda path=path: list(model.wait_for(path))) for path in paths]
        until(lambda: all(path.with_suffix(".began").exists() for path in paths))
        nodes.kill(first)
        until(lambda: not both_ready(model))
        for path in paths:
            path.touch()
        # The one that ran there had delivered nothing: the other replica takes it, unstarted.
        assert [answer.result(60) for answer in answers] == [[second.node_id]] * 2
    assert model.host.state is HostState.READY
    assert {model.where() for _ in range(5)} == {second.node_id}

    rejoined = nodes.add(stalls=1.0)
    until(lambda: both_ready(model))
    where = at_once(model, [tmp_path / "e", tmp_path / "f"])
    assert set(where) == {second.node_id, rejoined.node_id}
    model.close()
    assert model.host.state is HostState.STOPPED
    nodes.kill(second, rejoined)


def test_a_model_serves_as_soon_as_one_replica_has_room(nodes):
    first = nodes.add(boxes=1.0)
    model = visitor("boxes")
    model.load()
    assert model.where() == first.node_id
    assert not both_ready(model)
    second = nodes.add(boxes=1.0)
    until(lambda: both_ready(model))
    model.close()
    nodes.kill(first, second)


def test_a_model_of_which_no_replica_has_room_says_so(nodes):
    assert nodes
    model = visitor("nowhere", start_timeout=0.5)
    with pytest.raises(WorkerCrashed, match=r"no node .* had room for model 'visitor'"):
        model.load()
    until(lambda: model.host.state is HostState.STOPPED)
