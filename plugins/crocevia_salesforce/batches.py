"""How a batch of writes becomes calls: rows, Collections of 200, Composites of five."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from attrs import define, field, frozen

from crocevia import Outcome, Write
from crocevia_salesforce.values import sendable

ROWS_A_COLLECTION = 200
"""Source: REST API guide v60.0, "sObject Collections"."""
COLLECTIONS_A_CALL = 5
"""Source: REST API guide v60.0, "Composite": 25 subrequests, 5 of them Collections or queries; counted as one call."""
CHARACTERS_A_CALL = 6_000_000
"""Prudence, not a documented limit: a call of rows as long as 32,000 characters stays one the org answers in time."""


@define
class Row:
    """One record to write; several writes of one record are one row, the later values over the earlier.

    Attributes:
        places: Where in the batch the writes stand.
        outcome: What came of it; None before.
        parent: The row whose child this is, written before it; None: it stands for itself.
    """

    object: str
    operation: str
    key: str
    id: str | None
    values: dict[str, Any]
    places: list[int] = field(factory=list)
    outcome: Outcome | None = None
    parent: Row | None = None

    @property
    def subject(self) -> str:
        """Object, our id and the remote id, for messages."""
        return f"{self.object} {self.key}" + (f" ({self.id})" if self.id else "")

    @property
    def size(self) -> int:
        """About how many characters it takes."""
        return 40 * len(self.values) + sum(len(value) for value in self.values.values() if isinstance(value, str))

    def merge(self, write: Write, place: int) -> None:
        """Take a later write of the same record into this row."""
        self.places.append(place)
        self.values.update(_values(write))
        if write.operation != "upsert":
            self.operation, self.id = write.operation, write.id


@frozen
class Part:
    """Rows of one object and one operation: one Collections call."""

    object: str
    operation: str
    rows: tuple[Row, ...]

    @property
    def size(self) -> int:
        """About how many characters it takes."""
        return sum(row.size for row in self.rows)

    def halves(self) -> tuple[Part, Part]:
        """The same rows as two parts."""
        middle = len(self.rows) // 2
        return (
            Part(self.object, self.operation, self.rows[:middle]),
            Part(self.object, self.operation, self.rows[middle:]),
        )

    def is_create(self, key_field: str | None) -> bool:
        """Whether making it twice makes two of each record."""
        return self.operation == "create" or (self.operation == "upsert" and key_field is None)

    def request(self, key_field: str | None) -> tuple[str, str, dict[str, Any] | None]:
        """Method, path below the version, and body. Rows fail one by one, not together."""
        if self.operation == "delete":
            listed = ",".join(row.id or "" for row in self.rows)
            return "DELETE", f"composite/sobjects?ids={listed}&allOrNone=false", None
        if self.is_create(key_field):
            body = {"allOrNone": False, "records": [self._record(row, key_field) for row in self.rows]}
            return "POST", "composite/sobjects", body
        path = f"composite/sobjects/{self.object}/{key_field}" if self.operation == "upsert" else "composite/sobjects"
        return "PATCH", path, {"allOrNone": False, "records": [self._record(row, key_field) for row in self.rows]}

    def _record(self, row: Row, key_field: str | None) -> dict[str, Any]:
        identity: dict[str, Any] = {"id": row.id}
        if self.operation in ("upsert", "create"):
            identity = {key_field: row.key} if key_field and self.operation == "upsert" else {}
        return {"attributes": {"type": self.object}, **row.values, **identity}


Sized = TypeVar("Sized", Row, Part)


def rows(batch: Sequence[Write]) -> list[Row]:
    """One row a record, in the order of their first writes: the same key twice in a call fails both."""
    found: dict[tuple[str, str], Row] = {}
    for place, write in enumerate(batch):
        known = found.get((write.object, write.key))
        if known is None:
            values = _values(write)
            found[write.object, write.key] = Row(write.object, write.operation, write.key, write.id, values, [place])
        else:
            known.merge(write, place)
    return list(found.values())


def groups(
    rows: Sequence[Row], ranks: Mapping[str, int], parents: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str, list[Row]]]:
    """Object, operation and rows, in the order in which they are to be made.

    Args:
        rows: All rows of the batch.
        ranks: `{object: place}`: what others point to is written before them.
        parents: `{object: fields}` of the record that a row locks, one of them filled: its rows go together, so that
            no two transactions wait for one parent.
    """
    found: dict[tuple[int, str, str], list[Row]] = {}
    for row in rows:
        rank = ranks.get(row.object, len(ranks))
        place = 1_000 - rank if row.operation == "delete" else rank  # deletes come last, and parents last of those
        found.setdefault((place, row.object, row.operation), []).append(row)
    for (_, object_name, operation), members in sorted(found.items(), key=lambda group: group[0]):
        if fields := parents.get(object_name):
            members.sort(key=lambda row: next((str(row.values[name]) for name in fields if row.values.get(name)), ""))
        yield object_name, operation, members


def parts(object_name: str, operation: str, rows: Sequence[Row]) -> Iterator[Part]:
    """Rows of one group as Collections calls."""
    for piece in _pieces(rows, ROWS_A_COLLECTION):
        yield Part(object_name, operation, tuple(piece))


def calls(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Parts in fives."""
    yield from _pieces(parts, COLLECTIONS_A_CALL)


def _pieces(items: Iterable[Sized], most: int) -> Iterator[list[Sized]]:
    piece: list[Sized] = []
    characters = 0
    for item in items:
        size = item.size
        if piece and (len(piece) == most or characters + size > CHARACTERS_A_CALL):
            yield piece
            piece, characters = [], 0
        piece.append(item)
        characters += size
    if piece:
        yield piece


def _values(write: Write) -> dict[str, Any]:
    return {name: sendable(value) for name, value in write.values.items()}
