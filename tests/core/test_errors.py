"""The error tree: one root, exit codes, messages that say what to do."""

from __future__ import annotations

import inspect

import pytest

from xy_core.core import errors
from xy_core.core.errors import (
    InputError,
    MissingExtraError,
    ModelNotInstalledError,
    ModuleUnavailable,
    QueueFull,
    XyCoreError,
    first_error,
)

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_is_ours_documented_and_drawn_in_the_tree(kind):
    assert issubclass(kind, XyCoreError)
    assert kind.__doc__
    assert kind.exit_code in {1, 2, 143}
    assert kind.__name__ in errors.__doc__


def test_a_missing_extra_names_the_command_that_installs_it():
    error = MissingExtraError("xllamacpp", "llm")
    assert "pip install 'xy-core[llm]'" in str(error)
    assert (error.package, error.extra) == ("xllamacpp", "llm")


def test_a_missing_model_names_the_command_that_fetches_it():
    error = ModelNotInstalledError("whisper-base-ct2")
    assert "xy-core models pull whisper-base-ct2" in str(error)
    assert error.model_id == "whisper-base-ct2"


def test_a_full_queue_says_when_to_come_back():
    error = QueueFull("cpu", 10, 2.5)
    assert "2.5 s" in str(error)
    assert (error.lane, error.retry_after) == ("cpu", 2.5)


@pytest.mark.parametrize(
    ("cause", "exit_code", "reason"),
    [
        (None, 1, "not loaded"),
        (LookupError("lost"), 1, "lost"),
        (ModelNotInstalledError("tiny"), 2, "models pull tiny"),
    ],
)
def test_an_unavailable_module_hands_its_cause_on(cause, exit_code, reason):
    error = ModuleUnavailable("llm", cause)
    assert error.module == "llm"
    assert error.exit_code == exit_code
    assert reason in str(error)


def test_the_first_error_of_nested_groups_is_found():
    error = InputError("first")
    group = ExceptionGroup("outer", [ExceptionGroup("inner", [error]), ValueError("second")])
    assert first_error(group) is error
    assert first_error(error) is error
