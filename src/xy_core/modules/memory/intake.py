"""What may enter the memory file."""

from __future__ import annotations

from xy_core.core.errors import InputError

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
