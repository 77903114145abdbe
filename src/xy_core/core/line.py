"""The waiting tasks of a device lane that could run in one another's place."""

from __future__ import annotations

import math
from collections.abc import Hashable

from xy_core.core.batching import Batching
from xy_core.core.job import Job
from xy_core.core.queue import ReadyQueue
from xy_core.core.seat import Seat

Place = tuple[str | None, str | None, Hashable]
"""Model, device, and batch or size: what the tasks of one line have in common."""


def place_of(job: Job) -> Place:
    """Return the line to which a job belongs.

    Tasks of one line need about the same memory, within a factor of two: one that has to wait for
    its memory then holds up none that could do with less.
    """
    if job.alone or job.batching is None:
        return job.model, job.device, job.memory.bit_length()
    return job.model, job.device, (job.fn, job.batching)


class Line:
    """The waiting tasks of one model (or of none) that may use the same devices, and as much.

    Attributes:
        model: the model that they need, if any.
        device: the device that they must have; None for any of the lane.
        batching: how they may be computed together, if they may.
        queue: the tasks themselves, in order.
        place: which line it is.
    """

    __slots__ = ("batching", "device", "model", "place", "queue")

    def __init__(self, first: Job, queue: ReadyQueue) -> None:
        self.place = place_of(first)
        self.model = first.model
        self.device = first.device
        self.batching: Batching | None = None if first.alone else first.batching
        self.queue = queue

    def fits(self, seat: Seat) -> bool:
        """Whether its tasks may run there."""
        return not seat.lost and suits(seat, self.model, self.device)

    def due(self) -> float:
        """Return the loop time from which on its first task need not wait for others to join."""
        batching = self.batching
        head = self.queue.head()
        if head is None:
            return math.inf
        if batching is None or len(self.queue) >= batching.max_size:
            return -math.inf
        return head[1].submitted + batching.max_wait


def suits(seat: Seat, model: str | None, device: str | None) -> bool:
    """Whether a device is one that was asked for, and knows the model."""
    return device in {None, seat.name} and (model is None or model in seat.residency)
