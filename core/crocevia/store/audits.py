"""What an audit looks at: linked bindings, a page at a time."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crocevia.store import bindings
from crocevia.store.bindings import BindingRow
from crocevia.store.tables import bindings as table


def linked(connection: Connection, name: str, object_name: str, cursor: int, most: int) -> list[BindingRow]:
    """The next linked bindings of one object, in order of id, after `cursor`."""
    statement = (
        sa.select(table.c.id)
        .where(
            table.c.connection == name,
            table.c.object == object_name,
            table.c.state == "linked",
            table.c.remote_id.is_not(None),
            table.c.id > cursor,
        )
        .order_by(table.c.id)
        .limit(most)
    )
    return bindings.load(connection, list(connection.execute(statement).scalars()))


def at_rest(rows: Iterable[BindingRow]) -> list[BindingRow]:
    """Those that are linked and of which no write is due or under way."""
    return [row for row in rows if row.state == "linked" and row.wanted <= row.applied and row.claimed is None]


def waiting(connection: Connection, name: str) -> int:
    """How many linked records a write is due on: they are not at rest."""
    statement = (
        sa.select(sa.func.count())
        .select_from(table)
        .where(table.c.connection == name, table.c.remote_id.is_not(None), sa.text("wanted > applied"))
        .where(table.c.state.in_(("linked", "new")))
    )
    return int(connection.execute(statement).scalar_one())
