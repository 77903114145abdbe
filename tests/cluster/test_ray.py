"""Tasks, models and streams on a real Ray cluster."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.cluster.guests import Visitor, fail, process, total
from tests.cluster.waiting import until
from xy_core.cluster.config import ClusterConfig
from xy_core.cluster.connection import Cluster
from xy_core.cluster.demand import hinted_demand
from xy_core.cluster.device import ClusterDevice
from xy_core.cluster.tasks import keep, remote
from xy_core.core.cancellation import CancelToken, current_token
from xy_core.core.config import DeviceConfig, HostedConfig, JournalConfig, SchedulerConfig
from xy_core.core.device import MemoryReading
from xy_core.core.durable import DurableTasks
from xy_core.core.errors import (
    DeviceLost,
    InvalidTaskError,
    TaskCancelled,
    WorkerCrashed,
    WorkerUnavailable,
)
from xy_core.core.host import HostState
from xy_core.core.host_proxy import make_backend
from xy_core.core.journal import Journal
from xy_core.core.model import ModelSpec, Variant
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskType

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def node(nodes):
    """The one node that takes work."""
    return nodes.add(gallery=1.0)


def visitor(*args: object, **config: object) -> Visitor:
    values = {"isolation": "cluster"} | config
    return make_backend(Visitor, *args, name="visitor", config=HostedConfig(**values))


@pytest.fixture(scope="module")
def guest(node):  # noqa: ARG001 - the node has room for it
    """A model on that node, for tests that leave it as it was."""
    made = visitor("from afar", process={"cancel_grace": 30})
    made.load()
    yield made
    made.close()
    assert made.host.state is HostState.STOPPED


@pytest.fixture
def cancelled_soon():
    """Cancel what the test waits for, in a moment."""
    token = CancelToken()
    before = current_token.set(token)
    timer = threading.Timer(0.2, token.cancel)
    timer.start()
    yield
    timer.cancel()
    current_token.reset(before)


# -- functions -------------------------------------------------------------------------------


@pytest.mark.usefixtures("node")
async def test_a_task_runs_in_another_process(scheduler):
    assert await scheduler.submit(remote(process), deadline=60) != os.getpid()


async def test_a_task_is_on_its_node_s_track(node, scheduler):
    # By a coroutine of another function, and as itself; what was submitted is what is noted.
    far = remote(process)

    async def twice() -> tuple[int, int]:
        return await far(), await far()

    handles = [scheduler.submit(far), scheduler.submit(twice)]
    for handle in handles:
        await handle
        assert handle.info.node.endswith(node.node_id[:12])
    here = scheduler.submit(asyncio.sleep, 0)
    await here
    assert here.info.node == ""
    (track,) = {
        row["args"]["name"]
        for row in scheduler.trace.perfetto_rows()
        if row["args"].get("name", "").startswith("node ")
    }
    assert track == f"node {handles[0].info.node}"
    assert {row.get("node") for row in scheduler.trace.as_report() if "duration_ms" in row} == {
        handles[0].info.node,
        None,
    }


@pytest.mark.usefixtures("node")
async def test_an_error_comes_back_as_it_was(scheduler):
    with pytest.raises(ValueError, match="no such number"):
        await scheduler.submit(remote(fail, retries=0))


@pytest.mark.usefixtures("node")
async def test_a_large_array_goes_by_reference():
    array = np.ones(1_250_000)
    assert await remote(total)(keep(array)) == array.sum()


# -- models ----------------------------------------------------------------------------------


def test_a_model_lives_on_the_node_that_has_what_it_asks_for(guest, node):
    assert guest.facts() == ("from afar", 1)
    assert guest.where() == node.node_id
    assert guest.host.node.endswith(node.node_id[:12])
    assert guest.pid() == guest.host.pid != os.getpid()


def test_calls_streams_and_errors_are_those_of_the_class(guest):
    assert guest.echo(method=3) == {"method": 3}
    assert list(guest.count(100)) == list(range(100))
    items: list[int] = []
    guest.hand_over(items.append, *range(100))
    assert items == list(range(100))
    with pytest.raises(ZeroDivisionError) as raised:
        guest.divide(1)
    assert "in divide" in "".join(raised.value.__notes__)
    stream = guest.break_off(2)
    assert [next(stream), next(stream)] == [0, 1]
    with pytest.raises(ValueError, match="no more"):
        next(stream)


def test_what_cannot_be_pickled_is_refused(guest):
    with pytest.raises(InvalidTaskError, match="cannot be pickled"):
        guest.echo(threading.Lock())
    assert guest.echo(1) == 1


def test_a_large_array_lies_in_the_object_store(guest):
    array = np.ones(1_250_000)
    assert guest.picture(array) == (False, 1_250_000.0)
    assert (guest.echo(array) == array).all()


def test_calls_at_once_get_what_each_asked_for(guest):
    array = np.ones(100_000)
    begin = threading.Barrier(16)

    def one(number: int) -> object:
        begin.wait(30)
        try:
            match number % 4:
                case 0:
                    return guest.echo(array * number).sum()
                case 1:
                    return guest.divide(number)
                case 2:
                    return guest.echo(threading.Lock())
                case _:
                    return guest.echo(number)
        except (ZeroDivisionError, InvalidTaskError) as error:
            return type(error)

    with ThreadPoolExecutor(16) as threads:
        for _ in range(5):
            answers = list(threads.map(one, range(16)))
            expected = [(1e5 * n, ZeroDivisionError, InvalidTaskError, n)[n % 4] for n in range(16)]
            assert answers == expected


@pytest.mark.usefixtures("cancelled_soon")
def test_a_cancelled_call_ends_there_too(guest):
    with pytest.raises(TaskCancelled):
        guest.hold()
    current_token.set(CancelToken())
    assert guest.host.restarts == 0


@pytest.mark.usefixtures("cancelled_soon")
def test_a_cancelled_stream_ends(guest, tmp_path):
    stream = guest.wait_for(tmp_path / "never")
    threading.Timer(0.5, (tmp_path / "never").touch).start()  # it looks at its token then
    with pytest.raises(TaskCancelled):
        next(stream)
    current_token.set(CancelToken())
    assert guest.host.restarts == 0


def test_a_stream_waits_for_its_consumer_and_ends_with_it(guest, tmp_path):
    path = tmp_path / "count"
    stream = guest.count_in_file(path, 100_000)
    assert [next(stream) for _ in range(10)] == list(range(10))
    stream.close()
    assert len(path.read_text().split()) < 1_000
    assert guest.echo(1) == 1


@pytest.mark.usefixtures("node")
def test_a_call_that_ignores_its_cancellation_is_ended_with_its_process():
    stubborn = visitor(process={"cancel_grace": 0.3, "retries": 0, "backoff": 0.01})
    stubborn.load()
    first = stubborn.host.pid
    stream = stubborn.host.stream("hang")
    assert next(stream) == "begun"
    stream.close()
    assert stubborn.pid() != first
    stubborn.close()


@pytest.mark.usefixtures("node")
def test_a_process_that_crashes_is_replaced(tmp_path):
    fragile = visitor(process={"backoff": 0.01, "retries": 1})
    fragile.load()
    first = fragile.host.pid
    assert fragile.crash(tmp_path / "note") == "at last"
    assert fragile.pid() != first
    with pytest.raises(WorkerCrashed, match=r"process of model 'visitor' on .* is gone"):
        list(fragile.crash_stream(tmp_path / "note 2", 2))
    fragile.close()


@pytest.mark.usefixtures("node")
def test_what_loading_raises_is_raised():
    with pytest.raises(TypeError, match="positional arguments"):
        visitor("name", "too much").load()


@pytest.mark.usefixtures("node")
def test_a_model_for_which_no_node_has_room_says_what_it_asks_for():
    waiting = visitor(node={"resources": {"rare": 1}}, process={"start_timeout": 0.5})
    with pytest.raises(WorkerCrashed, match=r"no node .* had room for model 'visitor'.*rare"):
        waiting.load()


def test_a_model_that_is_not_loaded_says_so(nodes):
    assert nodes
    with pytest.raises(WorkerUnavailable):
        visitor().where()


# -- the lane --------------------------------------------------------------------------------


async def test_remote_work_waits_in_the_cluster_s_lane(node):
    device = ClusterDevice(Cluster(ClusterConfig()).read_memory)
    config = SchedulerConfig(devices=(DeviceConfig(name="cpu"), DeviceConfig(name="cluster")))
    backend = visitor()
    spec = ModelSpec(
        "there",
        (Variant("host", 1 << 20),),
        lambda _device, _variant: backend.load() or backend,
        lambda loaded: loaded.close(),
    )
    async with GlobalTaskScheduler(config, (device,)) as scheduler:
        scheduler.register_model(spec, "cluster")
        where = await scheduler.run(
            _where, task_type=TaskType.GPU_BOUND, device="cluster", model="there", deadline=60
        )
        assert where == node.node_id
        (statistics,) = (one for one in scheduler.devices() if one.name == "cluster")
        assert statistics.models[0].size == 1 << 20
        assert statistics.memory.total >= 4 << 30
        names = [row["args"].get("name") for row in scheduler.trace.perfetto_rows()]
        assert {"lane device:cluster", f"node {backend.host.node}"} <= set(names)
        nodes = {row.get("node") for row in scheduler.trace.as_report()}
        assert backend.host.node in nodes


def _where(model: Visitor) -> str:
    return model.where()


def test_a_cluster_that_does_not_answer_is_a_lost_device():
    answers = iter([MemoryReading(2, 1)])
    device = ClusterDevice(lambda: next(answers), ask_every=0.01)
    assert device.read_memory() == MemoryReading(2, 1)
    with device.following(), pytest.raises(DeviceLost):  # noqa: PT012 - until it is noticed
        while True:
            device.read_memory()


# -- what waits ------------------------------------------------------------------------------


def asked_for() -> list[dict[str, float]]:
    """Return what Ray's autoscaler is asked for, as it reads it."""
    from ray.autoscaler._private.constants import (  # noqa: PLC0415
        AUTOSCALER_RESOURCE_REQUEST_CHANNEL,
    )
    from ray.experimental.internal_kv import _internal_kv_get  # noqa: PLC0415

    told = json.loads(_internal_kv_get(AUTOSCALER_RESOURCE_REQUEST_CHANNEL) or "[]")
    return [one.get("resources", one) for one in told]


@pytest.mark.usefixtures("node")
async def test_ray_is_told_what_waits_here_and_when_nothing_does(scheduler, tmp_path):
    config = ClusterConfig(address="auto", autoscale=True)
    durable = DurableTasks(scheduler, Journal(JournalConfig(path=tmp_path / "journal.db")))
    await durable.register("process", remote(process, cpus=0.5))
    lane = scheduler.lane("default")
    lane.pause()
    async with hinted_demand(config, scheduler, look_every=0.01):
        tasks = [
            scheduler.submit(remote(process, cpus=0.25, resources={"gallery": 0.1})),
            await durable.submit("process", {}),
            scheduler.submit(asyncio.sleep, 0),
        ]
        wanted = [{"CPU": 0.25, "gallery": 0.1}, {"CPU": 0.5}]
        await asyncio.to_thread(until, lambda: asked_for() == wanted)
        lane.resume()
        await asyncio.gather(*tasks)
        await asyncio.to_thread(until, lambda: not asked_for())
        lane.pause()
        last = scheduler.submit(remote(process, cpus=0.25))
        await asyncio.to_thread(until, asked_for)
    assert asked_for() == []
    last.cancel()
    await durable.close()


async def test_nobody_is_told_unless_the_settings_say_so(scheduler):
    async with hinted_demand(ClusterConfig(address="auto"), scheduler, look_every=0.01):
        assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"cluster.demand"})
