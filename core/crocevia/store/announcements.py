"""The event log that plugins listen to, and how far each has heard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia.store.database import Store
from crocevia.store.ids import RowIds
from crocevia.store.json import dumps, loads
from crocevia.store.tables import announcements, counters, listeners


@frozen(kw_only=True)
class Announcement:
    """Something that happened: the hook that tells it and the hook's arguments as JSON."""

    hook: str
    connection: str
    at: int
    data: Mapping[str, Any]
    profile_id: int | None = None
    subject_id: int | None = None
    sequence: int = 0


def append(connection: Connection, ids: RowIds, rows: Sequence[Announcement]) -> None:
    """Log what happened, in the transaction in which it happened."""
    if rows:
        connection.execute(
            sa.insert(announcements),
            [
                {
                    "id": next(ids),
                    "hook": row.hook,
                    "profile_id": row.profile_id,
                    "subject_id": row.subject_id,
                    "connection": row.connection,
                    "data": dumps(row.data),
                    "at": row.at,
                }
                for row in rows
            ],
        )


def enlist(store: Store, connection: Connection, pairs: Iterable[tuple[str, str]]) -> None:
    """Register listeners `(plugin, hook)`; a new one hears what happens from now on."""
    last = connection.execute(sa.select(counters.c.next).where(counters.c.name == "row")).scalar_one() - 1
    rows = [{"plugin": p, "hook": h, "cursor": last, "attempts": 0, "due_at": 0, "error": None} for p, h in pairs]
    if rows:
        connection.execute(store.insert(listeners).on_conflict_do_nothing(), rows)


def cursor(connection: Connection, plugin: str, hook: str) -> Any:
    """A listener's row: cursor, attempts, due_at, error."""
    return connection.execute(sa.select(listeners).where(listeners.c.plugin == plugin, listeners.c.hook == hook)).one()


def after(connection: Connection, hook: str, cursor_: int, most: int) -> list[Announcement]:
    """What happened after a cursor, oldest first."""
    statement = (
        sa.select(announcements)
        .where(announcements.c.hook == hook, announcements.c.id > cursor_)
        .order_by(announcements.c.id)
        .limit(most)
    )
    return [
        Announcement(
            hook=row.hook,
            connection=row.connection,
            at=row.at,
            data=loads(row.data),
            profile_id=row.profile_id,
            subject_id=row.subject_id,
            sequence=row.id,
        )
        for row in connection.execute(statement)
    ]


def advance(connection: Connection, plugin: str, hook: str, **values: Any) -> None:
    """Set a listener's cursor, attempts, due_at or error."""
    connection.execute(
        sa.update(listeners).where(listeners.c.plugin == plugin, listeners.c.hook == hook).values(**values)
    )
