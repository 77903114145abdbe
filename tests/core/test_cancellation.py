"""Checkpoints and the token that they look at."""

from __future__ import annotations

import contextvars

import pytest

from xy_core.core.cancellation import CancelToken, checkpoint, current_token
from xy_core.core.errors import TaskCancelled


def test_outside_of_a_task_a_checkpoint_does_nothing():
    checkpoint()


def test_a_checkpoint_ends_a_cancelled_task():
    token = CancelToken()
    context = contextvars.copy_context()
    context.run(current_token.set, token)
    context.run(checkpoint)
    assert not token.cancelled
    token.cancel()
    token.cancel()
    assert token.cancelled
    with pytest.raises(TaskCancelled):
        context.run(checkpoint)
    checkpoint()


def test_a_token_wakes_whoever_waits_for_something_else():
    token = CancelToken()
    woken: list[str] = []
    with token.waking(lambda: woken.append("first")):
        assert not woken
        token.cancel()
        with token.waking(lambda: woken.append("late")):
            assert woken == ["first", "late"]
    token.cancel()
    assert woken == ["first", "late"]
