"""Results are there whole or not at all."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from xy_core.core.errors import InputError
from xy_core.core.files import atomic_path


def test_a_file_appears_with_its_folders_readable_by_others(tmp_path: Path):
    target = tmp_path / "a" / "b" / "result.json"
    with atomic_path(target) as part:
        assert part.parent == target.parent  # on the same disk, so that it can be renamed
        assert part.suffix == ".json"  # writers choose the format by it
        part.write_text("done")
        assert not target.exists()
    assert target.read_text() == "done"
    assert target.stat().st_mode & 0o777 == 0o644
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_keeps_what_was_there_and_leaves_nothing_else(tmp_path: Path):
    target = tmp_path / "result.txt"
    target.write_text("old")

    def fail() -> None:
        with atomic_path(target) as part:
            part.write_text("half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_the_users_to_mend(tmp_path: Path):
    target = tmp_path / "result.txt"

    def fill() -> None:
        with atomic_path(target):
            raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match=r"cannot write .*result\.txt: No space left on device"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="cannot write") as error,
        atomic_path(tmp_path / "file" / "result.txt"),
    ):
        pytest.fail("there is no place to write to")
    assert error.value.exit_code == 2


def test_a_target_that_is_a_folder_is_refused(tmp_path: Path):
    (tmp_path / "result").mkdir()
    with pytest.raises(InputError, match="cannot write"), atomic_path(tmp_path / "result") as part:
        part.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_of_many_writers_one_wins_whole(tmp_path: Path):
    target = tmp_path / "result.txt"

    def write(letter: str) -> None:
        with atomic_path(target) as part:
            part.write_text(letter * 10_000)

    writers = [threading.Thread(target=write, args=(letter,)) for letter in "abcdefgh"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(set(target.read_text())) == 1
    assert list(tmp_path.iterdir()) == [target]
