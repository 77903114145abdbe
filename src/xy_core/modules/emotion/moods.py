"""The moods of all people, as they are now."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from xy_core.modules.emotion.affect import Affect
from xy_core.modules.emotion.config import EmotionConfig
from xy_core.modules.emotion.types import EmotionReading


class Moods:
    """One mood a person, fading while nothing is heard; the longest unused are forgotten.

    Args:
        config: half-life, pull and how many moods are kept.
        clock: returns seconds; must never go back.
    """

    def __init__(self, config: EmotionConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._known: OrderedDict[str, tuple[Affect, float]] = OrderedDict()

    def now(self, person: str) -> Affect:
        """Return a person's mood; neutral for a stranger."""
        if person not in self._known:
            return Affect.neutral()
        mood, since = self._known[person]
        return mood.decayed(self._clock() - since, self._config.mood_half_life)

    def move(self, person: str, reading: EmotionReading) -> Affect:
        """Let a reading move a person's mood, and return where it is then."""
        mood = self.now(person).blended(reading, self._config.mood_pull)
        self._known[person] = (mood, self._clock())
        self._known.move_to_end(person)
        if len(self._known) > self._config.max_people:
            self._known.popitem(last=False)
        return mood

    def clear(self) -> None:
        """Forget everybody."""
        self._known.clear()
