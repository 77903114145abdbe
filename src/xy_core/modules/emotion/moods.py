"""The moods of all people, as they are now, and whom to worry about."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from xy_core.modules.emotion.affect import Affect
from xy_core.modules.emotion.config import EmotionConfig
from xy_core.modules.emotion.personality import baseline
from xy_core.modules.emotion.types import EmotionReading


class Moods:
    """One mood a person, fading while nothing is heard; the longest unused are forgotten.

    Args:
        config: half-lives, pull, inertia, personality, and how many moods are kept.
        clock: returns seconds; must never go back.
    """

    def __init__(self, config: EmotionConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._baseline = Affect(baseline(config.personality))
        self._known: OrderedDict[str, tuple[Affect, float]] = OrderedDict()
        self._worries: OrderedDict[str, float] = OrderedDict()

    def now(self, person: str) -> Affect:
        """Return a person's mood; that of the baseline for a stranger."""
        if person not in self._known:
            return self._baseline
        mood, since = self._known[person]
        return mood.decayed(
            self._clock() - since, self._config.half_lives, self._baseline.probabilities
        )

    def move(self, person: str, reading: EmotionReading) -> Affect:
        """Let a reading move a person's mood, and return where it is then."""
        mood = self.now(person).blended(reading, self._config.mood_pull, self._config.inertia)
        self._keep(person, mood, self._clock())
        return mood

    def restore(self, person: str, mood: Affect, age: float) -> None:
        """Take up an earlier run's mood of a person who is not known yet.

        Args:
            person: whose mood it was.
            mood: as it was then.
            age: seconds since then.
        """
        if person not in self._known:
            self._keep(person, mood, self._clock() - max(0.0, age))

    def knows(self, person: str) -> bool:
        """Whether anything has moved this person's mood."""
        return person in self._known

    def forget(self, person: str) -> None:
        """Forget a person's mood."""
        self._known.pop(person, None)
        self._worries.pop(person, None)

    def worry(self, person: str, age: float = 0.0) -> None:
        """Note a sign that a person may harm themselves, `age` seconds ago."""
        self._worries[person] = max(
            self._clock() - max(0.0, age), self._worries.get(person, -math.inf)
        )
        self._worries.move_to_end(person)
        if len(self._worries) > self._config.max_people:
            self._worries.popitem(last=False)

    def worried(self, person: str) -> bool:
        """Whether there was such a sign in the last `EmotionConfig.concern` seconds."""
        since = self._worries.get(person, -math.inf)
        return self._clock() - since < self._config.concern

    def clear(self) -> None:
        """Forget everybody."""
        self._known.clear()
        self._worries.clear()

    def _keep(self, person: str, mood: Affect, since: float) -> None:
        self._known[person] = (mood, since)
        self._known.move_to_end(person)
        if len(self._known) > self._config.max_people:
            self._known.popitem(last=False)
