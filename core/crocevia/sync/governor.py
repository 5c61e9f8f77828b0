"""The governor of one account's budget of calls: what we may use of it, and who goes first when it gets short."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from attrs import define, field, frozen

from crocevia.clock import Clock
from crocevia.config.options import CallBudget
from crocevia.connector import Usage
from crocevia.model import from_us, to_us
from crocevia.store import Store
from crocevia.store.bindings import BACKFILL, INTERACTIVE, LIVE
from crocevia.store.tables import budgets

NOTHING = -1
"""Less urgent than which nothing is: no call may be made."""
LARGEST_BLOCK = 50
LOOK_AGAIN_S = 300.0
"""Where the vendor's gauge says that nothing is left: its next word is asked for so often, with one call."""
_US = 1_000_000


@frozen(kw_only=True)
class Standing:
    """How an account stands.

    Attributes:
        limit: Calls a window that everybody together may make.
        allowance: Of these, ours.
        used: Ours since the window began, as far as they are taken.
        vendor_used: Everybody's, where the vendor tells.
        ends_at: When our window ends and the count begins again.
        spent_at: When the allowance will be spent at this window's rate; None: not before the window ends.
    """

    limit: int
    allowance: int
    used: int
    vendor_used: int | None
    ends_at: datetime
    spent_at: datetime | None

    @property
    def left(self) -> int:
        """Calls that may still be made in this window."""
        left = self.allowance - self.used
        if self.vendor_used is not None:
            left = min(left, self.limit - self.vendor_used)
        return max(0, left)

    def as_dict(self) -> dict[str, Any]:
        """For the status: times in ISO 8601."""
        return {
            "limit": self.limit,
            "allowance": self.allowance,
            "used": self.used,
            "vendor_used": self.vendor_used,
            "left": self.left,
            "ends_at": self.ends_at.isoformat(),
            "spent_at": None if self.spent_at is None else self.spent_at.isoformat(),
        }


@define(eq=False)
class Governor:
    """Of one account; the connections that share it share this. Safe for many threads, and for many processes.

    Calls are taken from the store in blocks before they are made: after a crash some of a block are lost, but never
    more made than were taken.

    Attributes:
        gauges: What the connectors last heard from the vendor.
        throttled_until_s: Monotonic seconds; the vendor has told the account to wait.
    """

    store: Store
    clock: Clock
    account: str
    settings: CallBudget = field(factory=CallBudget)
    gauges: list[Callable[[], Usage | None]] = field(factory=list)
    throttled_until_s: float = 0.0
    _since: int = 0
    _taken: int = 0
    _in_hand: int = 0
    _look_at_s: float = 0.0
    _lock: threading.RLock = field(factory=threading.RLock, repr=False)

    def allows(self) -> int:
        """The least urgent thing that may make a call now: backfill, live, interactive, or NOTHING."""
        with self._lock:
            gauge = self._gauge()
            limit = self._limit(gauge)
            if limit is None:
                return BACKFILL
            self._renew(limit)
            allowance = int(limit * self.settings.share)
            used = self._taken - self._in_hand
            found = NOTHING
            for urgency, part in self._parts():
                ours = used < allowance * part
                theirs = gauge is None or self._left(gauge) > allowance * (1 - part)
                if ours and theirs:
                    found = urgency
            if found == NOTHING and used < allowance and self.clock.monotonic_s() >= self._look_at_s:
                return LIVE  # the gauge is as old as the last call: one more, of a CRM a read, tells how it stands
            return found

    def spend(self, calls: int) -> None:
        """Count calls that were made; more than expected are taken afterwards."""
        with self._lock:
            self._look_at_s = self.clock.monotonic_s() + LOOK_AGAIN_S
            limit = self._limit(self._gauge())
            if limit is None:
                return
            self._in_hand -= calls
            if self._in_hand <= 0:
                self._take(limit, -self._in_hand)

    def standing(self) -> Standing | None:
        """How the account stands now; None where no limit is known."""
        with self._lock:
            gauge = self._gauge()
            limit = self._limit(gauge)
            if limit is None or not self._since:
                return None
            now = self.clock.now()
            used = self._taken - self._in_hand
            ends_at = from_us(self._since) + self.settings.window
            found = Standing(
                limit=limit,
                allowance=int(limit * self.settings.share),
                used=used,
                vendor_used=None if gauge is None else gauge.used,
                ends_at=ends_at,
                spent_at=None,
            )
            elapsed = max((now - from_us(self._since)).total_seconds(), 60.0)
            if used and (left_s := found.left * elapsed / used) < (ends_at - now).total_seconds():
                at = to_us(now) + int(left_s * _US)
                return Standing(**{**{name: getattr(found, name) for name in _TOLD}, "spent_at": from_us(at)})
            return found

    # --- details ----------------------------------------------------------------------------------------------------

    def _parts(self) -> tuple[tuple[int, float], ...]:
        """The part of the allowance up to which each urgency may go, the most urgent first."""
        return (INTERACTIVE, 1.0), (LIVE, self.settings.live), (BACKFILL, self.settings.backfill)

    def _gauge(self) -> Usage | None:
        found = [usage for gauge in self.gauges if (usage := gauge()) is not None]
        return max(found, key=lambda usage: usage.used, default=None)

    def _left(self, gauge: Usage) -> int:
        over = gauge.resets_at is not None and gauge.resets_at <= self.clock.now()
        return gauge.limit if over else gauge.limit - gauge.used

    def _limit(self, gauge: Usage | None) -> int | None:
        told = None if gauge is None else gauge.limit
        known = [limit for limit in (self.settings.calls, told) if limit is not None]
        return min(known) if known else None

    def _renew(self, limit: int) -> None:
        """Read where the window stands at the start, and begin a new one when it is over."""
        if to_us(self.clock.now()) >= self._since + int(self.settings.window.total_seconds() * _US):
            self._in_hand = 0
            self._take(limit, 0)

    def _take(self, limit: int, more: int) -> None:
        """Take a block of calls, and those that were made beyond the last one."""
        now = to_us(self.clock.now())
        block = more + max(1, min(LARGEST_BLOCK, limit // 200))
        with self.store.writing() as connection:
            mine = budgets.c.account == self.account
            first = self.store.insert(budgets).values(account=self.account, since=now, taken=0)
            connection.execute(first.on_conflict_do_nothing())
            row = connection.execute(sa.select(budgets).where(mine).with_for_update()).one()
            since, taken = row.since, row.taken
            if now >= since + int(self.settings.window.total_seconds() * _US):
                since, taken = now, 0
            connection.execute(sa.update(budgets).where(mine).values(since=since, taken=taken + block))
        self._since, self._taken = since, taken + block
        self._in_hand = block - more


_TOLD = ("limit", "allowance", "used", "vendor_used", "ends_at")
