"""Functions that run on any node, awaited like a coroutine of this program."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ParamSpec, TypeVar

from xy_core.cluster.connection import node_name, ray_library
from xy_core.cluster.demand import asking_for
from xy_core.core.coroutines import running_record
from xy_core.core.errors import WorkerCrashed

P = ParamSpec("P")
T = TypeVar("T")


def remote(
    fn: Callable[P, T],
    *,
    cpus: float = 1.0,
    gpus: float = 0.0,
    memory: int = 0,
    resources: Mapping[str, float] | None = None,
    retries: int = 3,
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return a coroutine function that runs a plain function somewhere in the cluster.

    Being one, it is submitted to the scheduler like any other, with its priority, timeout,
    deadline and key, and registered as a durable task; cancelling it cancels the remote work.

        double = remote(double_everything, cpus=2, memory=1 << 30)
        result = await scheduler.submit(double, data, deadline=10)

    Args:
        fn: a plain function; it and its arguments must be picklable.
        cpus: processors that it reserves on its node.
        gpus: graphics cards, or parts of one.
        memory: bytes.
        resources: resources of your own that the node must offer.
        retries: attempts on other nodes if its node or worker dies.
    """
    ray = ray_library()

    def there(*args: P.args, **kwargs: P.kwargs) -> tuple[T, str]:
        return fn(*args, **kwargs), node_name()

    far = ray.remote(there).options(
        name=fn.__qualname__,
        num_cpus=cpus,
        num_gpus=gpus,
        memory=memory or None,
        resources=dict(resources or {}) or None,
        max_retries=retries,
    )

    @functools.wraps(fn)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        reference = far.remote(*args, **kwargs)
        try:
            result, node = await reference
        except asyncio.CancelledError:
            ray.cancel(reference, force=False)
            raise
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except _lost(ray) as error:
            raise WorkerCrashed(
                f"the node that ran {fn.__qualname__} died {retries + 1} times: submit it again"
            ) from error
        record = running_record()
        if record is not None:
            record.node = node
        answer: T = result
        return answer

    bundle = {"CPU": cpus, "GPU": gpus, "memory": memory, **(resources or {})}
    asking_for(run, {name: amount for name, amount in bundle.items() if amount})
    return run


def keep(array: Any) -> Any:  # noqa: ANN401 - anything that pickles
    """Put a large array into this node's object store; returns a reference to give in its place.

    A function that gets the reference as an argument finds the array there, read by its node
    from the node that has it: it passes neither through the program nor through the head. A
    function on another node may return the reference of an array that it keeps there.
    """
    return ray_library().put(array)


def _lost(ray: Any) -> tuple[type[BaseException], ...]:  # noqa: ANN401 - Ray is untyped
    errors = ray.exceptions
    return (errors.WorkerCrashedError, errors.NodeDiedError, errors.ObjectLostError)
