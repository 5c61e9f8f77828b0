"""Time, sleep and chance, injected so that tests can hold them."""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the core asks of time."""

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back, for deadlines."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until `event` is set or `seconds` have passed; return whether it is set."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary start."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait on the event for real."""
        return event.wait(seconds)


SYSTEM_CLOCK = SystemClock()
SYSTEM_RANDOM = random.Random()  # noqa: S311 - jitter and ids that need no secrecy
