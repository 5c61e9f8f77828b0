"""A breaker: after failures an operation of one connection is left alone, but for one probe now and then."""

from __future__ import annotations

import random
from collections import deque
from typing import Literal

from attrs import define, field

from crocevia.sync.retry import backoff

TRIPS_AFTER = 5
"""Failures in a row that open it."""
SAMPLE, TRIPS_AT = 20, 0.5
"""Of the last so many calls, the part that may fail before it opens although some succeed."""
FIRST_S, LONGEST_S = 15.0, 300.0
"""How long it stays open before a probe: the first time, and at most."""


@define
class Breaker:
    """Of one operation ("read", "create Person", "send"). Only retryable failures count; a throttle is none.

    One thread uses it: the lane's. So the call that is let through while it is half open is the only one.

    Attributes:
        pauses: Whether there is a short pause after each failure. Not where what failed waits by itself.
        state: closed: calls go. open: none goes before `until_s`. half-open: one goes, and decides.
        reason: What failed last.
        until_s: Monotonic seconds before which nothing goes; between failures while closed, a short pause.
    """

    rng: random.Random
    pauses: bool = True
    state: Literal["closed", "open", "half-open"] = "closed"
    reason: str = ""
    until_s: float = 0.0
    _failures: int = 0
    _opened: int = 0
    _last: deque[bool] = field(factory=lambda: deque(maxlen=SAMPLE))

    @property
    def failing(self) -> bool:
        """Whether the last call failed, or too many did."""
        return self._failures > 0 or self.state != "closed"

    def wait_s(self, now_s: float) -> float:
        """How long nothing goes; 0 when a call, or the one probe, may."""
        return max(0.0, self.until_s - now_s)

    def calling(self) -> None:
        """A call is made; when it is open, this is the probe."""
        if self.state == "open":
            self.state = "half-open"

    def succeeded(self) -> None:
        """The vendor answered, be it with a refusal of what was asked."""
        self._last.append(True)
        if self.state != "closed":
            self._last.clear()
        self.state, self.reason, self.until_s = "closed", "", 0.0
        self._failures = self._opened = 0

    def failed(self, now_s: float, reason: str, after_s: float = 0.0) -> None:
        """The call failed without its record being to blame. `after_s`: what the vendor asked for."""
        self._last.append(False)
        self._failures += 1
        self.reason = reason
        often = len(self._last) == SAMPLE and self._last.count(False) >= SAMPLE * TRIPS_AT
        if self.state == "closed" and self._failures < TRIPS_AFTER and not often:
            pause_s = max(backoff(self._failures - 1, self.rng).total_seconds(), 0.2) if self.pauses else 0.0
            self.until_s = now_s + max(after_s if self.pauses else 0.0, pause_s)
            return
        self.state = "open"
        cooling = min(LONGEST_S, FIRST_S * 2**self._opened)
        self._opened = min(self._opened + 1, 10)
        self.until_s = now_s + max(after_s, self.rng.uniform(cooling / 2, cooling))
