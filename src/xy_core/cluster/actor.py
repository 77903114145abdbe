"""A model's process in a named actor, on the node that has what the model asks for."""

from __future__ import annotations

import itertools
import pickle
import secrets
import threading
import time
from concurrent.futures import Future
from typing import Any

import xy_core
from xy_core.cluster.actor_call import ActorCall
from xy_core.cluster.actor_stream import ActorStream
from xy_core.cluster.connection import ray_library
from xy_core.cluster.guest import Guest, Whereabouts
from xy_core.cluster.mail import Mail, error_of, not_sent
from xy_core.cluster.packing import Unopened, pack
from xy_core.core.call_context import CallContext
from xy_core.core.config import HostConfig, NodeConfig
from xy_core.core.errors import WorkerCrashed
from xy_core.core.host_exchange import WINDOW
from xy_core.core.host_link import Kind, Message

_CONTROL = "control"
_CONTROL_THREADS = 4
"""One that stays, and others for questions, cancellations and the end."""
_GONE = 1.0
"""Seconds that an actor that was killed gets to vanish."""


def open_actor(name: str, config: HostConfig, node: NodeConfig, memory: int) -> ActorProcess:
    """Start a model's process on a node of the cluster; returns before there is room for it.

    Args:
        name: the model's.
        config: how many calls it serves at a time.
        node: what it asks of its node.
        memory: bytes that it reserves if `node` does not say how many; 0 for none.
    """
    return ActorProcess(name, config, node, memory)


class ActorProcess:
    """An actor, and the calls in flight to it; a `ModelProcess`.

    Ray does not start it again: its host opens the next one, on whichever node has room then.

    Attributes:
        name: the model's.
        memory_limit: none: what a node may give is reserved there (see `NodeConfig`).
        ended: set once it is gone.
        deliberate: whether it was killed for no fault of its model.
    """

    memory_limit = None

    def __init__(self, name: str, config: HostConfig, node: NodeConfig, memory: int) -> None:
        self.name = name
        self.ended = threading.Event()
        self.deliberate = False
        self._actor = actor = _actor(name, config, node, memory)
        self._stream = actor.stream.options(
            num_returns="streaming", _generator_backpressure_num_objects=WINDOW
        ).remote
        self._mail = Mail(actor, self._deliver, self._fail)
        self._calls: dict[int, ActorCall] = {}
        self._numbers = itertools.count(1)
        self._node_config = node
        self._where: Whereabouts | None = None
        self._arriving = threading.Lock()
        self._answered_where = False
        self._early: list[Message] = []
        self._asked: float | None = None
        self._fate = ""
        self._said = ""
        self._ask("where", self._arrived)
        self._ask("stay", self._vanished)

    @property
    def pid(self) -> int:
        """See `ModelProcess`."""
        return 0 if self._where is None else self._where.pid

    @property
    def node(self) -> str:
        """See `ModelProcess`."""
        where = self._where
        return "" if where is None else where.node

    def begin(self, kind: Kind, content: Any, grace: float) -> ActorCall | ActorStream:  # noqa: ANN401
        """See `ModelProcess`."""
        number = next(self._numbers)
        if kind is Kind.STREAM:
            return ActorStream(self, number, grace, self._begin_stream(number, content))
        call = self._calls[number] = ActorCall(self, number, grace)
        try:
            if kind is Kind.MAKE:
                self._mail.send_by(self._actor.make.remote, number, pack(content))
            else:
                call.reference = self._mail.send(number, pack(content[:3]))
        except BaseException:
            self.forget(call)
            raise
        return call

    def send(self, kind: Kind, number: int = 0, content: Any = None) -> None:  # noqa: ANN401, ARG002 - as `Partner` has it
        """See `Partner`; all that a call is told is to end."""
        if kind is Kind.CANCEL:
            self._actor.cancel.options(concurrency_group=_CONTROL).remote(number)

    def forget(self, call: CallContext) -> None:
        """See `Partner`."""
        self._calls.pop(call.number, None)

    def ping(self) -> float:
        """See `ModelProcess`."""
        if self._asked is not None:
            return time.monotonic() - self._asked
        self._asked = time.monotonic()
        self._ask("ping", self._answered)
        return 0.0

    def stop(self, timeout: float) -> None:
        """See `ModelProcess`."""
        self.deliberate = True
        if self._where is not None:
            closing = self._actor.close.options(concurrency_group=_CONTROL).remote()
            ray_library().wait([closing], timeout=timeout)
        self.kill("was stopped", deliberate=True)

    def kill(self, reason: str, *, deliberate: bool = False) -> None:
        """See `ModelProcess`."""
        self.deliberate = self.deliberate or deliberate
        self._fate = self._fate or reason
        ray_library().kill(self._actor)
        self.ended.wait(_GONE)
        self.ended.set()

    def outcome(self, number: int, error: BaseException) -> Message | None:
        """Return the outcome of a call that ended in what Ray raised; None if it is lost."""
        told = error_of(error)
        if told is None:
            self.note(error)
            return None
        return Message(Kind.ERROR, number, Unopened((told,)))

    def note(self, error: BaseException) -> None:
        """Note what Ray said of a call that was lost."""
        self._said = str(error)

    def crash(self) -> WorkerCrashed:
        """See `ModelProcess`; makes sure that it is gone."""
        if not self.ended.wait(_GONE):
            self.kill(f"does not answer: {self._said}")
        if self._where is None:
            wants = (
                self._node_config.model_dump(exclude_defaults=True, exclude={"replicas"})
                or "a processor"
            )
            return WorkerCrashed(
                f"no node of the cluster had room for model {self.name!r}, which asks for {wants}: "
                f"add nodes, or ask for less in its section's node ({self._fate})"
            )
        return WorkerCrashed(f"the process of model {self.name!r} on {self.node} {self._fate}")

    def _begin_stream(self, number: int, content: Any) -> Any:  # noqa: ANN401 - Ray is untyped
        try:
            return self._stream(number, pack(content[:3]))
        except (TypeError, pickle.PicklingError) as error:
            raise not_sent(error) from error

    # -- outcomes, on threads of Ray's -------------------------------------------------------

    def _deliver(self, message: Message) -> None:
        """Hand over an outcome; the first may overtake the answer to where its process is."""
        with self._arriving:
            if not self._answered_where:
                self._early.append(message)
                return
        exchange = self._calls.get(message.call)
        if exchange is not None:
            exchange.deliver(message)

    def _fail(self, number: int, error: BaseException) -> None:
        message = self.outcome(number, error)
        if message is not None:
            self._deliver(message)
        elif (call := self._calls.get(number)) is not None:
            call.wake()

    # -- what Ray tells, on threads of its own -----------------------------------------------

    def _ask(self, question: str, answered: Any) -> None:  # noqa: ANN401 - a done callback
        method = getattr(self._actor, question).options(concurrency_group=_CONTROL)
        method.remote().future().add_done_callback(answered)

    def _arrived(self, future: Future[Whereabouts]) -> None:
        where = future.result() if future.exception() is None else None
        with self._arriving:
            self._where = where
            self._answered_where = True
        if where is not None and where.version != xy_core.__version__:
            self._fate = f"has xy-core {where.version}, and this program {xy_core.__version__}"
            ray_library().kill(self._actor)
        for message in self._early:
            self._deliver(message)

    def _answered(self, future: Future[None]) -> None:
        if future.exception() is None:
            self._asked = None

    def _vanished(self, future: Future[None]) -> None:
        error = future.exception()
        self._fate = self._fate or f"is gone: {_first_words(error)}"
        self.ended.set()


def _actor(name: str, config: HostConfig, node: NodeConfig, memory: int) -> Any:  # noqa: ANN401
    ray = ray_library()
    wanted: dict[str, Any] = {"label_selector": node.labels} if node.labels else {}
    if node.replicas > 1:
        wanted["scheduling_strategy"] = "SPREAD"
    return (
        ray.remote(concurrency_groups={_CONTROL: _CONTROL_THREADS})(Guest)
        .options(
            name=f"{name}-{secrets.token_hex(3)}",
            num_cpus=node.cpus,
            num_gpus=node.gpus,
            memory=node.memory or memory or None,
            resources=node.resources or None,
            max_concurrency=config.calls,
            max_restarts=0,
            max_task_retries=0,
            **wanted,
        )
        .remote(config.calls)
    )


def _first_words(error: BaseException | None) -> str:
    """Return what Ray says of an actor's end, without the list of its ids."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [
        line
        for line in lines
        if not line.startswith(
            ("class_name", "actor_id", "pid", "name", "namespace", "ip", "The actor is dead")
        )
    ]
    return " ".join(told)[:300] or "Ray does not say why"
