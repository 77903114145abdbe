from __future__ import annotations

from pathlib import Path

import pytest

from xy_core.core.errors import InputError
from xy_core.evaluation.emotion.report import PUBLIC_SETS, evaluate


def test_a_missing_test_set_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"test\.tsv.*where"):
        evaluate(tmp_path, 0.4, print)


def test_another_file_than_the_one_kept_out_of_training_is_refused(tmp_path: Path):
    for wanted in PUBLIC_SETS.values():
        (tmp_path / wanted.file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / wanted.file).write_text("something else")
    with pytest.raises(InputError, match="kept out of training"):
        evaluate(tmp_path, 0.4, print)
