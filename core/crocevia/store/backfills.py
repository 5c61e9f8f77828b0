"""Backfills: how far each has come, and the rows it looks at."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from attrs import asdict, define
from sqlalchemy.engine import Connection

from crocevia.store.bindings import BACKFILL
from crocevia.store.database import Store
from crocevia.store.rows import Among
from crocevia.store.tables import backfills, bindings, interactions, profiles


@define(kw_only=True)
class BackfillRow:
    """One backfill; see the table for what the columns mean."""

    connection: str
    of: str
    state: str = "running"
    since: int | None = None
    again: int = 0
    cursor: int = 0
    until: int = 0
    seen: int = 0
    wanted: int = 0
    started_at: int = 0
    changed_at: int = 0


def read(connection: Connection, name: str, of: str) -> BackfillRow | None:
    """How far a backfill has come; None: there was none."""
    statement = sa.select(backfills).where(backfills.c.connection == name, backfills.c.of == of)
    row = connection.execute(statement).one_or_none()
    return None if row is None else BackfillRow(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


def write(store: Store, connection: Connection, row: BackfillRow) -> None:
    """Keep how far it has come, in the transaction that has asked for the records."""
    values = asdict(row)
    statement = store.insert(backfills).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=["connection", "of"], set_=values))


def last(connection: Connection, of: str) -> int:
    """The newest row there is; 0: none."""
    table = profiles if of == "profile" else interactions
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one())


def page(
    connection: Connection, of: str, cursor: int, until: int, since: int | None, most: int
) -> list[tuple[int, int]]:
    """The next `(row id, profile id)` of live customers, or of interactions, in order of id.

    Args:
        since: Microseconds; of customers those who have changed or been in contact since, of interactions those that
            happened since.
    """
    table = profiles if of == "profile" else interactions
    whose = table.c.id if of == "profile" else table.c.profile_id
    statement = sa.select(table.c.id, whose).where(table.c.id > cursor, table.c.id <= until)
    if of == "profile":
        statement = statement.where(profiles.c.merged_into.is_(None))
    if since is not None and of == "profile":
        theirs = sa.exists().where(interactions.c.profile_id == profiles.c.id, interactions.c.at >= since)
        statement = statement.where(sa.or_(profiles.c.changed_at >= since, theirs))
    elif since is not None:
        statement = statement.where(interactions.c.at >= since)
    return [(row[0], row[1]) for row in connection.execute(statement.order_by(table.c.id).limit(most))]


def want_again(connection: Connection, name: str, of: str, subjects: Collection[int]) -> int:
    """Ask for one more revision of the records of these subjects on one connection; return how many there are."""
    found = [row[0] for row in _LINKED.rows(connection, subjects, of, name)]
    _AGAIN.run(connection, found, BACKFILL)
    return len(found)


_LINKED = Among(
    "SELECT id FROM bindings WHERE \"of\" = ? AND connection = ? AND state = 'linked' AND subject_id {among}"
)
_AGAIN = Among(
    "UPDATE bindings SET urgency = CASE WHEN wanted > applied THEN urgency ELSE ? END, wanted = wanted + 1, due_at = 0 "
    "WHERE id {among}"
)


def waiting(connection: Connection, name: str, of: str) -> int:
    """How many records of backfills wait to be written on a connection."""
    statement = sa.select(sa.func.count()).where(
        bindings.c.connection == name,
        bindings.c.of == of,
        sa.text("wanted > applied AND state IN ('new', 'linked')"),
        bindings.c.urgency == BACKFILL,
    )
    return int(connection.execute(statement).scalar_one())
