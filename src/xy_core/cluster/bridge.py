"""Events across engines: what is published here is heard there, through a NATS server."""

from __future__ import annotations

import asyncio
import functools
import importlib
import secrets
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import structlog

from xy_core.cluster.broker_config import BrokerConfig
from xy_core.cluster.event_codec import EventCodec, EventRefused
from xy_core.core.backoff import full_jitter
from xy_core.core.errors import BusError, MissingExtraError
from xy_core.core.events import Event, EventBus, Request

log = structlog.get_logger("bridge")

_CONNECT = 5
_PING = 10
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
"""Seconds between two attempts to connect."""
_WARN = 60.0
"""Seconds between two warnings of one kind."""
_STEP = 16
"""Messages that are taken before the loop gets to other things."""


class EventBridge:
    """Sends a program's events of certain topics to a NATS server, and takes those of others.

    Delivery is at most once: what is published while the server is away waits in a bounded queue,
    from which the oldest are dropped. Events that came from others are not sent on. What comes is
    not trusted: see `EventCodec`.

    Attributes:
        sent: events that were handed to the server.
        received: events of others that were published here.
        dropped: how many were not, by reason.
    """

    def __init__(self, config: BrokerConfig, bus: EventBus) -> None:
        """Prepare it; nothing is connected before `run`.

        Args:
            config: where the server is, and which topics.
            bus: this program's.

        Raises:
            MissingExtraError: nats-py is not installed.
        """
        self.sent = 0
        self.received = 0
        self.dropped: Counter[str] = Counter()
        self._config = config
        self._bus = bus
        self._nats = nats_library()
        secret = None if config.secret is None else config.secret.get_secret_value().encode()
        self._codec = EventCodec(secrets.token_hex(8), config.topics, config.max_payload, secret)
        self._foreign: OrderedDict[int, Event] = OrderedDict()
        self._connection: Any = None
        self._connected = asyncio.Event()
        self._warned: dict[str, float] = {}

    @property
    def connected(self) -> bool:
        """Whether the server is there."""
        return self._connected.is_set()

    async def run(self) -> None:
        """Carry events until cancelled; connect again, with backoff, when the server goes away."""
        leave = [
            self._bus.on(
                pattern,
                functools.partial(self._send, pattern),
                name="bridge",
                queue_size=self._config.queue_size,
            )
            for pattern in dict.fromkeys(self._config.topics)
        ]
        attempts = 0
        try:
            while True:
                attempts += 1
                try:
                    await self._stay_connected()
                    attempts = 0
                except (OSError, TimeoutError, self._nats.errors.Error) as error:
                    self._warn("the broker cannot be reached", reason=str(error))
                await asyncio.sleep(full_jitter(max(1, attempts), _FIRST_WAIT, _LONGEST_WAIT))
        finally:
            for one in leave:
                one()

    # -- inside ------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        """Connect, and carry events until the connection ends."""
        closed = asyncio.Event()

        async def tell_closed() -> None:
            closed.set()

        connection = await connect(self._config, error_cb=self._hear_error, closed_cb=tell_closed)
        try:
            taken = await connection.subscribe(
                f"{self._config.subject}.>",
                pending_msgs_limit=self._config.queue_size,
                pending_bytes_limit=self._config.queue_size * self._config.max_payload,
            )
            await connection.flush()  # from here on nothing is missed
            self._connection = connection
            self._connected.set()
            async with asyncio.TaskGroup() as group:
                receiving = group.create_task(self._receive(taken))
                await closed.wait()
                receiving.cancel()
        finally:
            self._connected.clear()
            await connection.close()

    async def _send(self, pattern: str, event: Event) -> None:
        topic = event.topic
        if self._codec.pattern(topic) != pattern or isinstance(event, Request):
            return  # another pattern's handler sends it; questions are not sent at all
        if self._foreign.pop(id(event), None) is not None:
            return
        subject = f"{self._config.subject}.{topic}"
        try:
            body, headers = self._codec.encode(subject, event)
            await self._connected.wait()
            await self._connection.publish(subject, body, headers=headers)
        except EventRefused as error:
            self._drop(error.reason, str(error))
        except (OSError, ValueError, self._nats.errors.Error) as error:
            self._drop("connection lost", str(error))
        else:
            self.sent += 1

    async def _receive(self, messages: Any) -> None:  # noqa: ANN401 - of an optional library
        taken = 0
        async for message in messages.messages:
            try:
                event = self._codec.decode(message.subject, message.data, message.headers)
            except EventRefused as error:
                if error.reason != "own":
                    self._drop(error.reason, str(error))
            else:
                await self._publish(event)
            taken += 1
            if taken % _STEP == 0:
                await asyncio.sleep(0)

    async def _publish(self, event: Event) -> None:
        self._foreign[id(event)] = event
        while len(self._foreign) > 2 * self._config.queue_size:
            self._foreign.popitem(last=False)
        try:
            await self._bus.publish(event)
        except BusError as error:
            self._drop("bus closed", str(error))
        else:
            self.received += 1

    async def _hear_error(self, error: Exception) -> None:
        """Called by the library: for messages that came faster than they were taken, say."""
        slow = isinstance(error, self._nats.errors.SlowConsumerError)
        if slow:
            self._drop("too many", str(error))
        else:
            self._warn("the broker said", reason=str(error))

    def _drop(self, reason: str, detail: str) -> None:
        self.dropped[reason] += 1
        self._warn("event dropped", key=reason, reason=detail, count=self.dropped[reason])

    def _warn(self, words: str, key: str = "", **told: object) -> None:
        """Log it, but not for each of many."""
        now = asyncio.get_running_loop().time()
        if now >= self._warned.get(words + key, 0.0):
            self._warned[words + key] = now + _WARN
            log.warning(words, **told)


async def connect(config: BrokerConfig, **callbacks: Any) -> Any:  # noqa: ANN401 - optional library
    """Connect to the broker once.

    Raises:
        OSError: nothing answers there.
        TimeoutError: it does not answer in time.
        Exception: the library's own, if it refuses us.
        MissingExtraError: nats-py is not installed.
    """
    if config.url is None:
        raise OSError("no broker is configured: set broker.url")
    async with asyncio.timeout(2 * _CONNECT):
        return await nats_library().connect(
            config.url.get_secret_value(),
            name="xy-core",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            no_echo=True,
            connect_timeout=_CONNECT,
            ping_interval=_PING,
            **callbacks,
        )


@asynccontextmanager
async def bridged_events(config: BrokerConfig, bus: EventBus) -> AsyncIterator[EventBridge | None]:
    """Carry events while the block runs, if a broker is configured; nobody waits for it.

    Raises:
        MissingExtraError: it is, and nats-py is not installed.
    """
    if config.url is None:
        yield None
        return
    bridge = EventBridge(config, bus)
    running = asyncio.create_task(bridge.run(), name="event bridge")
    try:
        yield bridge
    finally:
        running.cancel()
        await asyncio.wait([running])


def nats_library() -> ModuleType:
    """Import nats-py.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module("nats")
    except ImportError as error:
        raise MissingExtraError("nats-py", "broker") from error
