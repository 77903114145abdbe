"""How a download tells of itself."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with a name, the bytes that are there, and the bytes there will be (0: unknown)."""
