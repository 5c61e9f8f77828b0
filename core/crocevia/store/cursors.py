"""How far each stream was read; committed together with the rows it covers."""

from __future__ import annotations

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia.store.database import Store
from crocevia.store.tables import cursors


@frozen
class Cursor:
    """`text`: the connector's own cursor, None at the very first; `complete`: read to the end once."""

    text: str | None
    complete: bool


def read(connection: Connection, name: str, stream: str) -> Cursor:
    """The cursor of a stream."""
    row = connection.execute(_READ, {"name": name, "stream_": stream}).one_or_none()
    return Cursor(None, complete=False) if row is None else Cursor(row.cursor, bool(row.complete))


def write(store: Store, connection: Connection, name: str, stream: str, cursor: Cursor, now: int) -> None:
    """Set the cursor of a stream."""
    values = {"cursor": cursor.text, "complete": int(cursor.complete), "changed_at": now}
    statement = store.insert(cursors).values(connection=name, stream=stream, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["connection", "stream"], set_=values))


def complete(connection: Connection, name: str, streams: tuple[str, ...]) -> bool:
    """Whether every one of these streams was read to its end once."""
    return all(read(connection, name, stream).complete for stream in streams)


_READ = sa.select(cursors.c.cursor, cursors.c.complete).where(
    cursors.c.connection == sa.bindparam("name"), cursors.c.stream == sa.bindparam("stream_")
)
