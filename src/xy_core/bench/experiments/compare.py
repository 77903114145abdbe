"""Two results of one experiment: better, the same, or worse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xy_core.bench.experiments.environment import differences
from xy_core.bench.experiments.interval import Direction, Interval, change, judge
from xy_core.core.errors import ConfigError

_MOST_BYTES = 256 << 20
_SAME_KEYS = ("kind", "load", "shape", "seed", "virtual")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One figure of one policy, then and now.

    Attributes:
        policy: whose.
        figure: which.
        ratio: new over old, with its interval where there are repeats.
        direction: what that means.
    """

    policy: str
    figure: str
    ratio: Interval
    direction: Direction

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def compare(old: Path, new: Path) -> list[Verdict]:
    """Compare two files that ``bench stress`` or ``bench real`` wrote.

    Raises:
        ConfigError: a file is no such result, they are of different experiments, or figures of
            real time come from different environments. Virtual time is the same everywhere.
    """
    before, after = _read(old), _read(new)
    apart = [
        f"{key}: {before[key]} / {after[key]}" for key in _SAME_KEYS if before[key] != after[key]
    ]
    if not before["virtual"]:
        apart += differences(before["environment"], after["environment"])
    if apart:
        raise ConfigError("these results cannot be compared: " + "; ".join(apart))
    verdicts = []
    for policy in dict.fromkeys(run["policy"] for run in before["runs"]):
        then, now = _figures(before, policy), _figures(after, policy)
        if not now:
            raise ConfigError(f"{new} has no runs of {policy}: measure the same policies")
        verdicts += [_verdict(policy, name, then[name], now[name]) for name in then]
    return verdicts


def schedules(path: Path) -> dict[str, str]:
    """Return the hash of each policy's first schedule in a result.

    Raises:
        ConfigError: the file is no result.
    """
    first: dict[str, str] = {}
    for run in _read(path)["runs"]:
        first.setdefault(run["policy"], run["schedule"])
    return first


def _verdict(policy: str, name: str, then: list[float], now: list[float]) -> Verdict:
    try:
        ratio = change(then, now)
    except ValueError as error:
        raise ConfigError(f"{policy}, {name}: {error}") from error
    return Verdict(policy, name, ratio, judge(ratio, more_is_better=name == "throughput"))


def _figures(result: Mapping[str, Any], policy: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"throughput": [], "median_latency": [], "longest_latency": []}
    for run in (run for run in result["runs"] if run["policy"] == policy):
        served = [one for one in run["requests"] if not one["error"]]
        latencies = sorted(one["ended"] - one["submitted"] for one in served)
        if not latencies:
            raise ConfigError(f"{policy} served nothing: there is nothing to compare")
        found["throughput"].append(len(served) / run["seconds"])
        found["median_latency"].append(latencies[len(latencies) // 2])
        found["longest_latency"].append(latencies[-1])
    return found if found["throughput"] else {}


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path} is over {_MOST_BYTES >> 20} MiB: it is no result")
        value = json.loads(path.read_text("utf-8"))
        for key in (*_SAME_KEYS, "environment"):
            value[key]
        for run in value["runs"]:
            _check_run(run)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            f"{path} is no result of `bench stress --out` or `bench real --out`: {error!r}"
        ) from error
    result: dict[str, Any] = value
    return result


def _check_run(run: Mapping[str, Any]) -> None:
    if not isinstance(run["policy"], str) or not isinstance(run["schedule"], str):
        raise TypeError("a run without a policy or a schedule")
    if not float(run["seconds"]) > 0:
        raise ValueError("a run that took no time")
    for one in run["requests"]:
        float(one["ended"]) - float(one["submitted"])
        one["error"]
