"""What the report calls things, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

from xy_core.bench.experiments.published import Text

TITLES: dict[str, Text] = {
    "throughput": ("Throughput, with 95 % intervals", "吞吐量（含 95% 置信区间）"),
    "latency_submission": ("Latency from submission", "延迟（自提交起）"),
    "latency_start": ("Latency from the start of computing", "延迟（自开始计算起）"),
    "lag": ("How late the event loop ran", "事件循环的延迟"),
    "memory": ("Memory over time", "内存随时间的变化"),
}
LEAK: Text = ("Resident memory (grey: warm-up)", "常驻内存（灰色：预热）")
COLUMNS: dict[str, Text] = {
    "requests_per_second": ("requests/s", "请求/秒"),
    "p50_from_submission": ("P50, s", "P50（秒）"),
    "p95_from_submission": ("P95, s", "P95（秒）"),
    "p99_from_submission": ("P99, s", "P99（秒）"),
    "p50_from_start": ("P50 from start, s", "P50 自开始（秒）"),
    "loop_block_ms": ("longest block, ms", "最长阻塞（毫秒）"),
    "peak_mb": ("peak memory, MiB", "内存峰值（MiB）"),
    "failed": ("failed", "失败"),
}
TRACE_COLUMNS: dict[str, Text] = {
    "ts": ("s", "秒"),
    "event": ("event", "事件"),
    "name": ("task", "任务"),
    "task_id": ("id", "编号"),
    "priority": ("priority", "优先级"),
    "lane": ("lane", "通道"),
    "worker": ("worker", "执行者"),
    "duration_ms": ("duration, ms", "用时（毫秒）"),
}
"""Keys of the report's trace that are shown."""
BOUND_WORDS: dict[str, Text] = {"at least": ("at least", "至少"), "at most": ("at most", "至多")}
HELD: dict[str, Text] = {
    "rss_mb": ("resident memory, MiB", "常驻内存（MiB）"),
    "all_mb": ("with its processes, MiB", "含子进程（MiB）"),
    "files": ("open files", "打开的文件"),
    "threads": ("threads", "线程"),
    "tasks": ("tasks of the loop", "循环任务"),
    "objects": ("tracked objects", "受跟踪对象"),
    "asked": ("asked", "已提交"),
    "answered": ("answered", "已回答"),
    "asked_again": ("asked again", "重试"),
    "cancelled": ("cancelled", "已取消"),
    "lost": ("lost", "丢失"),
    "kill": ("process killed", "进程被杀"),
    "cancel": ("request cancelled", "请求取消"),
    "fail": ("task failed", "任务失败"),
    "time_out": ("task timed out", "任务超时"),
}
"""What a soak counts."""
SHOWN: dict[str, Text] = {
    "throughput_vs_naive": ("throughput ÷ naive", "吞吐量 ÷ naive"),
    "throughput_vs_serial": ("throughput ÷ serial", "吞吐量 ÷ serial"),
    "throughput_vs_report": ("throughput ÷ report", "吞吐量 ÷ report"),
    "median_latency_vs_naive": ("median latency ÷ naive", "延迟中位数 ÷ naive"),
    "loop_block_ms": ("longest block, ms", "最长阻塞（毫秒）"),
    "naive_loop_block_ms": ("longest block of naive, ms", "naive 最长阻塞（毫秒）"),
    "failed": ("failed requests", "失败的请求"),
    "lost": ("lost requests", "丢失的请求"),
    "answered": ("answered requests", "已回答的请求"),
    **{
        f"{name}_growth_shown": (f"growth an hour: {HELD[name][0]}", f"每小时增长：{HELD[name][1]}")
        for name in ("rss_mb", "all_mb", "files", "threads", "tasks", "objects")
    },
}
"""What checks are called."""


def said(words: Mapping[str, Text], name: str) -> Text:
    """Return the words for a name, or the name itself in both languages."""
    return words.get(name, (name, name))
