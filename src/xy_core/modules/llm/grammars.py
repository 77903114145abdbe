"""Grammars (GBNF, see llama.cpp) that keep small models from running wild."""

from __future__ import annotations

NO_PICTOGRAPHS = (
    r"root ::= "
    r"[^\U0001F000-\U0001FAFF\u2190-\u21FF\u2300-\u25FF\u2600-\u27BF\u200D\uFE0F]+"
)
"""Text without emoji: no voice can say them, and a small model that begins with them goes on."""

ONE_LINE = r"""root ::= " "? [^ \n:：] [^\n:：]{1,200} "\n" """
"""The rest of one line, not empty, in which nobody else begins to speak."""
