"""The report's entry point: its mixed load on real models, under every policy.

The same as ``xy-core bench real``, and takes its options:

    python experiments/comprehensive_experiment.py --quick --html out/experiment.html

With ``--synthetic`` first it needs no models, and is ``xy-core bench stress``:

    python experiments/comprehensive_experiment.py --synthetic --virtual --json
"""

from __future__ import annotations

import sys

from xy_core.cli.main import run

if __name__ == "__main__":
    synthetic = sys.argv[1:2] == ["--synthetic"]
    sys.argv[1 : 1 + synthetic] = ["bench", "stress" if synthetic else "real"]
    run()
