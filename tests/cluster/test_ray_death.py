"""Nodes that die under load, and come back."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cluster.guests import Visitor, append
from tests.cluster.waiting import until
from xy_core.cluster.tasks import remote
from xy_core.core.config import HostedConfig, JournalConfig
from xy_core.core.durable import DurableTasks
from xy_core.core.errors import WorkerCrashed
from xy_core.core.host_proxy import make_backend
from xy_core.core.journal import Journal

pytestmark = pytest.mark.timeout(180)

TASKS = 2_000


def visitor(place: str, **process: object) -> Visitor:
    """A model on any node that offers a resource."""
    process = {"backoff": 0.01, "start_timeout": 60.0, "retries": 1} | process
    config = HostedConfig(
        isolation="cluster", node={"resources": {place: 0.1}, "cpus": 0.1}, process=process
    )
    made = make_backend(Visitor, name="visitor", config=config)
    made.load()
    return made


def test_a_stream_ends_with_its_node_if_it_has_begun_and_a_node_that_rejoins_is_used(
    nodes, tmp_path
):
    first = nodes.add(stage=1.0)
    model = visitor("stage")
    stream = model.wait_for(tmp_path / "never", 2)
    assert [next(stream), next(stream)] == ["0", "1"]
    assert model.host.node.endswith(first.node_id[:12])
    nodes.kill(first)
    with pytest.raises(WorkerCrashed, match=r"process of model 'visitor' on .* is gone"):
        list(stream)
    second = nodes.add(stage=1.0)  # the machine comes back
    assert model.where() == second.node_id
    assert model.facts() == ("guest", 1)  # loaded again
    model.close()
    nodes.kill(second)


def test_a_stream_that_has_delivered_nothing_begins_anew_on_another_node(nodes, tmp_path):
    places = {node.node_id: node for node in (nodes.add(hall=1.0), nodes.add(hall=1.0))}
    model = visitor("hall")
    path = tmp_path / "go on"
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(lambda: list(model.wait_for(path)))
        until(path.with_suffix(".began").exists)
        dying = model.host.node[-12:]
        nodes.kill(next(places.pop(node) for node in list(places) if node.startswith(dying)))
        until(lambda: model.host.restarts)  # an orphan outlives its node for a moment
        path.touch()
        assert answer.result(90) == list(places)
    model.close()
    nodes.kill(*places.values())


async def test_a_node_that_dies_under_load_costs_no_durable_task(nodes, tmp_path, scheduler):
    places = [nodes.add() for _ in range(2)]
    path = tmp_path / "done"
    durable = DurableTasks(scheduler, Journal(JournalConfig(path=tmp_path / "journal.db")))
    await durable.register("append", remote(append))
    tasks = await durable.submit_many(
        "append", [{"path": str(path), "number": number} for number in range(TASKS)]
    )
    await asyncio.to_thread(until, lambda: path.exists() and len(lines(path)) > TASKS / 10)
    await asyncio.to_thread(nodes.kill, places.pop())
    assert len(lines(path)) < TASKS  # it died under load
    results = await asyncio.gather(*tasks)
    assert results == list(range(TASKS))
    assert set(lines(path)) == set(map(str, range(TASKS)))
    await durable.close()
    nodes.kill(*places)


def lines(path: Path) -> list[str]:
    return path.read_text().split()
