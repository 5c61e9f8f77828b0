"""Arm the core's fault points in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from attrs import define, field

from crocevia import faults
from crocevia.faults import Probe


class KilledError(BaseException):
    """The process "died" here. No `except Exception` survives it, as none survives `kill -9`."""


class Hold:
    """A thread stopped at a fault point until the test lets it go."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._released = threading.Event()

    def wait_reached(self, timeout_s: float = 10) -> None:
        """Wait until a thread is there. Raises TimeoutError when none comes."""
        if not self._reached.wait(timeout_s):
            msg = "no thread came to the fault point"
            raise TimeoutError(msg)

    def release(self) -> None:
        """Let it go on."""
        self._released.set()

    def stop_here(self) -> None:
        """Called by the stopped thread. Raises TimeoutError after a minute: a test forgot to release it."""
        self._reached.set()
        if not self._released.wait(60):
            msg = "a thread was held at a fault point and never released"
            raise TimeoutError(msg)


@define
class _Armed:
    action: Callable[[], object]
    left: int


@define(eq=False)
class FaultPoints:
    """Fault points of this process, armed for the length of a `with` block.

        with FaultPoints() as points:
            points.kill("sync.written", on=2)
            ...

    Attributes:
        reached: Every place reached inside the block, in order.
    """

    reached: list[str] = field(factory=list, init=False)
    _armed: dict[str, list[_Armed]] = field(factory=dict, init=False)
    _holds: list[Hold] = field(factory=list, init=False)
    _former: Probe | None = field(default=None, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def __enter__(self) -> Self:
        self._former = faults.install(self._reach)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        faults.install(self._former)
        for hold in self._holds:
            hold.release()

    def do(self, name: str, action: Callable[[], object], *, on: int = 1) -> None:
        """Call `action` in the thread that reaches `name` for the `on`-th time from now; `"*"` is any name."""
        with self._lock:
            self._armed.setdefault(name, []).append(_Armed(action, on))

    def fail(self, name: str, error: BaseException, *, on: int = 1) -> None:
        """Raise `error` there."""

        def raise_it() -> None:
            raise error

        self.do(name, raise_it, on=on)

    def kill(self, name: str, *, on: int = 1) -> None:
        """Raise KilledError there: the nearest thing to a crash inside one process."""
        self.fail(name, KilledError(name), on=on)

    def hold(self, name: str, *, on: int = 1) -> Hold:
        """Stop the thread there until `release()` (at the latest, the end of the block)."""
        hold = Hold()
        self._holds.append(hold)
        self.do(name, hold.stop_here, on=on)
        return hold

    def _reach(self, name: str) -> None:
        due: list[_Armed] = []
        with self._lock:
            self.reached.append(name)
            for key in (name, "*"):
                for armed in self._armed.get(key, ()):
                    armed.left -= 1
                    if armed.left == 0:
                        due.append(armed)
        for armed in due:
            armed.action()
