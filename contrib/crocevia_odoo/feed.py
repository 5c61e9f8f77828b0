"""What changed since: where a sweep over the rows stands, and what it has told.

Odoo keeps the time of a change to the microsecond and tells it to the second, and an import gives thousands of rows
one time. So the unit of paging is the second: the last second of a page is read again, as a whole; one that fills a
page by itself is read in the order of its ids. A transaction stamps its rows when it begins and shows them when it
commits, so each sweep starts `OVERLAP` before the newest row told.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import asdict, evolve, field, frozen

from crocevia_odoo.rows import instant, shifted

PAGE = 500
OVERLAP = timedelta(minutes=2)
MOST_REMEMBERED = 5_000
SECOND = timedelta(seconds=1)
SETTLED = timedelta(seconds=2)
"""Until its second is over on the server's clock, a row may change again under the same stamp: it is told again."""

Row = Mapping[str, Any]


@frozen
class Position:
    """How far one model was read.

    Attributes:
        newest: Stamp of the newest row told; `""` at the beginning.
        start: From which second on the sweep goes on; `""`: a new sweep begins.
        id: Behind which row of the second `start` it goes on, in the order of ids; 0: in the order of time.
        told: `{id: digest}` of the settled rows told in the overlap.
    """

    newest: str = ""
    start: str = ""
    id: int = 0
    told: Mapping[str, str] = field(factory=dict)

    def query(self) -> tuple[list[Any], str]:
        """Odoo's domain of the rows to look at next, and their order."""
        if self.id:
            within = [["write_date", ">=", self.start], ["write_date", "<", shifted(self.start, SECOND)]]
            return [*within, ["id", ">", self.id]], "id"
        start = self.start or (self.newest and shifted(self.newest, -OVERLAP))
        return ([["write_date", ">=", start]] if start else []), "write_date, id"

    def page(self, rows: Sequence[Row], *, veiled: bool) -> tuple[list[Row], Position, bool]:
        """The rows to tell now, the position behind them, and whether more wait.

        Args:
            rows: What `query` gave, at most `PAGE`.
            veiled: Whether Odoo leaves rows out of a page that this user may not see, so that a short page is no end.
        """
        if self.id:
            if rows:
                return list(rows), evolve(self, id=rows[-1]["id"]), True
            return [], evolve(self, start=shifted(self.start, SECOND), id=0), True
        if not rows:
            return [], evolve(self, start=""), False
        last = rows[-1]["write_date"]
        newest = max(self.newest, last)
        if len(rows) < PAGE:
            more = veiled and last > self.newest
            return list(rows), evolve(self, newest=newest, start=last if more else ""), more
        if rows[0]["write_date"] == last:
            return [], evolve(self, newest=newest, start=last, id=-1), True
        whole = [row for row in rows if row["write_date"] != last]
        return whole, evolve(self, newest=newest, start=last), True

    def news(self, rows: Sequence[Row]) -> list[Row]:
        """Those of the rows that were not told as they are."""
        return [row for row in rows if self.told.get(str(row["id"])) != digest(row)]

    def remember(self, rows: Sequence[Row], now: datetime | None) -> Position:
        """With these rows as told, where they cannot change under the same stamp any more.

        Args:
            now: The server's time; None: unknown, and nothing counts as settled.
        """
        settled = {str(row["id"]): digest(row) for row in rows if now and now - instant(row["write_date"]) >= SETTLED}
        told = {**self.told, **settled}
        oldest = shifted(self.newest, -OVERLAP) if self.newest else ""
        recent = sorted((text, id_) for id_, text in told.items() if text >= oldest)
        return evolve(self, told={id_: text for text, id_ in recent[-MOST_REMEMBERED:]})


def digest(row: Row) -> str:
    """A row's stamp and a short hash of all that was read of it."""
    said = json.dumps(row, sort_keys=True, separators=(",", ":")).encode()
    return f"{row['write_date']} {hashlib.blake2b(said, digest_size=6).hexdigest()}"


@frozen
class Known:
    """The ids of every row told and not deleted since: what is missing among them was deleted.

    Attributes:
        packed: One bit an id, compressed: 100,000 contacts take about 15 kB, often much less.
        count: How many.
        top: The highest.
    """

    packed: str = ""
    count: int = 0
    top: int = 0

    def ids(self) -> set[int]:
        """All of them."""
        bits = zlib.decompress(base64.b64decode(self.packed)) if self.packed else b""
        return {place * 8 + bit for place, byte in enumerate(bits) if byte for bit in range(8) if byte >> bit & 1}

    @classmethod
    def of(cls, ids: Collection[int]) -> Known:
        """Exactly these ids."""
        top = max(ids, default=0)
        bits = bytearray(top // 8 + 1)
        for id_ in ids:
            bits[id_ // 8] |= 1 << id_ % 8
        return cls(base64.b64encode(zlib.compress(bytes(bits))).decode(), len(ids), top)


@frozen
class Cursor:
    """Where a model's rows stand, and which of them are known."""

    rows: Position = field(factory=Position)
    known: Known = field(factory=Known)

    @classmethod
    def from_text(cls, text: str | None) -> Cursor:
        """Read back what `text` gave; None is the beginning."""
        if text is None:
            return cls()
        found = json.loads(text)
        return cls(Position(**found["rows"]), Known(**found["known"]))

    @property
    def text(self) -> str:
        """The cursor as the core keeps it."""
        return json.dumps(asdict(self), separators=(",", ":"))
