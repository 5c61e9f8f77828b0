"""Time and chance that a test holds in its hand."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_TICK_S = 0.005


class FakeClock:
    """A clock that moves only when told.

    Args:
        now: Where it starts; a Monday morning by default.
        waits: What `wait` does. False: it moves the clock on by the time asked for and returns at once, for
            code that runs in the test's own thread. True: it really waits until another thread sets the event
            or advances the clock far enough.
    """

    def __init__(self, now: datetime = START, *, waits: bool = False) -> None:
        self._wall = now
        self._monotonic_s = 0.0
        self._waits = waits
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        with self._lock:
            return self._wall

    def monotonic_s(self) -> float:
        """Seconds advanced since the clock was made; `jump` does not touch them."""
        with self._lock:
            return self._monotonic_s

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for the event, by this clock; return whether it is set."""
        if not self._waits:
            if not event.is_set():
                self.advance(seconds)
            return event.is_set()
        until = self.monotonic_s() + seconds
        while not event.is_set() and self.monotonic_s() < until:
            event.wait(_TICK_S)  # real time passes only so that other threads can set or advance
        return event.is_set()

    def advance(self, seconds: float | timedelta) -> datetime:
        """Let time pass; return the new wall clock."""
        step = seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
        with self._lock:
            self._wall += step
            self._monotonic_s += step.total_seconds()
            return self._wall

    def jump(self, by: timedelta) -> datetime:
        """Set the wall clock by hand, forward or back, as an administrator would; deadlines are unharmed."""
        with self._lock:
            self._wall += by
            return self._wall


def seeded_random(*seed: object) -> random.Random:
    """Randomness that is the same in every process for the same words: `seeded_random(7, "customers")`."""
    return random.Random("/".join(str(part) for part in seed))  # noqa: S311 - the same again is what is wanted
