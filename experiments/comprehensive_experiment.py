"""The report's entry point: its mixed load on real models, under every policy.

The same as ``xy-core bench real``, and takes its options:

    python experiments/comprehensive_experiment.py --quick --html out/experiment.html
"""

from __future__ import annotations

import sys

from xy_core.cli.main import run

if __name__ == "__main__":
    sys.argv[1:1] = ["bench", "real"]
    run()
