"""The retry policy, in one place: what a failure means for the next try, and when that is.

Backoff is tenacity's exponential one with full jitter on top; what a vendor asks for (`after`) is never undercut.
Throttling costs no attempts. Retries take from a budget that successes fill, so that a sick vendor sees at most a
tenth more calls than a healthy one.
"""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import Any, Literal, cast

from attrs import define, field, frozen
from tenacity import RetryCallState, wait_exponential

from crocevia.errors import (
    AuthError,
    ConflictError,
    DuplicateError,
    GoneError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryableError,
    SchemaDriftError,
    ThrottledError,
    UndeliverableError,
    UnderwayError,
)

Next = Literal["retry", "pause", "dead", "gone", "look", "hold fields", "refuse", "unknown"]
FIRST_S = 1.0
LONGEST_S = 900.0
MOST_ATTEMPTS = 50
_ceiling = wait_exponential(multiplier=FIRST_S, max=LONGEST_S)


@frozen
class Step:
    """What to do about a failure, and for a retry how long to wait."""

    next: Next
    after: timedelta = timedelta(0)
    counts: bool = True


def step(  # noqa: PLR0911 - one return a class of errors
    error: RemoteError, attempts: int, rng: random.Random, budget: Budget | None = None
) -> Step:
    """Decide by the class of an error.

    Args:
        attempts: How many tries failed before this one.
        rng: For jitter.
        budget: Where a retry takes its token; an empty one makes it wait as long as the longest backoff.
    """
    match error:
        case UnderwayError():
            return Step("retry", error.after or timedelta(seconds=FIRST_S), counts=False)
        case ThrottledError():
            return Step("retry", max(error.after or timedelta(0), backoff(min(attempts, 4), rng)), counts=False)
        case RetryableError():
            if attempts + 1 >= MOST_ATTEMPTS:
                return Step("dead")
            spent = budget is not None and not budget.take()
            wait = timedelta(seconds=LONGEST_S) if spent and attempts > 0 else backoff(attempts, rng)
            return Step("retry", max(error.after or timedelta(0), wait))
        case AuthError():
            return Step("pause")
        case OutcomeUnknownError():
            return Step("unknown", backoff(attempts, rng))
        case GoneError():
            return Step("gone")
        case DuplicateError() | ConflictError():
            return Step("look", backoff(attempts, rng))
        case SchemaDriftError():
            return Step("hold fields")
        case UndeliverableError():
            return Step("refuse")
        case RejectedError() | _:
            return Step("dead")


def backoff(attempts: int, rng: random.Random) -> timedelta:
    """Full jitter under tenacity's exponential ceiling: 1 s, 2 s, 4 s... 15 min."""
    state = RetryCallState(cast("Any", None), None, (), {})
    state.attempt_number = attempts + 1
    return timedelta(seconds=rng.uniform(0, _ceiling(state)))


@define
class Budget:
    """Tokens for retries: each success adds `rate`, each retry takes one. Thread-safe."""

    most: float = 20.0
    rate: float = 0.1
    tokens: float = 20.0
    _lock: threading.Lock = field(factory=threading.Lock, repr=False)

    def earn(self, successes: int) -> None:
        """Fill the budget."""
        with self._lock:
            self.tokens = min(self.most, self.tokens + successes * self.rate)

    def take(self) -> bool:
        """Take one token; False when there is none."""
        with self._lock:
            if self.tokens < 1:
                return False
            self.tokens -= 1
            return True
