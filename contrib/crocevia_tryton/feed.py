"""What changed since: pages of rows in the order of their last change, and the cursor between two pages.

A transaction stamps its rows when it begins and shows them when it commits, so a row can appear behind the newest
one. Each sweep therefore starts `OVERLAP` before the newest row told, and the cursor remembers what was told there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import asdict, evolve, field, frozen

from crocevia_tryton.rows import instant, to_datetime

PAGE = 500
OVERLAP = timedelta(minutes=2)
MOST_REMEMBERED = 5_000
ORDER = (("last_modified_at", "ASC"), ("id", "ASC"))

Row = Mapping[str, Any]


@frozen
class Position:
    """How far one model was read.

    Attributes:
        stamp: ISO time of the last change told; `""` at the beginning.
        id: That row's id while more rows wait behind it; 0 once all were told.
        told: `{id: _timestamp}` of rows told in the overlap.
    """

    stamp: str = ""
    id: int = 0
    told: Mapping[str, str] = field(factory=dict)

    def domain(self) -> list[Any]:
        """Tryton's domain of the rows to look at next."""
        if not self.stamp:
            return []
        at = datetime.fromisoformat(self.stamp)
        if self.id:
            same = [["last_modified_at", "=", to_datetime(at)], ["id", ">", self.id]]
            return ["OR", [["last_modified_at", ">", to_datetime(at)]], same]
        return [["last_modified_at", ">=", to_datetime(at - OVERLAP)]]

    def news(self, rows: Sequence[Row]) -> list[Row]:
        """Those of the rows that were not told in this version."""
        return [row for row in rows if self.told.get(str(row["id"])) != row["_timestamp"]]

    def after(self, rows: Sequence[Row], *, more: bool) -> Position:
        """The position behind these rows, which come in `ORDER`."""
        if not rows:
            return evolve(self, id=0)
        last = rows[-1]
        at = instant(last["last_modified_at"])
        if self.stamp and not more:
            at = max(at, datetime.fromisoformat(self.stamp))
        told = {**self.told, **{str(row["id"]): row["_timestamp"] for row in rows}}
        oldest = (at - OVERLAP).timestamp()
        recent = sorted((float(version), id_) for id_, version in told.items() if float(version) >= oldest)
        kept = {id_: told[id_] for _, id_ in recent[-MOST_REMEMBERED:]}
        return Position(at.isoformat(), last["id"] if more else 0, kept)


@frozen
class Cursor:
    """Positions in an object's rows and in the log of its deletions. None of deletions: not yet begun."""

    rows: Position = field(factory=Position)
    deletions: Position = field(factory=Position)

    @classmethod
    def from_text(cls, text: str | None) -> Cursor:
        """Read back what `text` gave; None is the beginning."""
        if text is None:
            return cls()
        found = json.loads(text)
        return cls(Position(**found["rows"]), Position(**found["deletions"]))

    @property
    def text(self) -> str:
        """The cursor as the core keeps it."""
        return json.dumps(asdict(self), separators=(",", ":"))
