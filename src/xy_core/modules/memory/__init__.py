"""Memory: turns and facts of each person, recalled by words and by meaning."""

from xy_core.modules.memory.config import MemoryConfig
from xy_core.modules.memory.service import MemoryService
from xy_core.modules.memory.types import Memory, MoodPoint, Recalled

__all__ = ["Memory", "MemoryConfig", "MemoryService", "MoodPoint", "Recalled"]
