"""Dead letters: what could not be processed is kept, visible and replayable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia.store.ids import RowIds
from crocevia.store.tables import dead

WHOLE_RAW = ""


@frozen(kw_only=True)
class DeadLetter:
    """One thing that could not be processed.

    Attributes:
        what: `"leaf"` (of the raw `ref_id`; `leaf` is its JSON pointer, `""` the whole raw), `"binding"` or
            `"command"`.
        error: Name of the error's class: the cause to group by.
        message: What happened and the next step; no payload, no secret.
    """

    connection: str
    what: str
    ref_id: int
    leaf: str = WHOLE_RAW
    profile_id: int | None = None
    error: str
    message: str


def bury(connection: Connection, ids: RowIds, letters: Sequence[DeadLetter], now: int) -> None:
    """Keep dead letters."""
    if letters:
        connection.execute(
            sa.insert(dead),
            [
                {
                    "id": next(ids),
                    "connection": letter.connection,
                    "what": letter.what,
                    "ref_id": letter.ref_id,
                    "leaf": letter.leaf,
                    "profile_id": letter.profile_id,
                    "error": letter.error,
                    "message": letter.message,
                    "state": "open",
                    "at": now,
                }
                for letter in letters
            ],
        )


def listed(connection: Connection, name: str | None = None, most: int = 1000) -> list[dict[str, Any]]:
    """Open dead letters, oldest first, of one connection or (None) of all."""
    statement = sa.select(dead).where(dead.c.state == "open").order_by(dead.c.id).limit(most)
    if name is not None:
        statement = statement.where(dead.c.connection == name)
    return [dict(row._mapping) for row in connection.execute(statement)]  # noqa: SLF001 - SQLAlchemy's public name


def read(connection: Connection, ids: Collection[int]) -> list[dict[str, Any]]:
    """Dead letters by id, whatever their state."""
    statement = sa.select(dead).where(dead.c.id.in_(list(ids))).order_by(dead.c.id)
    return [dict(row._mapping) for row in connection.execute(statement)]  # noqa: SLF001 - as above


def open_leaves(connection: Connection, raw_ids: Collection[int]) -> dict[int, Counter[str]]:
    """How many dead letters each leaf of these raws has, by raw; leaves without a place of their own share one."""
    statement = sa.select(dead.c.ref_id, dead.c.leaf).where(
        dead.c.what == "leaf", dead.c.ref_id.in_(list(raw_ids)), dead.c.state == "open"
    )
    found: dict[int, Counter[str]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.ref_id, Counter())[row.leaf] += 1
    return found


def close(connection: Connection, what: str, ref_ids: Collection[int]) -> None:
    """Mark the dead letters of these rows as replayed."""
    if ref_ids:
        connection.execute(
            sa.update(dead)
            .where(dead.c.what == what, dead.c.ref_id.in_(list(ref_ids)), dead.c.state == "open")
            .values(state="replayed")
        )
