"""``xy-core doctor --plan``: how the models of a profile share the memory of a device."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from pydantic import ByteSize, TypeAdapter, ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from xy_core.cli.i18n import tr
from xy_core.cli.models import open_store
from xy_core.core.config import DeviceConfig
from xy_core.core.device import DeviceKind
from xy_core.core.errors import InputError
from xy_core.core.model import Variant
from xy_core.core.open_device import open_device
from xy_core.models import DevicePlan, PlannedModel, on_processor, plan_device, plan_model
from xy_core.models.device_plan import Placement
from xy_core.settings import Settings

_GIB = 2**30


def run_plan(settings: Settings, device_memory: str | None, *, as_json: bool) -> None:
    """Print the plan of each device.

    Args:
        settings: the configuration; its profile names the models, its devices the memory.
        device_memory: a size such as ``8GiB``; the configured devices if not given.
        as_json: JSON instead of tables.

    Raises:
        InputError: the size cannot be read.
        ConfigError: a configured device is not on this machine.
        ModelError: there is no such profile, or a model's file is damaged.
    """
    if device_memory is None:
        plans = {one.name: _plan_configured(settings, one) for one in settings.scheduler.devices}
    else:
        memory = _size(device_memory)
        plans = {device_memory: plan_device(_models(settings, memory), memory)}
    if as_json:
        found = [{"device": name, **_as_json(plan)} for name, plan in plans.items()]
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for name, plan in plans.items():
        _show(name, plan)


def _plan_configured(settings: Settings, config: DeviceConfig) -> DevicePlan:
    device = open_device(config)
    reading = device.read_memory()
    memory = max(0, min(reading.free, reading.total) - config.reserve)
    if config.memory is not None:
        memory = min(memory, config.memory)
    models = _models(settings, memory)
    if device.kind is DeviceKind.CPU:
        models = [on_processor(model) for model in models]
    return plan_device(models, memory)


def _models(settings: Settings, memory: int) -> list[PlannedModel]:
    store = open_store(settings)
    n_ctx = settings.llm.context_tokens * settings.llm.slots
    return [
        plan_model(store, entry, room=memory, n_ctx=n_ctx)
        for entry in store.catalogue.profile(settings.profile)
        if entry.files
    ]


def _size(text: str) -> int:
    try:
        size = TypeAdapter(ByteSize).validate_python(text)
    except ValidationError as error:
        raise InputError(f"--device-memory {text!r} is not a size: write it as 8GiB") from error
    if not 0 < size < 2**60:
        raise InputError(f"--device-memory {text!r}: no device has that much, or that little")
    return size


def _show(name: str, plan: DevicePlan) -> None:
    console = Console()
    table = Table(
        title=tr(f"{name}: {_gib(plan.memory)} free", f"{name}：可用 {_gib(plan.memory)}"),
        title_justify="left",
        expand=True,
    )
    for heading in (
        tr("model", "模型"),
        tr("held as", "形式"),
        tr("device", "设备内存"),
        tr("+ working", "+ 计算"),
        tr("host", "主机内存"),
        tr("speed", "速度"),
        tr("where", "位置"),
    ):
        table.add_column(heading, overflow="fold")
    for place in plan.placements:
        table.add_row(*(Text(cell) for cell in _row(place)))
    console.print(table)
    for line in (*_summary(plan), *_ladders(plan)):
        console.print(Text(line))


def _row(place: Placement) -> Iterable[str]:
    variant, model = place.variant, place.model
    mark = "" if model.measured else "≈"
    yield model.id
    yield _named(variant)
    yield mark + _gib(variant.device_bytes) if place.on_device else "–"
    yield _gib(model.working) if place.on_device and model.working else "–"
    yield mark + _gib(variant.host_bytes) if variant.host_bytes else "–"
    yield f"{variant.speed:.0%}"
    yield _where(place)


def _where(place: Placement) -> str:
    if not place.on_device:
        return tr("host only", "仅主机")
    if place.resident:
        return tr("stays", "常驻")
    return tr("comes when asked for", "按需换入")


def _named(variant: Variant) -> str:
    layers = getattr(variant, "n_gpu_layers", None)
    return variant.name if layers is None else f"{variant.name} (n_gpu_layers={layers})"


def _summary(plan: DevicePlan) -> Iterable[str]:
    stay = [place.model.id for place in plan.placements if place.resident]
    swap = [p.model.id for p in plan.placements if p.on_device and not p.resident]
    used = f"{_gib(plan.resident_bytes)} / {_gib(plan.memory)}"
    if stay:
        names = " + ".join(stay)
        yield tr(f"Resident together: {names} ({used})", f"同时常驻：{names}（{used}）")
    if swap:
        names = ", ".join(swap)
        yield tr(f"Swapped in when asked for: {names}", f"按需换入：{names}")
    if plan.host_bytes:
        yield tr(
            f"Host memory if all are loaded: {_gib(plan.host_bytes)}",
            f"全部加载时的主机内存：{_gib(plan.host_bytes)}",
        )
    yield tr(
        "Not counted: what a driver takes for each program (CUDA: 0.3 to 0.5 GiB); see "
        "scheduler.devices.reserve. ≈: the catalogue's figures, not those of the files here.",
        "未计入驱动自身占用（CUDA 每个程序约 0.3–0.5 GiB），见 scheduler.devices.reserve。"
        "≈：取自模型目录，而非本机文件。",
    )


def _ladders(plan: DevicePlan) -> Iterable[str]:
    """Say for each model what it becomes when memory is short."""
    ladders = [place.model for place in plan.placements if len(place.model.variants) > 1]
    if ladders:
        yield tr("When memory is short:", "内存不足时逐级降级：")
    for model in ladders:
        yield f"  {model.id}: {' → '.join(_step(variant) for variant in model.variants)}"


def _step(variant: Variant) -> str:
    size = f"{_gib(variant.device_bytes)}, " if variant.device_bytes else ""
    return f"{variant.name} ({size}{variant.speed:.0%})"


def _as_json(plan: DevicePlan) -> dict[str, Any]:
    return {
        "memory": plan.memory,
        "resident_bytes": plan.resident_bytes,
        "host_bytes": plan.host_bytes,
        "models": [
            {
                "id": place.model.id,
                "kind": place.model.kind,
                "chosen": asdict(place.variant),
                "resident": place.resident,
                "working_bytes": place.model.working,
                "measured": place.model.measured,
                "ladder": [asdict(variant) for variant in place.model.variants],
            }
            for place in plan.placements
        ],
    }


def _gib(size: int) -> str:
    return f"{size / _GIB:.2f} GiB"
