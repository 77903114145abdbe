"""Calls that share a message: each has an outcome of its own, and none waits for another."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'xy-core[cluster]'")

from tests.core.host_guests import Guest as Model
from xy_core.cluster.guest import Guest
from xy_core.cluster.packing import pack, unpack
from xy_core.core.errors import TaskCancelled
from xy_core.core.host_link import Kind


class Gate(Model):
    """A model whose method returns once the test lets it."""

    opened = threading.Event()

    def passed(self) -> str:
        return "passed" if self.opened.wait(30) else "late"


@pytest.fixture
def guest():
    made = Guest(8)
    made.make(1, pack((Gate, ("here",), "load", ())))
    Gate.opened.clear()
    yield made
    Gate.opened.set()
    made.close()


def ask(guest: Guest, *calls: tuple[str, object]) -> list[tuple[int, object] | None]:
    """Send calls, numbered from 10, in one message."""
    letters = [
        (number, pack((method, arguments, {})))
        for number, (method, *arguments) in enumerate(calls, 10)
    ]
    answers = pickle.loads(guest.calls(pickle.dumps(letters)))  # noqa: S301 - our own
    return [answer and (answer[0], unpack(answer[1])) for answer in answers]


def test_each_call_has_its_own_outcome(guest):
    first, failed, last = ask(guest, ("echo", 1), ("divide", 1), ("echo", 2))
    assert (first, last) == ((Kind.RESULT, 1), (Kind.RESULT, 2))
    kind, error = failed
    assert kind == Kind.ERROR
    assert isinstance(error, ZeroDivisionError)
    assert "in divide" in "".join(error.__notes__)


def test_a_slow_call_holds_up_no_other_and_is_fetched(guest):
    assert ask(guest, ("passed",), ("echo", 2)) == [None, (Kind.RESULT, 2)]
    Gate.opened.set()
    assert unpack(guest.fetch(10)) == "passed"


def test_a_call_that_waits_for_another_one_of_its_message_does_not_hang(guest):
    answers = ask(guest, *[("meet",)] * 4)
    met = [
        unpack(guest.fetch(number)) if answer is None else answer[1]
        for number, answer in enumerate(answers, 10)
    ]
    assert sorted(met) == [0, 1, 2, 3]


def test_an_array_goes_by_the_object_store_also_from_a_shared_message(guest):
    small, array = ask(guest, ("echo", 1), ("echo", np.ones(3)))
    assert (small, array) == ((Kind.RESULT, 1), None)
    (box,) = guest.fetch(11)
    assert box.sum() == 3


def test_one_call_of_a_message_is_cancelled_alone(guest):
    assert ask(guest, ("hold",), ("passed",)) == [None, None]
    guest.cancel(10)
    with pytest.raises(TaskCancelled):
        guest.fetch(10)
    Gate.opened.set()
    assert unpack(guest.fetch(11)) == "passed"


def test_a_call_that_was_cancelled_before_it_came_is_not_made(guest):
    guest.cancel(10)
    (first, second) = ask(guest, ("echo", 1), ("echo", 2))
    assert second == (Kind.RESULT, 2)
    assert first[0] == Kind.ERROR
    assert isinstance(first[1], TaskCancelled)
