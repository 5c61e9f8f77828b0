"""What is known of each connection beside its settings: running, paused, unhealthy."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia.store.database import Store
from crocevia.store.tables import connections

RUNNING = "running"


@frozen(kw_only=True)
class ConnectionRow:
    """`state`: running, paused or unhealthy, `reason` why; `last_in_at`, `last_out_at` in microseconds, None: never."""

    name: str
    state: str = RUNNING
    reason: str = ""
    changed_at: int = 0
    last_in_at: int | None = None
    last_out_at: int | None = None


def read(connection: Connection, name: str) -> ConnectionRow:
    """The row of a connection; a running one for a new name."""
    row = connection.execute(sa.select(connections).where(connections.c.name == name)).one_or_none()
    return ConnectionRow(name=name) if row is None else ConnectionRow(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


def write(store: Store, connection: Connection, name: str, **values: Any) -> None:
    """Set some of a connection's columns."""
    first = {"state": RUNNING, "reason": "", "changed_at": 0, **values}
    statement = store.insert(connections).values(name=name, **first)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
