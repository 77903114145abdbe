"""Which models make room for another: by the queue, by worth, by group."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.core.eviction import IDLE, Claim, fitting, pinned, victims, worth
from xy_core.core.model import ModelSpec, ModelState, Variant
from xy_core.core.resident import Resident


def resident(name: str, size: int, value: float = 0.0, **changes: Any) -> Resident:
    """A model of that size that is loaded."""
    spec = ModelSpec(
        name,
        (Variant("full", size), Variant("half", size // 2)),
        load=lambda *_: None,
        unload=lambda _: None,
        **changes,
    )
    lease: Any = SimpleNamespace(size=size)
    return Resident(spec, ModelState.READY, spec.variants[0], lease=lease, value=value)


WANTED = Resident(ModelSpec("wanted", (Variant("full", 5),), lambda *_: None, lambda _: None))


def names(chosen: list[Resident] | None) -> str | None:
    return None if chosen is None else "".join(one.spec.name for one in chosen)


def claim(limit: float = 10.0, **due: float) -> Claim:
    return Claim(limit, lambda model: due.get(model, IDLE))


def test_nothing_goes_if_nothing_is_missing():
    assert names(victims(WANTED, [resident("a", 3)], 0, claim())) == ""


def test_idle_models_go_before_those_that_are_waited_for():
    models = [resident("a", 3, 1.0), resident("b", 3, 9.0)]
    assert names(victims(WANTED, models, 3, claim(a=50.0))) == "b"


def test_the_model_that_is_due_last_goes_first():
    models = [resident("a", 3), resident("b", 3), resident("c", 3)]
    assert names(victims(WANTED, models, 3, claim(a=20.0, b=90.0, c=50.0))) == "b"


def test_a_model_that_is_due_sooner_stays():
    assert victims(WANTED, [resident("a", 3)], 3, claim(a=9.9)) is None
    assert names(victims(WANTED, [resident("a", 3)], 3, claim(a=10.0))) == "a"


def test_among_idle_models_the_least_valuable_goes():
    models = [resident("a", 3, 2.0), resident("b", 3, 1.0), resident("c", 3, 3.0)]
    assert names(victims(WANTED, models, 3, claim())) == "b"
    assert names(victims(WANTED, models, 4, claim())) == "ba"


def test_what_need_not_go_after_all_stays():
    models = [resident("a", 2, 1.0), resident("b", 8, 2.0)]
    assert names(victims(WANTED, models, 8, claim())) == "b"


def test_pinned_models_and_those_on_the_move_stay():
    moving = resident("b", 5)
    moving.state = ModelState.DRAINING
    assert victims(WANTED, [resident("a", 5, pinned=True), moving], 3, claim()) is None


def test_a_model_does_not_go_for_itself():
    own = resident("a", 5)
    assert victims(own, [own], 3, claim()) is None
    assert names(victims(None, [own], 3, claim())) == "a"


def test_models_of_the_same_group_go_in_any_case():
    wanted = Resident(
        ModelSpec("w", (Variant("full", 1),), lambda *_: None, lambda _: None, group="voices")
    )
    models = [resident("a", 3, group="voices"), resident("b", 4), resident("c", 1, group="ears")]
    assert names(victims(wanted, models, 0, claim())) == "a"
    assert names(victims(wanted, models, 5, claim())) == "ab"
    assert victims(wanted, models, 0, claim(a=1.0)) is None
    assert victims(wanted, [resident("a", 3, group="voices", pinned=True)], 0, claim()) is None


@pytest.mark.parametrize(("room", "variant"), [(8, "full"), (7, "half"), (4, "half"), (3, None)])
def test_the_best_variant_for_which_there_is_room(room: int, variant: str | None):
    found = fitting(resident("a", 8), room)
    assert (found.name if found else None) == variant


def test_only_variants_that_may_still_be_tried_are():
    model = resident("a", 8)
    model.smallest = 1
    assert fitting(model, 100) == Variant("half", 4)
    assert model.outgrown


def test_pinned_bytes():
    models = [resident("a", 3, pinned=True), resident("b", 4), resident("c", 5, pinned=True)]
    assert pinned(models, None) == 8
    assert pinned(models, models[0]) == 5


def test_a_byte_of_a_small_model_that_loads_slowly_is_worth_most():
    small, large = resident("a", 2), resident("b", 8)
    small.load_seconds = large.load_seconds = 4.0
    assert worth(small) == 2.0
    assert worth(large) == 0.5


@given(
    sizes=st.lists(st.integers(1, 9), max_size=7),
    dues=st.lists(st.floats(0, 20), min_size=7, max_size=7),
    missing=st.integers(0, 40),
)
def test_enough_goes_and_never_too_much(sizes: list[int], dues: list[float], missing: int):
    models = [resident(f"m{n}", size, value=n) for n, size in enumerate(sizes)]
    due = {f"m{n}": moment for n, moment in enumerate(dues)}
    chosen = victims(WANTED, models, missing, claim(**due))
    may_go = [one for one in models if due[one.spec.name] >= 10.0]
    if chosen is None:
        assert sum(one.size for one in may_go) < missing
        return
    freed = sum(one.size for one in chosen)
    assert freed >= missing
    assert set(chosen) <= set(may_go)
    assert all(freed - one.size < missing for one in chosen), "one of them need not go"
