"""The report's published figures (section 7), and which of ours may stand beside them."""

from __future__ import annotations

from dataclasses import dataclass

Text = tuple[str, str]
"""English and Chinese."""


@dataclass(frozen=True, slots=True)
class Published:
    """One figure of the report.

    Attributes:
        name: what it is.
        policy: whose.
        value: as published.
        key: our figure of that meaning, in a policy's summary; empty if there is none.
        comparable: what may be compared.
    """

    name: Text
    policy: str
    value: str
    key: str
    comparable: Text


_RATIO: Text = (
    "the order and the ratio of policies; not the value: other models, another machine",
    "只可比较各策略的次序与比值；数值不可比：模型与机器都不同",
)
_START: Text = (
    "the order of policies only: the report counts from a task's start, not its submission",
    "只可比较次序：报告从任务开始而非提交时计时",
)
_BLOCK: Text = ("yes, as a bound in milliseconds", "可以，作为毫秒级上限")
_NO_GPU: Text = ("no: no GPU in our machine", "不可比：我们的机器没有 GPU")
_RATE: Text = ("Throughput, requests/s", "吞吐量（请求/秒）")
_P50: Text = ("P50 latency, s", "P50 延迟（秒）")
_LONGEST: Text = ("Longest block of the loop, ms", "主循环最长阻塞（毫秒）")

PUBLISHED = (
    Published(_RATE, "serial", "0.0385", "requests_per_second", _RATIO),
    Published(_RATE, "naive", "0.0462", "requests_per_second", _RATIO),
    Published(_RATE, "xy_core", "0.0402", "requests_per_second", _RATIO),
    Published(_P50, "serial", "25.3", "p50_from_start", _START),
    Published(_P50, "naive", "26.3", "p50_from_start", _START),
    Published(_P50, "xy_core", "25.2", "p50_from_start", _START),
    Published(("P99 latency, s", "P99 延迟（秒）"), "xy_core", "25.7", "p99_from_start", _START),
    Published(_LONGEST, "naive", "> 500", "loop_block_ms", _BLOCK),
    Published(_LONGEST, "xy_core", "20.64", "loop_block_ms", _BLOCK),
    Published(
        ("Device memory in use, MiB", "显存占用（MiB）"), "xy_core", "5606 / 8151", "", _NO_GPU
    ),
)
