"""When a periodic task is due: at intervals, or by a cron expression in a time zone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from xy_core.core.errors import InvalidTaskError

_SHORTEST = 0.01
"""Seconds; more often, a task is better a loop of its own."""
_ROUNDING = 0.0006
"""Seconds that a due time may have lost, since it is kept in whole milliseconds."""


@dataclass(frozen=True, slots=True)
class Every:
    """Due each so many seconds, counted from when the periodic task was added.

    Attributes:
        seconds: the interval.
    """

    seconds: float

    def __post_init__(self) -> None:
        if not _SHORTEST <= self.seconds < math.inf:
            raise InvalidTaskError(f"an interval has at least {_SHORTEST} s, not {self.seconds!r}")

    def after(self, moment: float, began_at: float) -> float:
        """Return the first due time after a moment (both in seconds since the epoch)."""
        return self._time(max(self._passed(moment, began_at), 0) + 1, began_at)

    def until(self, moment: float, began_at: float) -> Iterator[float]:
        """Yield the due times up to a moment, latest first."""
        numbers = range(self._passed(moment, began_at), 0, -1)
        return (self._time(number, began_at) for number in numbers)

    def _passed(self, moment: float, began_at: float) -> int:
        return math.floor((moment - began_at + _ROUNDING) / self.seconds)

    def _time(self, number: int, began_at: float) -> float:
        return round(began_at + number * self.seconds, 3)


@dataclass(frozen=True, slots=True)
class Cron:
    """Due by a cron expression, as Debian's cron has it, also where the clock is changed.

    Attributes:
        expression: five fields (minute, hour, day, month, weekday), or six with seconds first.
        zone: the name of a time zone: ``Asia/Shanghai``.
    """

    expression: str
    zone: str = "UTC"

    def __post_init__(self) -> None:
        try:
            next(CronSim(self.expression, self._local(0.0)))
        except (CronSimError, StopIteration) as error:
            raise InvalidTaskError(
                f"{self.expression!r} is no cron expression that ever comes true ({error}): write "
                "minute hour day month weekday, such as  30 7 * * MON-FRI"
            ) from error
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise InvalidTaskError(
                f"no time zone {self.zone!r}: write it like Europe/Berlin"
            ) from error

    def after(self, moment: float, began_at: float) -> float:  # noqa: ARG002 - see `Every`
        """Return the first due time after a moment (in seconds since the epoch)."""
        # The library looks after a whole minute or second, whatever fraction it is given.
        start = self._local(math.floor(moment))
        return next(due.timestamp() for due in CronSim(self.expression, start))

    def until(self, moment: float, began_at: float) -> Iterator[float]:
        """Yield the due times up to a moment, latest first."""
        start = self._local(math.floor(moment)) + timedelta(seconds=1)
        times = (due.timestamp() for due in CronSim(self.expression, start, reverse=True))
        return itertools.takewhile(lambda due: due > began_at, times)

    def _local(self, moment: float) -> datetime:
        return datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(self.zone))


Schedule = Every | Cron


def schedule_as_json(schedule: Schedule) -> dict[str, Any]:
    """Return a schedule as plain JSON types."""
    if isinstance(schedule, Every):
        return {"every": schedule.seconds}
    return {"cron": schedule.expression, "zone": schedule.zone}


def schedule_from_json(values: dict[str, Any]) -> Schedule:
    """Return the schedule that `schedule_as_json` described."""
    return Every(values["every"]) if "every" in values else Cron(values["cron"], values["zone"])
