"""The host benchmark's shape; its figures are the machine's."""

from __future__ import annotations

import json

from xy_core.bench import host


def test_pictures_and_calls_are_measured_beside_their_peers():
    with host._host() as running:
        figures = host._pictures(running, [host.np.zeros((4, 4, 3), host.np.uint8)], 20)
        calls = host._calls(running, 5)
    assert figures["round_trips"] == 20
    assert figures["vs_memcpy"] > 0
    assert calls["calls"] == 5
    json.dumps(figures | calls)


async def test_crashes_go_on_while_another_lane_is_looked_at():
    rows = await host._others(0.2)
    assert set(rows) == {"other_lane_quiet", "other_lane_during_crashes"}
    assert all(row["tasks"] > 0 for row in rows.values())
    json.dumps(rows)
