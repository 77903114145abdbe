"""What is written down of a machine, and what forbids a comparison."""

from __future__ import annotations

import json

from xy_core.bench.experiments.environment import describe, differences, usable_cores


def test_a_machine_is_described_in_plain_values():
    found = describe("2 cores by affinity")
    assert found["limits"] == "2 cores by affinity"
    assert found["cores"] >= usable_cores() >= 1
    assert found["memory_mib"] > 0
    assert json.loads(json.dumps(found)) == found


def test_the_machine_and_its_limits_must_agree_but_not_what_is_compared():
    one = describe("none")
    assert differences(one, one | {"commit": "another", "numpy": "0.1"}) == []
    assert differences(one, one | {"limits": "1 cores by affinity"}) == [
        "limits: none / 1 cores by affinity"
    ]
    assert len(differences(one, {})) == 7
