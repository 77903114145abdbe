"""Where tasks go: residency, memory, load, affinity, and nothing given away twice."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from xy_core.cluster.placement import Need, Place, Placement
from xy_core.cluster.waiting import WaitingRoom
from xy_core.core.errors import DeviceMemoryError, InvalidTaskError


def placement(**memory: int) -> Placement:
    """Return a placement with devices of those sizes, two slots each."""
    made = Placement()
    for name, size in memory.items():
        made.add(name, size, slots=2)
    return made


def test_the_closest_fit_leaves_room_for_large_tasks():
    devices = placement(small=10, large=100)
    assert devices.place(Need(memory=8)).device == "small"
    assert devices.place(Need(memory=90)).device == "large"


def test_a_task_goes_where_its_model_is():
    devices = placement(small=50, large=100)
    first = devices.place(Need(memory=5, model="llm", model_bytes=60))
    assert first.device == "large"
    assert devices.place(Need(memory=5, model="llm", model_bytes=60)).device == "large"


def test_an_idle_model_is_used_again():
    devices = placement(one=100, two=90)
    need = Need(memory=5, model="llm", model_bytes=50)
    first = devices.place(need)
    devices.release(first)
    devices.place(Need(memory=1, near="one"))
    assert devices.place(need) == first


def test_an_idle_model_leaves_for_what_needs_its_room():
    devices = placement(one=100)
    devices.release(devices.place(Need(model="old", model_bytes=50)))
    devices.release(devices.place(Need(model="new", model_bytes=50)))
    assert devices.place(Need(memory=60)).evicted == ("old", "new")


def test_work_without_memory_goes_to_the_least_loaded():
    devices = placement(one=100, two=100)
    assert {devices.place(Need()).device for _ in range(2)} == {"one", "two"}


def test_affinity_goes_first_while_there_is_room():
    devices = placement(one=10, two=100)
    assert devices.place(Need(memory=5, near="two")).device == "two"
    assert devices.place(Need(memory=5, near="gone")).device == "one"


def test_a_full_cluster_lets_tasks_wait():
    devices = placement(one=10)
    held = devices.place(Need(memory=10))
    assert devices.place(Need(memory=1)) is None
    assert devices.most_room() == 0
    devices.release(held)
    assert devices.place(Need(memory=1)).device == "one"


def test_what_no_device_could_ever_hold_is_refused():
    with pytest.raises(DeviceMemoryError):
        placement(one=10).place(Need(memory=11))


@pytest.mark.parametrize("need", [Need(memory=-1), Need(model="m", model_bytes=-1)])
def test_negative_sizes_are_refused(need: Need):
    with pytest.raises(InvalidTaskError):
        placement(one=10).place(need)


def test_a_device_that_is_gone_takes_nothing_and_gives_nothing_back():
    devices = placement(one=10)
    held = devices.place(Need(memory=10))
    devices.remove("one")
    devices.release(held)
    assert devices.place(Need(memory=1)) is None
    devices.add("one", 10, slots=1)
    assert devices.place(Need(memory=10)).device == "one"


class PlacementMachine(RuleBasedStateMachine):
    """Places and releases at random; no device ever gives more than it has."""

    places = Bundle("places")

    def __init__(self) -> None:
        super().__init__()
        self.sizes = {"a": 10, "b": 20, "c": 40}
        self.placement = placement(**self.sizes)
        self.held: list[Place] = []

    @rule(target=places, memory=st.integers(0, 20), model=st.sampled_from(["", "m", "n"]))
    def place(self, memory: int, model: str):
        size = {"": 0, "m": 5, "n": 15}[model]
        found = self.placement.place(Need(memory, model, size))
        if found is not None:
            self.held.append(found)
        return found

    @rule(place=consumes(places))
    def release(self, place: Place | None):
        if place is not None:
            self.held.remove(place)
            self.placement.release(place)

    @invariant()
    def nothing_is_given_twice(self):
        for device, size in self.sizes.items():
            needs = [place.need for place in self.held if place.device == device]
            models = {need.model: need.model_bytes for need in needs}
            assert len(needs) <= 2
            assert sum(need.memory for need in needs) + sum(models.values()) <= size


TestPlacement = PlacementMachine.TestCase
TestPlacement.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_the_largest_that_fits_is_taken_first():
    room: WaitingRoom[str] = WaitingRoom()
    for size in (3, 9, 5):
        room.add(size, str(size))
    assert [room.take(6), room.take(6), room.take(6), len(room)] == ["5", "3", None, 1]


def test_a_task_that_was_overtaken_too_often_is_next():
    room: WaitingRoom[str] = WaitingRoom(patience=2)
    room.add(9, "large")
    for number in range(4):
        room.add(1, f"small {number}")
    assert [room.take(5), room.take(5), room.take(5)] == ["small 3", "small 2", None]
    assert room.take(9) == "large"


def test_only_the_first_tasks_may_overtake():
    room: WaitingRoom[str] = WaitingRoom(window=2)
    for size in (9, 8, 1):
        room.add(size, str(size))
    assert room.take(5) is None
