"""Which calls are up: heard event by event, told when they begin and end, kept whole in the stream's cursor.

The cursor is committed with the page that it goes on from. So a worker that dies in the middle of a call knows, when it
is back, what had been heard of it and what had been told: no call is lost, and none is told twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import define, field

from crocevia_asterisk.call import Call
from crocevia_asterisk.reading import story
from crocevia_asterisk.settings import Settings
from crocevia_asterisk.sides import OURS, sides
from crocevia_asterisk.told import Told

LINGER_S = 0.5
"""How long a call that is over is kept open for what the exchange tells a moment later (CDR, OriginateResponse)."""

CDR_PATIENCE_S = 5.0
"""How long the CDR of a call is waited for of which part went unheard."""

REMEMBERED_S = 3600.0
MOST_REMEMBERED = 5000
MOST_EVENTS = 300
"""Of one call; beyond, those of telephones that rang in vain are forgotten (a queue that rings for an hour)."""

Leaf = dict[str, Any]


@define(eq=False)
class Open:
    """A call that is up.

    Attributes:
        told: Whether it was told that it began.
    """

    call: Call
    events: list[Told] = field(factory=list)
    told: bool = False

    def take(self, told: Told) -> None:
        """One event more."""
        self.events.append(told)
        self.call.take(told)
        if len(self.events) > MOST_EVENTS:
            self._trim()

    def _trim(self) -> None:
        legs = self.call.legs.values()
        vain = {leg.id for leg in legs if leg.dialled and leg.ended_at is not None and leg.up_at is None}
        kept = [told for told in self.events if not any(unique in vain for unique, _ in told.ids)]
        self.events = kept[: MOST_EVENTS // 2] + kept[-MOST_EVENTS // 2 :] if len(kept) > MOST_EVENTS else kept
        self.call = Call.of(self.call.id, self.events)

    def leaf(self, type_: str) -> Leaf:
        """As it is journaled."""
        return {"type": type_, "linkedid": self.call.id, "events": [told.wire() for told in self.events]}


@define(eq=False)
class Ledger:
    """The calls of one exchange.

    Attributes:
        open: Calls by linked id.
        done: When calls that were told to the end ended, for what comes late.
        cdr: Where the CDR file is read on.
        dirty: Whether the cursor would say something new.
    """

    settings: Settings
    open: dict[str, Open] = field(factory=dict)
    done: dict[str, float] = field(factory=dict)
    unknown: list[str] = field(factory=list)
    cdr: dict[str, int] = field(factory=dict)
    dirty: bool = False
    _where: dict[str, str] = field(factory=dict)
    _joined: dict[str, str] = field(factory=dict)

    # --- what is heard

    def hear(self, told: Told) -> list[Leaf]:
        """Take one event; return what is to be told because of it."""
        leaves: list[Leaf] = []
        id_ = self._route(told, leaves)
        if id_ is None or id_ in self.done:
            return leaves
        found = self.open.get(id_)
        if found is None:
            found = self.open[id_] = Open(Call(id_))
            if told.name not in ("Newchannel", "CoreShowChannel", "OriginateResponse", "CdrRow"):
                found.take(Told(told.at, "Resumed", {"Linkedid": id_}))
        found.take(told)
        self._where.update((unique, id_) for unique, _ in told.ids if unique)
        self.dirty = True
        if not found.told and self._ready(found.call):
            found.told = True
            leaves.append(found.leaf("began"))
        return leaves

    def _route(self, told: Told, leaves: list[Leaf]) -> str | None:
        """Which call an event is of; calls that it shows to have become one are joined."""
        if told.name == "OriginateResponse" and told["ActionID"].startswith(OURS):
            return told["ActionID"]
        found: str | None = self._current(told["Linkedid"]) if told.name == "Resumed" else None
        for unique, linked in told.ids:
            was, now = self._where.get(unique), self._current(linked)
            if was and now and was != now and now not in self.done:
                self._join(was, now, told.at, leaves)
            found = found or now or was
        return found or None

    def _current(self, linked: str) -> str:
        seen: set[str] = set()
        while linked in self._joined and linked not in seen:
            seen.add(linked)
            linked = self._joined[linked]
        return linked

    def _join(self, was: str, now: str, at: float, leaves: list[Leaf]) -> None:
        """A transfer has made one call of two: the exchange calls both by the older one's linked id."""
        left = self.open.pop(was, None)
        self._joined[was] = now
        if left is None:
            return
        legs = [leg.id for leg in left.call.legs.values()]
        joined = self.open.get(now) or Open(Call(now))
        news = list(left.events)
        if left.told:
            up = {leg.id for leg in left.call.legs.values() if leg.ended_at is None}
            news = [told for told in news if told.name == "Newchannel" and told["Uniqueid"] in up]
            for unique in up:
                left.take(Told(at, "Hangup", {"Uniqueid": unique, "Linkedid": was}))
            leaves.extend(self._end(left, at))
        events = sorted([*joined.events, *news], key=lambda told: told.at)
        self.open[now] = Open(Call.of(now, events), events, joined.told)
        self._where.update(dict.fromkeys(legs, now))

    def _ready(self, call: Call) -> bool:
        """Whether enough is known to say who speaks with whom."""
        first = call.first
        if call.id.startswith(OURS):
            return first is not None
        rings = any(leg.rang_at is not None for leg in call.dialled)
        if first is None or not (rings or call.queue or first.up_at is not None):
            return False
        found = sides(call, self.settings)
        return found.direction == "inbound" or (found.direction == "outbound" and bool(found.number))

    def sweep(self, now: float) -> list[Leaf]:
        """Tell the calls that are over."""
        leaves: list[Leaf] = []
        for id_, found in list(self.open.items()):
            call = found.call
            lingers = CDR_PATIENCE_S if self.settings.cdr_csv and call.partial and not call.cdrs else LINGER_S
            if call.over and now - call.last_at >= lingers:
                del self.open[id_]
                leaves.extend(self._end(found, now))
        return leaves

    @property
    def wanting(self) -> set[str]:
        """Calls that are over, of which part went unheard that the CDR file may tell."""
        return {id_ for id_, one in self.open.items() if one.call.over and one.call.partial and not one.call.cdrs}

    def _end(self, found: Open, now: float) -> list[Leaf]:
        id_ = found.call.id
        types = (*(() if found.told else ("began",)), "ended", *(("status",) if id_.startswith(OURS) else ()))
        self.done[id_] = now
        self._where = {unique: call for unique, call in self._where.items() if call != id_}
        self.dirty = True
        return [found.leaf(type_) for type_ in types]

    # --- after a break

    def resume(self, shown: Iterable[Told], now: float) -> tuple[list[Leaf], set[str]]:
        """Hold what was up against what is up now.

        Args:
            shown: Every channel that is up, each as a `CoreShowChannel`.

        Returns:
            What is to be told, and the calls that ended unheard.
        """
        before = set(self.open)
        leaves: list[Leaf] = []
        for id_ in before:
            self.open[id_].take(Told(now, "Resumed", {"Linkedid": id_}))
        up: set[str] = set()
        for told in shown:
            unique = told["Uniqueid"]
            known = self.open.get(self._where.get(unique, ""))
            if known is not None and known.call.legs[unique].ended_at is not None:
                continue  # it ended while the list was on its way
            leaves.extend(self.hear(told))
            up.add(unique)
        self.dirty = True
        missing: set[str] = set()
        for id_, found in self.open.items():
            gone = [leg for leg in found.call.legs.values() if leg.ended_at is None and leg.id not in up]
            if gone and len(gone) == sum(leg.ended_at is None for leg in found.call.legs.values()):
                missing.add(id_)
            elif gone:
                for leg in gone:
                    found.take(Told(now, "Hangup", {"Uniqueid": leg.id, "Linkedid": id_}))
        return leaves, missing & before

    def lose(self, id_: str, rows: Iterable[Told], now: float) -> list[Leaf]:
        """A call ended unheard: tell it with what the CDR says of it, or that nothing more is known."""
        found = self.open.pop(id_, None)
        if found is None:
            if id_ in self.done:
                return []
            found = Open(Call(id_))
        for row in rows:
            found.take(row)
        return self._end(found, now)

    def call_of(self, row: Told) -> str:
        """Which call a row of the CDR file is of."""
        unique, linked = next(row.ids)
        return self._current(linked) or self._where.get(unique, unique)

    # --- the cursor

    def cursor(self, now: float) -> str:
        """Everything, as text."""
        kept = sorted(self.done.items(), key=lambda item: item[1])[-MOST_REMEMBERED:]
        self.done = {id_: at for id_, at in kept if now - at < REMEMBERED_S}
        self._joined = {was: id_ for was, id_ in self._joined.items() if id_ in self.open or id_ in self.done}
        self.dirty = False
        said = {
            "open": {
                id_: {"told": one.told, "events": [told.wire() for told in one.events]}
                for id_, one in self.open.items()
            },
            "done": self.done,
            "joined": self._joined,
            "unknown": self.unknown,
            "cdr": self.cdr,
        }
        return json.dumps(said, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def at(cls, cursor: str | None, settings: Settings) -> Ledger:
        """The ledger that a cursor keeps; an empty one where it keeps none."""
        said: Mapping[str, Any] = json.loads(cursor) if cursor else {}
        ledger = cls(
            settings,
            done=dict(said.get("done", {})),
            unknown=list(said.get("unknown", [])),
            cdr=dict(said.get("cdr", {})),
            joined=dict(said.get("joined", {})),
        )
        for id_, one in said.get("open", {}).items():
            events = story(one)
            found = ledger.open[id_] = Open(Call.of(id_, events), events, bool(one["told"]))
            ledger._where.update(dict.fromkeys(found.call.legs, id_))
        return ledger
