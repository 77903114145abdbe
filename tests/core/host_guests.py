"""What lives in the processes of the host tests: classes that another process can import."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from xy_core.core.cancellation import checkpoint


class Guest:
    """Does what a backend may do, and much that none should."""

    def __init__(self, name: str = "guest") -> None:
        self.name = name
        self.loaded = 0
        self.kept: Any = None
        self.entered = threading.Semaphore(0)
        self.barrier = threading.Barrier(4)
        self.yielded = 0
        self.ended = ""

    def load(self) -> None:
        self.loaded += 1

    def facts(self) -> tuple[str, int]:
        return self.name, self.loaded

    def pid(self) -> int:
        return os.getpid()

    def variable(self, name: str) -> str | None:
        return os.environ.get(name)

    def echo(self, value: Any = None, **values: Any) -> Any:
        return values or value

    def keep(self, value: Any) -> None:
        self.kept = value

    def kept_sum(self) -> float:
        return float(self.kept.sum())

    def divide(self, a: int, b: int = 0) -> float:
        return a / b

    def odd(self) -> None:
        raise OddError("very ", "odd")

    def quit(self) -> None:
        sys.exit(3)

    def give_a_lambda(self) -> Callable[[], None]:
        return lambda: None

    def meet(self) -> int:
        return self.barrier.wait(30)

    def count(self, count: int) -> Iterator[int]:
        try:
            for number in range(count):
                self.yielded = number + 1
                yield number
        finally:
            self.ended = "count"

    def hand_over(self, emit: Callable[[Any], None], *items: Any) -> None:
        for item in items:
            emit(item)

    def break_off(self, count: int) -> Iterator[int]:
        yield from range(count)
        raise ValueError("no more")

    def so_far(self) -> tuple[int, str]:
        return self.yielded, self.ended

    def hold(self) -> None:
        """Work until cancelled, looking at the token from time to time."""
        self.entered.release()
        while True:
            checkpoint()
            time.sleep(0.005)

    def hang(self, emit: Callable[[Any], None] | None = None) -> None:
        """Work without ever looking at the token."""
        self.entered.release()
        if emit is not None:
            emit("begun")
        time.sleep(60)

    def hang_the_interpreter(self) -> None:
        """Hold the interpreter's lock, as bad native code does."""
        self.entered.release()
        ctypes.PyDLL(None).sleep(60)

    def wait_until_entered(self) -> bool:
        return self.entered.acquire(timeout=30)

    def crash(self, note: Path | None = None) -> str:
        """Die, the first time only if there is a note to remember that by."""
        if note is not None and note.exists():
            return "at last"
        if note is not None:
            note.touch()
        signal.raise_signal(signal.SIGSEGV)
        return "never"

    def crash_stream(self, note: Path, before: int = 0) -> Iterator[int]:
        yield from range(before)
        self.crash(note)
        yield 7

    def allocate(self, count: int) -> int:
        return len(bytearray(count))

    def say(self, *lines: str) -> None:
        for line in lines:
            sys.stdout.write(f"{line}\n")
        sys.stderr.write("to stderr\n")
        subprocess.run(["echo", "by a child"], check=True)

    def limits(self) -> tuple[set[int], int]:
        return os.sched_getaffinity(0), os.nice(0)


class Unwilling:
    """Cannot be made."""

    def __init__(self) -> None:
        raise ValueError("not today")


class Clinging(Guest):
    """Does not close."""

    def close(self) -> None:
        raise ValueError("not without a fight")


class Fragile(Guest):
    """Dies while it loads, once a note says so."""

    def __init__(self, note: Path) -> None:
        super().__init__()
        self.note = note

    def load(self) -> None:
        if self.note.exists():
            os._exit(7)


class OddError(Exception):
    """An error that pickle cannot make again."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


class Unpackable:
    """Can be pickled, but not unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _refuse, ()


def _refuse() -> None:
    raise ValueError("cannot be made again")
