"""The stream of one exchange: calls heard, told page by page, each page with the cursor that keeps what is still up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as StopEvent
from typing import Any
from zoneinfo import ZoneInfo

from attrs import define, field

from crocevia import RawPage
from crocevia.errors import RetryableError
from crocevia_asterisk import cdr
from crocevia_asterisk.exchange import Exchange
from crocevia_asterisk.ledger import CDR_PATIENCE_S, Leaf, Ledger
from crocevia_asterisk.settings import Settings
from crocevia_asterisk.told import Told

TURN_S = 0.3
"""How long one turn waits for something to happen; `stop` is noticed as soon."""

SAVED_EVERY_S = 2.0


@define(eq=False)
class Listening:
    """One connection's worth of listening.

    Args:
        cursor: The last that was kept; None at the very first.
        now_s: The time, in seconds since 1970.
    """

    exchange: Exchange
    settings: Settings
    cursor: str | None
    now_s: Callable[[], float]
    _ledger: Ledger = field(init=False)
    _missing: set[str] = field(factory=set, init=False)
    _until_s: float = field(default=0.0, init=False)
    _saved_s: float = field(default=0.0, init=False)
    _saved: set[str] = field(factory=set, init=False)
    _read: Any = field(default=None, init=False)

    def pages(self, stop: StopEvent) -> Iterator[RawPage]:
        """Until `stop` is set.

        Raises:
            RetryableError: the exchange was lost; the last cursor says where to go on.
        """
        self._ledger = Ledger.at(self.cursor, self.settings)
        if self.cursor is None and self.settings.cdr_csv:
            self._ledger.cdr = cdr.end(self._cdr_path)
        leaves, self._missing = self._ledger.resume(self.exchange.channels(), self.now_s())
        self._until_s = self.now_s() + (CDR_PATIENCE_S if self.settings.cdr_csv else 0.0)
        self._saved_s, self._saved = self.now_s(), set(self._ledger.open)
        if self.cursor is None:
            yield RawPage(body=b"", cursor=self._ledger.cursor(self.now_s()))  # from here on, nothing is lost
        while not stop.is_set():
            waits = self.now_s() < self._until_s
            if self._missing or waits or self._ledger.wanting:
                leaves.extend(self._by_cdr())
            leaves.extend(self._ledger.sweep(self.now_s()))
            page = self._page(leaves, settled=not self._missing and not waits)
            leaves = []
            if page is not None:
                yield page
            try:
                heard = self.exchange.heard(TURN_S)
            except RetryableError:
                yield RawPage(body=b"", cursor=self._ledger.cursor(self.now_s()))  # what was heard is not forgotten
                raise
            for told in heard:
                leaves.extend(self._ledger.hear(told))

    def _page(self, leaves: list[Leaf], *, settled: bool) -> RawPage | None:
        """What there is to tell; an empty page, for its cursor alone, now and then."""
        ledger = self._ledger
        news = [event for event in self.exchange.unknown() if event.get("Event") not in ledger.unknown]
        odd: dict[str, Any] = {str(event.get("Event")): event for event in news}
        ledger.unknown.extend(odd)
        now = self.now_s()
        due = ledger.dirty and now - self._saved_s >= SAVED_EVERY_S
        if not leaves and not odd and not due and ledger.open.keys() <= self._saved:
            return None
        self._saved_s, self._saved = now, set(ledger.open)
        if settled and not ledger.open and self.settings.cdr_csv:
            ledger.cdr = cdr.end(self._cdr_path)
        body: dict[str, Any] = {"calls": leaves, **({"events": list(odd.values())} if odd else {})}
        told = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() if leaves or odd else b""
        return RawPage(body=told, cursor=ledger.cursor(now))

    # --- what was not heard

    @property
    def _cdr_path(self) -> Path:
        return Path(self.settings.cdr_csv)

    def _by_cdr(self) -> list[Leaf]:
        """Calls that ended, or began and ended, while nobody listened: as the CDR file has them, or as lost."""
        ledger, now = self._ledger, self.now_s()
        wanted = self._missing | ledger.wanting
        rows: dict[str, list[Told]] = {}
        for row in self._new_rows():
            id_ = ledger.call_of(row)
            if id_ in wanted or id_ not in ledger.open:
                rows.setdefault(id_, []).append(row)
        leaves = [leaf for id_, found in rows.items() for leaf in ledger.lose(id_, found, now)]
        self._missing -= rows.keys()
        if now >= self._until_s:
            leaves.extend(leaf for id_ in sorted(self._missing) for leaf in ledger.lose(id_, (), now))
            self._missing.clear()
        return leaves

    def _new_rows(self) -> list[Told]:
        """What the CDR file has since the cursor's place; nothing when it is as it was when it was last read."""
        here = cdr.end(self._cdr_path) if self.settings.cdr_csv else {}
        seen = (here, frozenset(self._missing | self._ledger.wanting))
        if seen == self._read:
            return []
        self._read = seen
        return cdr.read(self._cdr_path, self._ledger.cdr, ZoneInfo(self.settings.cdr_zone)) if here else []
