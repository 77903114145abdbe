"""A plug-in for xy-core: tells the agent what time it is at home."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from xy_core.agent import ContextProvider, Question
from xy_core.core.module import Module

_WORDS = {"en": "It is {:%A, %H:%M}.", "zh": "现在是星期{day}，{:%H:%M}。"}


class HouseClockConfig(BaseModel):
    """The section ``[plugins.house_clock]`` of the configuration."""

    model_config = ConfigDict(extra="forbid")

    zone: str = Field("Asia/Shanghai", description="Name of the time zone.")


class HouseClock(Module[HouseClockConfig], ContextProvider):
    """Knows what time it is."""

    name = "house_clock"
    config_model = HouseClockConfig

    async def initialize(self) -> None:
        """Find the time zone."""
        self._zone = ZoneInfo(self.config.zone)

    async def stop(self) -> None:
        """Nothing is held."""

    async def tell(self, question: Question) -> str:
        """Say the day and the time."""
        now = datetime.now(self._zone)
        return _WORDS[question.language].format(now, day="一二三四五六日"[now.weekday()])
