"""The order in which waiting tasks leave."""

from __future__ import annotations

import itertools
import math
import types
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from xy_core.core.job import Job
from xy_core.core.keys import KeyTable
from xy_core.core.queue import ReadyQueue
from xy_core.core.task import TaskInfo, TaskPriority, TaskType

LOW, MEDIUM, HIGH, CRITICAL = TaskPriority
numbers = itertools.count()


def job(
    priority: TaskPriority = MEDIUM, *, key: str | None = None, deadline: float | None = None
) -> Job:
    info = TaskInfo(f"task_{next(numbers)}", "test", TaskType.DEFAULT, priority, "default", 0.0)
    lane: Any = types.SimpleNamespace()
    made = Job(info, print, (), lane)
    made.key = key
    made.deadline = deadline
    return made


def queue(*, aging: float = 10.0, fairness: float = 0.25) -> ReadyQueue:
    return ReadyQueue(aging=aging, keys=KeyTable(fairness))


def release(ready: ReadyQueue, ended: Job) -> None:
    if ended.key is not None:
        ready._keys.release(ended.key)


def pop_all(ready: ReadyQueue) -> list[Job]:
    return list(iter(ready.pop, None))


def test_an_empty_queue_gives_nothing():
    ready = queue()
    assert ready.pop() is None
    assert len(ready) == 0
    assert ready.clear() == []


def test_urgent_tasks_leave_first():
    ready = queue()
    jobs = [job(priority) for priority in (LOW, CRITICAL, MEDIUM, HIGH)]
    for each in jobs:
        ready.push(each, now=0.0)
    assert [each.info.priority for each in pop_all(ready)] == [CRITICAL, HIGH, MEDIUM, LOW]


def test_tasks_of_one_priority_leave_in_the_order_of_their_arrival():
    ready = queue()
    jobs = [job() for _ in range(10)]
    for number, each in enumerate(jobs):
        ready.push(each, now=float(number))
    assert pop_all(ready) == jobs


def test_a_task_gains_one_step_each_aging_seconds():
    ready = queue(aging=10.0)
    old, new = job(LOW), job(MEDIUM)
    ready.push(old, now=0.0)
    ready.push(new, now=9.0)
    assert ready.pop() is new
    late = job(MEDIUM)
    ready.push(late, now=11.0)
    assert ready.pop() is old


def test_among_simultaneous_arrivals_the_earlier_deadline_decides():
    ready = queue()
    none, late, early = job(), job(deadline=200.0), job(deadline=100.0)
    for each in (none, late, early):
        ready.push(each, now=0.0)
    assert pop_all(ready) == [early, late, none]


def test_of_simultaneous_arrivals_the_older_request_goes_first():
    ready = queue()
    plain, younger, older = job(), job(), job()
    younger.since, older.since = 0.012, 0.011
    ready.push(plain, now=0.013)
    for each in (younger, older):
        ready.push(each, now=0.014)
    assert pop_all(ready) == [older, younger, plain]


def test_a_key_that_floods_the_queue_delays_itself():
    ready = queue(fairness=1.0)
    flood = [job(key="a") for _ in range(10)]
    for each in flood:
        ready.push(each, now=0.0)
    other = job(key="b")
    ready.push(other, now=0.5)
    assert pop_all(ready).index(other) == 1


def test_a_key_that_is_not_waiting_any_more_starts_afresh():
    ready = queue(fairness=1.0)
    for each in [job(key="a") for _ in range(10)]:
        ready.push(each, now=0.0)
    for _ in pop_all(ready):
        ready._keys.release("a")
    again, other = job(key="a"), job()
    ready.push(again, now=1.0)
    ready.push(other, now=1.1)
    assert ready.pop() is again


def test_a_limit_parks_tasks_of_its_key_and_lets_others_pass():
    ready = queue()
    ready._keys.limit("a", 1)
    first, second, other = job(key="a"), job(key="a"), job(LOW)
    for each in (first, second, other):
        ready.push(each, now=0.0)
    assert [ready.pop(), ready.pop(), ready.pop()] == [first, other, None]
    assert len(ready) == 1
    ready._keys.release("a")
    assert ready.pop() is second


def test_lifting_a_limit_lets_parked_tasks_go():
    ready = queue()
    ready._keys.limit("a", 0)
    jobs = [job(key="a") for _ in range(3)]
    for each in jobs:
        ready.push(each, now=0.0)
    assert ready.pop() is None
    ready._keys.limit("a", 2)
    assert [ready.pop(), ready.pop(), ready.pop()] == [*jobs[:2], None]
    ready._keys.limit("a", None)
    assert ready.pop() is jobs[2]


def test_a_discarded_task_never_leaves():
    ready = queue()
    kept, dropped = job(key="a"), job(key="a")
    for each in (kept, dropped):
        ready.push(each, now=0.0)
    ready.discard(dropped)
    ready.discard(dropped)
    assert len(ready) == 1
    assert pop_all(ready) == [kept]


def test_a_discarded_parked_task_frees_no_place():
    ready = queue()
    ready._keys.limit("a", 1)
    first, parked, last = (job(key="a") for _ in range(3))
    for each in (first, parked, last):
        ready.push(each, now=0.0)
    assert ready.pop() is first
    assert ready.pop() is None
    ready.discard(parked)
    ready._keys.release("a")
    assert [ready.pop(), ready.pop()] == [last, None]


def test_a_task_that_is_pushed_back_keeps_its_age():
    ready = queue()
    first, second = job(key="a"), job()
    ready.push(first, now=0.0)
    ready.push(second, now=1.0)
    assert ready.pop() is first
    ready._keys.release("a")
    ready.push_back(first)
    assert ready.pop() is first


def test_clear_returns_parked_tasks_as_well():
    ready = queue()
    ready._keys.limit("a", 1)
    jobs = [job(key="a") for _ in range(3)]
    for each in jobs:
        ready.push(each, now=0.0)
    ready.pop()
    ready.pop()
    assert set(ready.clear()) == set(jobs[1:])
    assert len(ready) == 0
    ready._keys.release("a")
    assert ready.pop() is None


def test_discarded_tasks_do_not_fill_the_memory():
    ready = queue()
    for _ in range(1_000):
        each = job(key="a")
        ready.push(each, now=0.0)
        ready.discard(each)
    assert sum(len(bucket.line) for bucket in ready._buckets.values()) < 100
    assert not ready._keys


def rank(each: Job, aging: float) -> int:
    return int((each.arrival - each.info.priority * aging) // 0.05)


Pushed = st.tuples(st.sampled_from(TaskPriority), st.floats(0, 5), st.none() | st.floats(0, 9))


@given(st.lists(Pushed, max_size=40), st.floats(0.01, 20))
def test_tasks_leave_by_rank_deadline_and_arrival(pushed, aging):
    ready = queue(aging=aging)
    jobs = []
    now = 0.0
    for priority, later, deadline in pushed:
        now += later
        jobs.append(job(priority, deadline=deadline))
        ready.push(jobs[-1], now)
    expected = sorted(
        jobs,
        key=lambda each: (
            rank(each, aging),
            math.inf if each.deadline is None else each.deadline,
        ),
    )
    assert pop_all(ready) == expected


Step = st.one_of(
    st.tuples(st.just("push"), st.sampled_from(TaskPriority), st.sampled_from([None, "a", "b"])),
    st.tuples(st.just("limit"), st.sampled_from(["a", "b"]), st.none() | st.integers(0, 3)),
    st.tuples(st.sampled_from(["pop", "discard", "finish", "again"]), st.integers(0, 99)),
)


@given(st.lists(Step, max_size=120))
def test_no_task_is_lost_or_leaves_twice_and_limits_hold(steps):
    ready = queue()
    waiting: list[Job] = []
    running: list[Job] = []
    limits: dict[str, int | None] = {}

    def may_run(each: Job) -> bool:
        limit = limits.get(each.key or "")
        return limit is None or sum(other.key == each.key for other in running) < limit

    for now, step in enumerate(steps):
        match step:
            case ("push", priority, key):
                waiting.append(job(priority, key=key))
                ready.push(waiting[-1], float(now))
            case ("limit", key, number):
                limits[key] = number
                ready._keys.limit(key, number)
            case ("pop", _):
                found = ready.pop()
                allowed = [each for each in waiting if may_run(each)]
                if found is None:
                    assert not allowed
                else:
                    assert found in allowed
                    assert rank(found, 10.0) == min(rank(each, 10.0) for each in allowed)
                    waiting.remove(found)
                    running.append(found)
            case ("discard", number) if waiting:
                ready.discard(waiting.pop(number % len(waiting)))
            case ("finish", number) if running:
                release(ready, running.pop(number % len(running)))
            case ("again", number) if running:
                each = running.pop(number % len(running))
                release(ready, each)
                ready.push_back(each)
                waiting.append(each)
        assert len(ready) == len(waiting)
    assert set(ready.clear()) == set(waiting)
