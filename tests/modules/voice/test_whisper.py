"""How much of a recording Whisper computes, and what its process leaves behind when killed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from xy_core.modules.voice.backends.whisper import without_filling

PROGRAM = """
import sys
from multiprocessing import resource_tracker, set_start_method
from pathlib import Path
from unittest.mock import patch

set_start_method("spawn")  # as in a model's process
made = []
with patch.object(resource_tracker, "register", lambda name, kind: made.append(kind)):
    from xy_core.core.errors import BackendError
    from xy_core.modules.voice.backends.whisper import WhisperTranscriber
    from xy_core.modules.voice.config import TranscriberConfig

    try:
        WhisperTranscriber(Path(sys.argv[1]), TranscriberConfig(), 1).load()
    except BackendError:
        pass
    from tqdm import tqdm

    tqdm(total=1, disable=True).close()  # as faster-whisper does for each recording
print(made)
"""


def test_no_semaphore_has_a_name_that_would_outlive_the_process(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("sound", "left"), [(0, 1500), (450, 1500), (1201, 1600), (2650, 3000), (3000, 3000)]
)
def test_silence_that_fills_up_is_not_computed_but_for_three_seconds(sound: int, left: int):
    filled = np.zeros((80, 3000), dtype=np.float32)
    filled[:, :sound] = 0.5
    kept = without_filling(filled, 1500)
    assert kept.shape == (80, left)
    assert kept.any(axis=0).sum() == sound


def test_a_spectrogram_shorter_than_the_window_stays_as_it_is():
    assert without_filling(np.ones((80, 300), dtype=np.float32), 1500).shape == (80, 300)
