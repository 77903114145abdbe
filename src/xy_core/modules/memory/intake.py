"""What may enter the memory file."""

from __future__ import annotations

from xy_core.core.errors import InputError
from xy_core.modules.memory.types import FactDraft

_MAX_PERSON = 200


def person_name(person: str) -> str:
    """Return the name under which a person's memories are kept.

    Raises:
        InputError: it is blank, or longer than 200 characters.
    """
    name = storable(person).strip()
    if not 0 < len(name) <= _MAX_PERSON:
        raise InputError(f"a person's name has 1 to {_MAX_PERSON} characters, not {len(name)}")
    return name


def storable(text: str) -> str:
    """Replace what SQLite cannot hold as text: NUL and lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def fact_draft(draft: FactDraft, most: int) -> FactDraft:
    """Return what an extractor found as it may be kept; a model's output can be anything."""
    sure = draft.confidence if 0 <= draft.confidence <= 1 else 0.0
    return FactDraft(storable(draft.text).strip()[:most], storable(draft.topic), draft.single, sure)
