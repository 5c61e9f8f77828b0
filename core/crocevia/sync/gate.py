"""The gate of one connection: every call to its vendor goes through here, is counted, and may have to wait."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from attrs import define, field

from crocevia.clock import SYSTEM_CLOCK, SYSTEM_RANDOM, Clock
from crocevia.errors import AuthError, OutcomeUnknownError, RemoteError, RetryableError, ThrottledError, where
from crocevia.http import LONGEST_AFTER
from crocevia.store.bindings import BACKFILL
from crocevia.sync.breaker import Breaker
from crocevia.sync.governor import NOTHING, Governor
from crocevia.sync.retry import backoff

READ, SEND = "read", "send"
"""Operations beside `create OBJECT` and `update OBJECT`."""
CONNECTION = "connection"


@define(eq=False)
class Gate:
    """Breakers by operation, what the vendor has told to wait, and the budget of calls.

    Args:
        governor: Of the account's budget; None: there is none.
        calls: How many calls the connector has made so far; a method that made none counts as one.

    Attributes:
        noted: The last failure that was put on a breaker.
    """

    clock: Clock = SYSTEM_CLOCK
    random: random.Random = SYSTEM_RANDOM
    governor: Governor | None = None
    calls: Callable[[], int] = int
    noted: Exception | None = field(default=None, init=False)
    _breakers: dict[str, Breaker] = field(factory=dict)
    _throttled: dict[str, float] = field(factory=dict)
    _throttles: int = 0

    def allows(self, operation: str) -> int:
        """The least urgent thing that may make this call now; NOTHING when it has to wait."""
        if self.wait_s(operation) > 0:
            return NOTHING
        return BACKFILL if self.governor is None else self.governor.allows()

    def wait_s(self, operation: str) -> float:
        """How long the operation has to wait for the vendor; whether the budget lets it go is another question."""
        now = self.clock.monotonic_s()
        until = max(self._throttled.get(operation, 0.0), self._throttled.get(CONNECTION, 0.0))
        if self.governor is not None:
            until = max(until, self.governor.throttled_until_s)
        breaker = self._breakers.get(operation)
        return max(0.0, until - now, 0.0 if breaker is None else breaker.wait_s(now))

    def probing(self, operation: str) -> bool:
        """Whether the next call is to find out if the vendor is well again: it should be small."""
        return operation in self._breakers and self._breakers[operation].state != "closed"

    @contextmanager
    def call(self, *operations: str) -> Iterator[None]:
        """Make one call inside; what it raises goes on its way after it was noted.

        Args:
            operations: What it does; a batch may create and update at once.
        """
        before = self.calls()
        breakers = [self._breaker(name) for name in operations]
        for breaker in breakers:
            breaker.calling()
        try:
            yield
        except ThrottledError as error:
            self._throttle(error, operations)
            raise
        except (RetryableError, OutcomeUnknownError) as error:
            self._failed(operations, error)
            raise
        except AuthError:
            raise  # of the credentials, not of the operation
        except Exception as error:
            if READ in operations:  # no record is to blame: it will fail the same way again
                self._failed(operations, error)
            for breaker in breakers:
                if READ not in operations:
                    breaker.succeeded()  # it was answered
            raise
        else:
            self._throttles = 0
            for breaker in breakers:
                breaker.succeeded()
        finally:
            if self.governor is not None:
                self.governor.spend(max(1, self.calls() - before))

    def _breaker(self, operation: str) -> Breaker:
        # a message that failed waits by itself, and does not keep those to other customers
        return self._breakers.setdefault(operation, Breaker(self.random, pauses=operation != SEND))

    def _failed(self, operations: Sequence[str], error: Exception) -> None:
        """Note a failure for which no record is to blame."""
        after = error.after if isinstance(error, RetryableError) else None
        after_s = min(after, LONGEST_AFTER).total_seconds() if after else 0.0
        reason = str(error) if isinstance(error, RemoteError) else ""
        for name in operations:
            told = reason or f"{name}: the connector failed ({type(error).__name__} at {where(error)}): report it"
            self._breakers[name].failed(self.clock.monotonic_s(), told, after_s)
        self.noted = error

    def _throttle(self, error: ThrottledError, operations: Sequence[str]) -> None:
        """Wait as long as the vendor asks, up to an hour; a throttle is no failure of anything."""
        asked = min(error.after or timedelta(0), LONGEST_AFTER)
        wait = max(asked, backoff(min(self._throttles, 6), self.random), timedelta(seconds=0.2))
        self._throttles += 1
        until = self.clock.monotonic_s() + wait.total_seconds()
        for name in operations:
            breaker = self._breakers[name]
            breaker.state = "open" if breaker.state == "half-open" else breaker.state  # the probe found nothing out
        if error.scope != CONNECTION:
            self._throttled |= dict.fromkeys((error.scope, *operations), until)
            return
        self._throttled[CONNECTION] = until
        if self.governor is not None:
            self.governor.throttled_until_s = max(self.governor.throttled_until_s, until)

    # --- what is shown ----------------------------------------------------------------------------------------------

    def failing(self) -> dict[str, str]:
        """Why each operation whose last call failed did so."""
        return {name: breaker.reason for name, breaker in sorted(self._breakers.items()) if breaker.failing}

    def held(self) -> dict[str, Any]:
        """What is held back: the breakers that are not closed, and what waits for the budget. Empty: nothing."""
        found: dict[str, Any] = {}
        open_ = {name: one.state for name, one in sorted(self._breakers.items()) if one.state != "closed"}
        if open_:
            found["breakers"] = open_
        now = self.clock.monotonic_s()
        throttled = {name for name, until in self._throttled.items() if until > now}
        if self.governor is not None and self.governor.throttled_until_s > now:
            throttled.add(CONNECTION)
        if throttled:
            found["throttled"] = sorted(throttled)
        allowed = BACKFILL if self.governor is None else self.governor.allows()
        if allowed < BACKFILL:
            found["deferred"] = ["interactive", "live", "backfill"][allowed + 1 :]
        return found

    def budget(self) -> dict[str, Any] | None:
        """How the account's budget stands; None where no limit is known."""
        standing = None if self.governor is None else self.governor.standing()
        return None if standing is None else standing.as_dict()
