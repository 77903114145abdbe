"""What a process that hears leaves behind when it is killed."""

from __future__ import annotations

import subprocess
import sys

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
