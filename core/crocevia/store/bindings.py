"""Bindings: that a profile or interaction should be at revision `wanted` on a connection, and what is there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from attrs import define, field
from sqlalchemy.engine import Connection

from crocevia.store.json import dumps, loads
from crocevia.store.rows import Among, Insert, Update, Values, selecting
from crocevia.store.tables import bindings

LIVE = ("new", "linked")


@define
class BindingRow:
    """One binding; see the table for what the columns mean. `agreed` holds only what differs from `seen`."""

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
    stored: bool = False

    def base(self, name: str) -> Any:
        """What both sides last held alike in a remote field; None where they never did."""
        return self.agreed[name] if name in self.agreed else self.seen.get(name)


def pending(connection: Connection, name: str, of: str, now: int, most: int, *, creating: bool) -> list[BindingRow]:
    """Bindings that want a write and are due, oldest first; without `creating`, only those with a remote record."""
    statement = (
        sa.select(bindings)
        .where(
            bindings.c.connection == name,
            bindings.c.of == of,
            sa.text("wanted > applied AND state IN ('new', 'linked')"),
            bindings.c.due_at <= now,
        )
        .order_by(bindings.c.id)
        .limit(most)
    )
    if not creating:
        statement = statement.where(bindings.c.remote_id.is_not(None))
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


def remote_ids(connection: Connection, name: str, of: str, subjects: Collection[int]) -> dict[int, str]:
    """Remote ids of the live records of profiles or interactions on a connection, by subject."""
    return dict(tuple(row) for row in _REMOTE_IDS.rows(connection, subjects, of, name))


def add(connection: Connection, rows: Iterable[BindingRow]) -> None:
    """Insert new bindings; one that is there already (same subject, connection, object) stays as it is."""
    _INSERT(connection, [_values(row) for row in rows])


def want(connection: Connection, of: str, subjects: Collection[int]) -> None:
    """Ask for one more revision of these subjects on every connection that has a live record of them."""
    _WANT.run(connection, subjects, of)


def unblock(connection: Connection, name: str, profile_ids: Collection[int]) -> None:
    """Interactions that waited for their customer's record go on: it is there now."""
    _UNBLOCK.run(connection, profile_ids, name)


def claim(connection: Connection, ids: Sequence[int]) -> None:
    """Write down, before a call, which revision it carries: after a crash it may have happened."""
    _CLAIM.run(connection, ids)


def save(connection: Connection, rows: Iterable[BindingRow]) -> None:
    """Write bindings back as they are in memory, but for `wanted`, which others may have raised meanwhile."""
    _UPDATE(connection, [(*_kept(row), row.id) for row in rows])


def record(connection: Connection, rows: Iterable[BindingRow]) -> None:
    """Write back what a push changes, with `wanted` left alone; fewer columns are fewer indexes to keep."""
    _OUTCOME(connection, [(*_outcome(row), row.id) for row in rows])


_COLUMNS = tuple(column.name for column in bindings.c)
_SELECT = selecting(bindings)
_BY_ID = Among(_SELECT + " WHERE id {among} ORDER BY id")
_OF_SUBJECTS = Among(_SELECT + ' WHERE "of" = ? AND subject_id {among} ORDER BY id')
_BY_REMOTE = Among(_SELECT + " WHERE connection = ? AND object = ? AND remote_id {among}")
_REMOTE_IDS = Among(
    "SELECT subject_id, remote_id FROM bindings "
    "WHERE \"of\" = ? AND connection = ? AND remote_id IS NOT NULL AND state = 'linked' AND subject_id {among}"
)
_WANT = Among(
    "UPDATE bindings SET wanted = wanted + 1, due_at = 0 "
    "WHERE \"of\" = ? AND state IN ('new', 'linked') AND subject_id {among}"
)
_UNBLOCK = Among(
    "UPDATE bindings SET state = 'new', due_at = 0, error = NULL "
    "WHERE connection = ? AND \"of\" = 'interaction' AND state = 'blocked' AND profile_id {among}"
)
_CLAIM = Among("UPDATE bindings SET claimed = wanted WHERE id {among}")
_INSERT = Insert(bindings, _COLUMNS, ignoring=("of", "subject_id", "connection", "object"))
_UPDATE = Update(
    bindings,
    (
        "profile_id",
        "remote_id",
        "version",
        "seen",
        "agreed",
        "held",
        "applied",
        "claimed",
        "state",
        "due_at",
        "attempts",
        "flips",
        "error",
    ),
)
_OUTCOME = Update(
    bindings,
    ("remote_id", "version", "seen", "agreed", "applied", "claimed", "state", "due_at", "attempts", "error"),
)


_make: Callable[..., BindingRow] = BindingRow


def _binding(row: Any) -> BindingRow:
    seen, agreed, held = row[8:11]
    return _make(
        *row[:8],
        {} if seen == "{}" else loads(seen),
        loads(agreed) if agreed else {},
        loads(held) if held else [],
        *row[11:],
        stored=True,
    )


def _values(row: BindingRow) -> Values:
    return (
        row.id,
        row.connection,
        row.object,
        row.of,
        row.subject_id,
        row.profile_id,
        row.remote_id,
        row.version,
        dumps(row.seen) if row.seen else "{}",
        dumps(row.agreed) if row.agreed else None,
        dumps(row.held) if row.held else None,
        row.wanted,
        row.applied,
        row.claimed,
        row.state,
        row.due_at,
        row.attempts,
        row.flips,
        row.error,
    )


def _kept(row: BindingRow) -> Values:
    """The columns of `_UPDATE`, in its order."""
    return (
        row.profile_id,
        row.remote_id,
        row.version,
        dumps(row.seen) if row.seen else "{}",
        dumps(row.agreed) if row.agreed else None,
        dumps(row.held) if row.held else None,
        row.applied,
        row.claimed,
        row.state,
        row.due_at,
        row.attempts,
        row.flips,
        row.error,
    )


def _outcome(row: BindingRow) -> Values:
    """The columns of `_OUTCOME`, in its order."""
    return (
        row.remote_id,
        row.version,
        dumps(row.seen) if row.seen else "{}",
        dumps(row.agreed) if row.agreed else None,
        row.applied,
        row.claimed,
        row.state,
        row.due_at,
        row.attempts,
        row.error,
    )
