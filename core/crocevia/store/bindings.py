"""Bindings: that a profile or interaction should be at revision `wanted` on a connection, and what is there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from attrs import define, field
from sqlalchemy.engine import Connection

from crocevia.store.json import dumps, loads
from crocevia.store.rows import Among, Insert, Update, Values, selecting
from crocevia.store.tables import bindings

INTERACTIVE, LIVE, BACKFILL = range(3)
"""Urgencies: somebody waits for it; it has just changed; it can wait."""


@define
class BindingRow:
    """One binding; see the table for what the columns mean. `agreed` holds only what differs from `seen`.

    Its attributes are the table's columns, in their order.
    """

    id: int
    connection: str
    object: str
    of: str
    subject_id: int
    profile_id: int
    remote_id: str | None = None
    version: str | None = None
    seen: dict[str, Any] = field(factory=dict)
    agreed: dict[str, Any] = field(factory=dict)
    held: list[str] = field(factory=list)
    wanted: int = 1
    applied: int = 0
    claimed: int | None = None
    state: str = "new"
    due_at: int = 0
    attempts: int = 0
    flips: int = 0
    error: str | None = None
    urgency: int = LIVE
    writing: dict[str, Any] = field(factory=dict)
    stored: bool = False

    def base(self, name: str) -> Any:
        """What both sides last held alike in a remote field; None where they never did."""
        return self.agreed[name] if name in self.agreed else self.seen.get(name)


def pending(  # noqa: PLR0913 - each is a condition of the one look that a push makes
    connection: Connection,
    name: str,
    of: str,
    now: int,
    most: int,
    *,
    object_name: str | None = None,
    creating: bool = True,
    updating: bool = True,
    urgency: int = BACKFILL,
) -> list[BindingRow]:
    """Bindings that want a write and are due, the urgent first, then the oldest.

    Args:
        object_name: Of this object of the CRM only; None: of any.
        creating: Also those without a remote record.
        updating: Also those with one.
        urgency: Nothing less urgent than this.
    """
    statement = (
        sa.select(bindings)
        .where(
            bindings.c.connection == name,
            bindings.c.of == of,
            sa.text("wanted > applied AND state IN ('new', 'linked')"),
            bindings.c.due_at <= now,
        )
        .order_by(bindings.c.urgency, bindings.c.id)
        .limit(most)
    )
    if object_name is not None:
        statement = statement.where(bindings.c.object == object_name)
    if urgency < BACKFILL:
        statement = statement.where(bindings.c.urgency <= urgency)
    if not creating:
        statement = statement.where(bindings.c.remote_id.is_not(None))
    if not updating:
        statement = statement.where(bindings.c.remote_id.is_(None))
    return [_binding(row) for row in connection.execute(statement).all()]


def waiting(connection: Connection, name: str, object_name: str, *, creating: bool) -> bool:
    """Whether any record of this object waits to be created, or (`creating` False) to be changed, due or not."""
    made = bindings.c.remote_id.is_(None) if creating else bindings.c.remote_id.is_not(None)
    one = sa.exists().where(
        bindings.c.connection == name,
        sa.text("wanted > applied AND state IN ('new', 'linked')"),
        bindings.c.object == object_name,
        made,
    )
    return bool(connection.execute(sa.select(one)).scalar())


def unknown(connection: Connection, name: str, of: str, now: int, most: int) -> list[BindingRow]:
    """Bindings whose create may have happened, and for which it is time to look again."""
    statement = (
        sa.select(bindings)
        .where(
            bindings.c.connection == name,
            sa.text("state = 'unknown'"),
            bindings.c.due_at <= now,
            bindings.c.of == of,
        )
        .order_by(bindings.c.due_at)
        .limit(most)
    )
    return [_binding(row) for row in connection.execute(statement).all()]


def load(connection: Connection, ids: Collection[int]) -> list[BindingRow]:
    """Bindings by row id."""
    return [_binding(row) for row in _BY_ID.rows(connection, ids)]


def of_subjects(connection: Connection, of: str, ids: Collection[int], name: str | None = None) -> list[BindingRow]:
    """Bindings of profiles or interactions, on one connection or (None) on all."""
    rows = _OF_SUBJECTS.rows(connection, ids, of)
    return [_binding(row) for row in rows if name is None or row[1] == name]


def by_remote(connection: Connection, name: str, object_name: str, ids: Collection[str]) -> dict[str, BindingRow]:
    """Bindings of one connection and object by remote id."""
    return {row[6]: _binding(row) for row in _BY_REMOTE.rows(connection, ids, name, object_name)}


def remote_ids(
    connection: Connection, name: str, of: str, subjects: Collection[int], objects: Sequence[str] | None = None
) -> dict[int, str]:
    """Remote ids of the live records of profiles or interactions on a connection, by subject.

    Args:
        objects: Of these objects alone, the first of them where a subject has several; None: of any.
    """
    rows = _REMOTE_IDS.rows(connection, subjects, of, name)
    if objects is not None:
        order = {object_name: place for place, object_name in enumerate(objects)}
        rows = sorted((row for row in rows if row[2] in order), key=lambda row: order[row[2]], reverse=True)
    return {row[0]: row[1] for row in rows}


def add(connection: Connection, rows: Iterable[BindingRow]) -> None:
    """Insert new bindings; one that is there already (same subject, connection, object) stays as it is."""
    _INSERT(connection, [_ALL.values(row) for row in rows])


def want(connection: Connection, of: str, subjects: Collection[int], urgency: int = LIVE) -> None:
    """Ask for one more revision of these subjects on every connection that has a live record of them.

    What is wanted already goes as urgently as the more urgent of the two asks.
    """
    _WANT.run(connection, subjects, urgency, urgency, of)


def unblock(connection: Connection, name: str, profile_ids: Collection[int]) -> None:
    """Interactions that waited for their customer's record go on: it is there now."""
    _UNBLOCK.run(connection, profile_ids, name)


def unmoved(connection: Connection, rows: Collection[BindingRow]) -> set[int]:
    """Of these, as they were read, the ids of those that are still so, or are only wanted anew."""
    now = {row.id: row for row in load(connection, [row.id for row in rows])}
    return {
        row.id
        for row in rows
        if row.id in now and now[row.id].wanted >= row.wanted and _unmoved(now[row.id]) == _unmoved(row)
    }


def claim(connection: Connection, rows: Sequence[BindingRow]) -> None:
    """Write down, before a call, which revision it carries and what a create says: it may happen and not be told."""
    _CLAIM.run(connection, [row.id for row in rows])
    _WRITING(connection, [(*_KEPT_WRITING.values(row), row.id) for row in rows if row.writing])


def unclaim(connection: Connection, ids: Collection[int]) -> None:
    """Forget that a call may have happened: somebody has looked, and what was found is known."""
    _UNCLAIM.run(connection, ids)


def save(connection: Connection, rows: Iterable[BindingRow]) -> None:
    """Write bindings back as they are in memory, but for `wanted`, which others may have raised meanwhile."""
    _UPDATE(connection, [(*_KEPT.values(row), row.id) for row in rows])


def reshape(connection: Connection, rows: Iterable[BindingRow]) -> None:
    """Write back as what object of the CRM these are kept: for those that nobody has made there yet."""
    _RESHAPE(connection, [(row.object, row.id) for row in rows])


def record(connection: Connection, rows: Iterable[BindingRow]) -> None:
    """Write back what a push changes, with `wanted` left alone; fewer columns are fewer indexes to keep."""
    _OUTCOME(connection, [(*_PUSHED.values(row), row.id) for row in rows])


_EMPTY = {"seen": "{}", "agreed": None, "held": None, "writing": None}
"""Columns of JSON, and what stands there for nothing."""


class _Columns:
    """Some columns in an order, and how a row is turned into their values."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self._of = attrgetter(*names)
        self._json = [(names.index(name), empty) for name, empty in _EMPTY.items() if name in names]

    def values(self, row: BindingRow) -> Values:
        """What is written for a row."""
        found = self._of(row)
        if not self._json:
            return found if len(self.names) > 1 else (found,)
        values = list(found) if len(self.names) > 1 else [found]
        for place, empty in self._json:
            values[place] = dumps(values[place]) if values[place] else empty
        return tuple(values)


_ALL = _Columns(*(column.name for column in bindings.c))
_FIRST = ("id", "connection", "object", "of", "subject_id")
"""Columns that never change, but for what `reshape` does."""
_OTHERS = ("wanted", "urgency")
"""Columns that others may have changed since a row was read."""
_HEARD = ("profile_id", "held", "flips")
"""Columns that no push changes."""
_KEPT = _Columns(*(name for name in _ALL.names if name not in (*_FIRST, *_OTHERS)))
_PUSHED = _Columns(*(name for name in _KEPT.names if name not in _HEARD))
_unmoved = attrgetter(*(name for name in _ALL.names if name not in (*_OTHERS, "due_at")))
_KEPT_WRITING = _Columns("writing")
_SELECT = selecting(bindings)
_BY_ID = Among(_SELECT + " WHERE id {among} ORDER BY id")
_OF_SUBJECTS = Among(_SELECT + ' WHERE "of" = ? AND subject_id {among} ORDER BY id')
_BY_REMOTE = Among(_SELECT + " WHERE connection = ? AND object = ? AND remote_id {among}")
_REMOTE_IDS = Among(
    "SELECT subject_id, remote_id, object FROM bindings "
    "WHERE \"of\" = ? AND connection = ? AND remote_id IS NOT NULL AND state = 'linked' AND subject_id {among}"
)
_WANT = Among(
    "UPDATE bindings SET urgency = CASE WHEN wanted > applied AND urgency < ? THEN urgency ELSE ? END, "
    "wanted = wanted + 1, due_at = 0 WHERE \"of\" = ? AND state IN ('new', 'linked') AND subject_id {among}"
)
_UNBLOCK = Among(
    "UPDATE bindings SET state = 'new', due_at = 0, error = NULL "
    "WHERE connection = ? AND \"of\" = 'interaction' AND state = 'blocked' AND profile_id {among}"
)
_UNCLAIM = Among("UPDATE bindings SET claimed = NULL WHERE id {among}")
_CLAIM = Among("UPDATE bindings SET claimed = wanted WHERE id {among}")
_INSERT = Insert(bindings, _ALL.names, ignoring=("of", "subject_id", "connection", "object"))
_UPDATE = Update(bindings, _KEPT.names)
_RESHAPE = Update(bindings, ("object",))
_OUTCOME = Update(bindings, _PUSHED.names)
_WRITING = Update(bindings, _KEPT_WRITING.names)

_make: Callable[..., BindingRow] = BindingRow
_JSON = [(_ALL.names.index(name), name) for name in _EMPTY]


def _binding(row: Any) -> BindingRow:
    given = list(row)
    for place, name in _JSON:
        text = given[place]
        given[place] = loads(text) if text and text != "{}" else [] if name == "held" else {}
    return _make(*given, stored=True)
