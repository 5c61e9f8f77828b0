"""How far the changes of one object were told: a position, and what was told shortly before it.

Salesforce stamps a change when it is made and shows it when its transaction commits, so a stamp may turn up below the
position (airbyte #27146); the stamp has whole seconds, so a record may change twice under one (supaglue #532). So
each poll looks back by the overlap and knows by digest what it has told there: an idle poll tells nothing, and no
change is told twice unless it shares a page with a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
from attrs import evolve, field, frozen

from crocevia.errors import ConfigError
from crocevia_salesforce.children import RELATIONSHIP
from crocevia_salesforce.values import moment_of

REMEMBERED = 10_000
Position = tuple[str, str]
"""`(SystemModstamp, record id)`: what comes after it is read. An empty id stands before all records of its stamp."""
START: Position = ("", "")


@frozen(kw_only=True)
class Cursor:
    """Where polling stands. Its text is opaque to the core.

    Attributes:
        at: The highest position told.
        resume: Where the next page of a read under way begins; None: a new poll.
        told: `{stamp: {record id: digest of the row}}` for the overlap below `at`.
        floor: Below this nothing is remembered, as it was too much; the overlap ends there.
        moved: When `at` last moved, by our clock; None once nothing below `at` can be late any more.
        children: Where polling of the records' child rows stands; None: they have none that are mapped.
        covered: Until when records that no query shows any more have been told; None: not asked yet.
    """

    at: Position = START
    resume: Position | None = None
    told: Mapping[str, Mapping[str, str]] = field(factory=dict)
    floor: Position = START
    moved: datetime | None = None
    children: Cursor | None = None
    covered: datetime | None = None

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """Read back what `text` gave; None is the very beginning. Raises ConfigError for anything else."""
        if text is None:
            return cls()
        try:
            return cls._of(msgspec.json.decode(text))
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            raise ConfigError("cursor: expected one that this connector made, got another text") from error

    @classmethod
    def _of(cls, stored: Mapping[str, Any]) -> Cursor:
        return cls(
            at=tuple(stored["at"]),
            resume=tuple(stored["resume"]) if stored["resume"] else None,
            told=stored["told"],
            floor=tuple(stored["floor"]),
            moved=datetime.fromisoformat(stored["moved"]) if stored["moved"] else None,
            children=cls._of(stored["children"]) if stored.get("children") else None,
            covered=datetime.fromisoformat(stored["covered"]) if stored.get("covered") else None,
        )

    @property
    def text(self) -> str:
        """For the core to keep."""
        return msgspec.json.encode(self._stored()).decode()

    def _stored(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "resume": self.resume,
            "told": self.told,
            "floor": self.floor,
            "moved": self.moved.isoformat() if self.moved else None,
            "children": self.children._stored() if self.children else None,  # noqa: SLF001 - of the same class
            "covered": self.covered.isoformat() if self.covered else None,
        }

    @property
    def is_at_rest(self) -> bool:
        """Whether everything of before was told, so that the next poll is a new one."""
        return self.resume is None and self.at != START

    def first(self, overlap: timedelta) -> Position:
        """After which position to begin to read."""
        if self.resume is not None:
            return self.resume
        if self.at == START or self.moved is None:
            return self.at
        return max((_earlier(self.at[0], overlap), ""), self.floor)

    def news(self, rows: Iterable[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], bool]:
        """The rows that were not told yet, and whether one of them was told with other values under the same stamp."""
        fresh = []
        changed = False
        for row in rows:
            known = self.told.get(row["SystemModstamp"], {}).get(row["Id"])
            if known is None or known != _digest(row):
                fresh.append(row)
                changed = changed or known is not None
        return fresh, changed

    def after(self, rows: Sequence[Mapping[str, Any]], *, more: bool, overlap: timedelta, now: datetime) -> Cursor:
        """The cursor once these rows, in order of position, are told."""
        last: Position = (rows[-1]["SystemModstamp"], rows[-1]["Id"])
        at = max(self.at, last)
        told: dict[str, dict[str, str]] = {stamp: dict(ids) for stamp, ids in self.told.items()}
        for row in rows:
            told.setdefault(row["SystemModstamp"], {})[row["Id"]] = _digest(row)
        oldest = _earlier(at[0], overlap)
        kept = {stamp: told[stamp] for stamp in sorted(told) if stamp >= oldest}
        kept, floor = _bounded(kept, self.floor)
        moved = now if at > self.at else self.moved or now
        return evolve(self, at=at, resume=last if more else None, told=kept, floor=floor, moved=moved)

    def rested(self, overlap: timedelta, now: datetime) -> Cursor:
        """The cursor after a poll that found nothing: once the overlap has passed, nothing can be late any more."""
        if self.moved is not None and now - self.moved > overlap:
            return evolve(self, resume=None, told={}, floor=START, moved=None)
        return evolve(self, resume=None)


def _earlier(stamp: str, by: timedelta) -> str:
    return (moment_of(stamp) - by).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _digest(row: Mapping[str, Any]) -> str:
    """Of what the stamp covers: child rows have stamps, and a cursor, of their own."""
    own = {name: value for name, value in row.items() if name != RELATIONSHIP}
    return blake2b(msgspec.json.encode(own), digest_size=6).hexdigest()


def _bounded(told: dict[str, dict[str, str]], floor: Position) -> tuple[dict[str, dict[str, str]], Position]:
    """Forget the oldest rows above the bound; what is remembered always reaches from the floor to the position."""
    surplus = sum(map(len, told.values())) - REMEMBERED
    for stamp in sorted(told):
        if surplus <= 0:
            break
        ids = sorted(told[stamp])
        gone, stay = ids[:surplus], ids[surplus:]
        surplus -= len(gone)
        floor = max(floor, (stamp, gone[-1]))
        told[stamp] = {name: told[stamp][name] for name in stay}
        if not stay:
            del told[stamp]
    return told, floor
