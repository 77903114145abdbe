"""Settings of the memory module."""

from __future__ import annotations

from pathlib import Path

import platformdirs
from pydantic import Field

from xy_core.core.config import StrictModel


class MemoryConfig(StrictModel):
    """Where memories are kept, how many, and how they are found again."""

    path: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("xy-core") / "memory.db",
        description="The SQLite file.",
    )
    max_turns: int = Field(
        10_000, ge=1, description="Turns kept for each person; the oldest go first. Facts stay."
    )
    max_text: int = Field(20_000, ge=1, description="Longest text of one memory, in characters.")
    pending: int = Field(256, ge=1, description="Memories that may wait to be written.")
    embedding: str | None = Field(
        "minilm-l6-int8", description="Catalogue id of the sentence embedder; none: words only."
    )
    device: str = Field("cpu", description="The device lane that the embedder uses.")
    threads: int = Field(2, ge=1, description="Threads of the embedder.")
    min_similarity: float = Field(
        0.3, ge=-1, le=1, description="Cosine below which a memory does not bear on a query."
    )
