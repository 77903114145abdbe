"""Objects through shared memory: what comes out is what went in, and nothing stays behind."""

from __future__ import annotations

import gc
import mmap
import os
import pickle
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.core.host_guests import Unpackable
from xy_core.core.errors import InvalidTaskError
from xy_core.core.raw_memory import copy_into
from xy_core.core.shared_arrays import Inbox, Outbox, shared_memory

MEGABYTE = 1 << 20
LARGE = 40_000


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    samples: np.ndarray[Any, Any]
    rate: int


@pytest.fixture
def ends() -> tuple[Outbox, Inbox]:
    memory = shared_memory(4 * MEGABYTE)
    return Outbox(memory), Inbox(memory)


def through(ends: tuple[Outbox, Inbox], value: Any) -> Any:
    outbox, inbox = ends
    return inbox.accept(outbox.pack(value)).open()


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return (
            a.dtype == b.dtype
            and a.shape == b.shape
            and a.flags.writeable == b.flags.writeable
            and a.tobytes() == b.tobytes()
        )
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def any_array() -> st.SearchStrategy[Any]:
    """Arrays of all kinds: tiny and large, contiguous or not, read-only or not, of either order."""

    @st.composite
    def build(draw: st.DrawFn) -> Any:
        dtype = draw(
            st.one_of(
                arrays.integer_dtypes(), arrays.floating_dtypes(), arrays.boolean_dtypes(),
                arrays.complex_number_dtypes(), arrays.datetime64_dtypes(),
                arrays.unicode_string_dtypes(max_len=5),
            )
        )  # fmt: skip
        shape = draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
        made = draw(arrays.arrays(dtype, shape))
        if shape and draw(st.booleans()):
            made = np.repeat(made, draw(st.sampled_from((1, 500, 5_000))), axis=0)
        if made.ndim and draw(st.booleans()):
            made = made[:: draw(st.sampled_from((-1, 2)))]
        if draw(st.booleans()):
            made = made.T
        if draw(st.booleans()):
            made = np.asfortranarray(made)
        made.flags.writeable = draw(st.booleans())
        return made

    return build()


values = st.recursive(
    st.one_of(any_array(), st.binary(max_size=50), st.none(), st.integers(), st.text(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.tuples(inner, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=30)
@given(values)
def test_what_comes_out_is_what_pickle_alone_would_give(value):
    memory = shared_memory(4 * MEGABYTE)
    outbox = Outbox(memory)
    result = through((outbox, Inbox(memory)), value)
    assert same(pickle.loads(pickle.dumps(value, 5)), result)  # noqa: S301 - our own bytes
    del result
    gc.collect()
    assert outbox.used == 0


def test_a_large_array_is_not_copied_by_the_receiver_and_frees_its_place_when_it_is_gone(ends):
    outbox, inbox = ends
    first = inbox.accept(outbox.pack(np.arange(LARGE))).open()
    again = inbox.accept(outbox.pack(np.arange(LARGE))).open()
    part = first[5:10]
    held = outbox.used
    assert held >= 2 * first.nbytes
    del first
    assert outbox.used == held  # a part of it is still looked at
    del part
    assert outbox.used == held // 2
    frame = outbox.pack(np.zeros(LARGE))
    assert frame[1] == 0  # the place of the first
    assert (again == np.arange(LARGE)).all()


def test_arrays_inside_a_dataclass_keep_what_makes_them_read_only(ends):
    samples = np.linspace(-1, 1, LARGE, dtype=np.float32)
    samples.flags.writeable = False
    sound = through(ends, {"sound": [Sound(samples, 16_000)]})["sound"][0]
    assert sound.rate == 16_000
    assert same(sound.samples, samples)
    with pytest.raises(ValueError, match="read-only"):
        sound.samples[0] = 1


def test_what_came_may_be_written_to_without_the_sender_seeing_it(ends):
    original = np.zeros(LARGE)
    received = through(ends, original)
    received[:] = 5
    assert not original.any()


def test_large_bytes_go_the_same_way(ends):
    outbox, inbox = ends
    text = "long " * LARGE
    frame = outbox.pack(text)
    assert frame[0] is None
    assert inbox.accept(frame).open() == text
    assert outbox.used == 0


def test_what_finds_no_place_goes_as_bytes(ends):
    outbox, _ = ends
    huge = np.arange(MEGABYTE)
    assert outbox.pack(huge)[1] == -1
    assert same(through(ends, huge), huge)
    held = [through(ends, np.zeros(MEGABYTE, np.uint8)) for _ in range(6)]
    assert all(not array.any() for array in held)
    assert outbox.used <= 4 * MEGABYTE


def test_a_parcel_that_nobody_opens_gives_its_memory_back(ends):
    outbox, inbox = ends
    parcel = inbox.accept(outbox.pack(np.zeros(LARGE)))
    assert outbox.used
    del parcel
    assert outbox.used == 0


def test_arrays_outlive_both_ends():
    memory = shared_memory(MEGABYTE)
    received = through((Outbox(memory), Inbox(memory)), np.arange(LARGE))
    del memory
    gc.collect()
    assert (received == np.arange(LARGE)).all()


@pytest.mark.skipif(not hasattr(mmap, "MADV_REMOVE"), reason="asks Linux for its memory back")
def test_memory_that_was_needed_once_is_given_back():
    memory = shared_memory(256 * MEGABYTE)
    outbox, inbox = Outbox(memory), Inbox(memory)
    received = inbox.accept(outbox.pack(np.ones(200 * MEGABYTE, np.uint8))).open()
    assert received.sum() == 200 * MEGABYTE
    del received
    outbox.tidy()
    assert os.fstat(memory.fd).st_blocks * 512 <= 65 * MEGABYTE


def test_many_threads_do_not_write_over_one_another(ends):
    outbox, inbox = ends
    wrong = []

    def work(number: int) -> None:
        for _ in range(50):
            array = inbox.accept(outbox.pack(np.full(LARGE, number, np.uint8))).open()
            if not (array == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert outbox.used == 0


def test_what_cannot_cross_is_named(ends):
    with pytest.raises(InvalidTaskError, match="lock cannot be sent to another process"):
        through(ends, threading.Lock())
    with pytest.raises(InvalidTaskError, match="cannot be made again"):
        through(ends, Unpackable())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is a file without a name")
def test_the_memory_has_no_name():
    folder = Path("/dev/shm")  # noqa: S108 - to see that nothing is put there
    before = set(folder.iterdir())
    memory = shared_memory(MEGABYTE)
    assert set(folder.iterdir()) <= before
    assert memory.size == MEGABYTE


def test_a_copy_stays_inside_its_target():
    target = mmap.mmap(-1, 64)
    copy_into(target, 8, b"12345678", 4)
    assert target[:16] == b"\0" * 8 + b"1234" + b"\0" * 4
    with pytest.raises(ValueError, match="too small"):
        copy_into(target, 60, b"12345678", 8)
    with pytest.raises(TypeError):
        copy_into(target, 0, "text", 4)  # type: ignore[arg-type]
