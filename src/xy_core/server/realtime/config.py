"""Settings of realtime sessions."""

from __future__ import annotations

from pydantic import Field

from xy_core.core.config import StrictModel


class RealtimeConfig(StrictModel):
    """How many conversations there may be, and how much of each is kept."""

    sessions: int = Field(16, ge=1, description="Sessions at a time.")
    seconds: float = Field(3_600.0, gt=0, description="Longest session.")
    items: int = Field(1_000, ge=2, description="Items of one conversation.")
    buffer_seconds: float = Field(
        300.0, gt=0, description="Sound that may wait to be committed, without turn detection."
    )
