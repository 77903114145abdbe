"""Cuts Chinese into words."""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable
from itertools import pairwise

Cut = Callable[[str], list[str]]
"""Takes a run of Chinese characters, and returns what a search should ask for."""


def pairs(run: str) -> list[str]:
    """Return each pair of neighbours: most Chinese words have two characters."""
    return [run] if len(run) == 1 else [first + second for first, second in pairwise(run)]


@functools.cache
def chinese_words() -> Cut:
    """Return the best way to cut that is installed: jieba, else pairs; blocks for a second."""
    try:
        jieba = importlib.import_module("jieba")
    except ImportError:
        return pairs
    jieba.setLogLevel(logging.ERROR)
    jieba.initialize()

    def words(run: str) -> list[str]:
        return list(jieba.cut_for_search(run))

    return words
