"""Settings of the core: strict, frozen, with defaults that hold one by one."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from xy_core.core.config import (
    BusConfig,
    DeviceConfig,
    EngineConfig,
    JournalConfig,
    LaneConfig,
    LogConfig,
    SchedulerConfig,
)

SECTIONS = [BusConfig, EngineConfig, JournalConfig, LaneConfig, LogConfig, SchedulerConfig]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda kind: kind.__name__)
def test_an_unknown_key_is_an_error(section: type[BaseModel]):
    with pytest.raises(ValidationError, match="no_such_key"):
        section.model_validate({"no_such_key": 1})


@pytest.mark.parametrize("section", SECTIONS, ids=lambda kind: kind.__name__)
def test_values_never_change(section: type[BaseModel]):
    made = section()
    field = next(iter(section.model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(made, field, getattr(made, field))


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (LaneConfig, {"min_workers": 3, "max_workers": 2}),
        (LaneConfig, {"min_workers": 0}),
        (LaneConfig, {"queue_size": 0}),
        (LaneConfig, {"grow_after": 0}),
        (DeviceConfig, {"name": ""}),
        (DeviceConfig, {"name": "cpu", "slots": 0}),
        (SchedulerConfig, {"aging": 0}),
        (SchedulerConfig, {"fairness": -1}),
        (SchedulerConfig, {"devices": []}),
        (BusConfig, {"queue_size": 0}),
        (BusConfig, {"request_timeout": 0}),
        (EngineConfig, {"stop_timeout": -1}),
        (JournalConfig, {"commit_interval": 0}),
        (JournalConfig, {"window": 1}),
        (JournalConfig, {"synchronous": "off"}),
        (JournalConfig, {"keep_seconds": 0}),
        (LogConfig, {"level": "loud"}),
        (LogConfig, {"format": "xml"}),
    ],
    ids=str,
)
def test_a_value_that_makes_no_sense_is_an_error(section: type[BaseModel], values):
    with pytest.raises(ValidationError):
        section.model_validate(values)


@pytest.mark.parametrize("lane", ["default", "cpu"])
def test_setting_one_key_of_a_lane_leaves_its_other_defaults(lane):
    usual: LaneConfig = getattr(SchedulerConfig(), lane)
    changed = getattr(SchedulerConfig.model_validate({lane: {"queue_size": 5}}), lane)
    assert changed == usual.model_copy(update={"queue_size": 5})


@pytest.mark.parametrize("lane", ["default", "cpu"])
def test_fewer_slots_at_most_are_fewer_slots_at_least(lane):
    changed = getattr(SchedulerConfig.model_validate({lane: {"max_workers": 1}}), lane)
    assert (changed.min_workers, changed.max_workers) == (1, 1)


def test_more_slots_at_least_are_more_slots_at_most():
    changed = SchedulerConfig.model_validate({"cpu": {"min_workers": 500}}).cpu
    assert (changed.min_workers, changed.max_workers) == (500, 500)
