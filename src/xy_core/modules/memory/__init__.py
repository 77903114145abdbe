"""Memory: turns and facts of each person, recalled by words and by meaning."""

from xy_core.modules.memory.background import Extractor
from xy_core.modules.memory.config import MemoryConfig
from xy_core.modules.memory.service import MemoryService
from xy_core.modules.memory.types import (
    FactDetails,
    FactDraft,
    Memory,
    MoodPoint,
    PersonSummary,
    Recalled,
)

__all__ = [
    "Extractor",
    "FactDetails",
    "FactDraft",
    "Memory",
    "MemoryConfig",
    "MemoryService",
    "MoodPoint",
    "PersonSummary",
    "Recalled",
]
