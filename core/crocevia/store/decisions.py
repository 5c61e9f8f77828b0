"""Why a field holds what it holds, and what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia.store.database import Store
from crocevia.store.ids import RowIds
from crocevia.store.json import dumps, loads
from crocevia.store.tables import decisions, reviews


@frozen(kw_only=True)
class Decision:
    """One field of one profile, decided once. Values are canonical; `why` is one line without personal data."""

    at: int
    profile_id: int
    binding_id: int | None
    connection: str
    field: str
    base: Any
    ours: Any
    theirs: Any
    chosen: str
    why: str


@frozen(kw_only=True)
class Review:
    """Something a person should look at. One open entry for one (kind, connection, subject)."""

    kind: str
    connection: str
    subject: str
    profile_id: int | None
    data: dict[str, Any]
    at: int


def record(connection: Connection, ids: RowIds, rows: Sequence[Decision]) -> None:
    """Write decisions down."""
    if rows:
        connection.execute(
            sa.insert(decisions),
            [
                {
                    "id": next(ids),
                    "at": row.at,
                    "profile_id": row.profile_id,
                    "binding_id": row.binding_id,
                    "connection": row.connection,
                    "field": row.field,
                    "base": dumps(row.base),
                    "ours": dumps(row.ours),
                    "theirs": dumps(row.theirs),
                    "chosen": row.chosen,
                    "why": row.why,
                }
                for row in rows
            ],
        )


def of_field(connection: Connection, profile_id: int, field: str) -> list[dict[str, Any]]:
    """Decisions about one field of a profile, newest first."""
    statement = (
        sa.select(decisions)
        .where(decisions.c.profile_id == profile_id, decisions.c.field == field)
        .order_by(decisions.c.id.desc())
    )
    return [
        {**row._mapping, "base": loads(row.base), "ours": loads(row.ours), "theirs": loads(row.theirs)}  # noqa: SLF001 - SQLAlchemy's public name
        for row in connection.execute(statement)
    ]


def review(store: Store, connection: Connection, ids: RowIds, rows: Sequence[Review]) -> None:
    """Put entries in the review queue; one that is there already is left as it is."""
    if rows:
        connection.execute(
            store.insert(reviews).on_conflict_do_nothing(index_elements=["kind", "connection", "subject"]),
            [
                {
                    "id": next(ids),
                    "kind": row.kind,
                    "connection": row.connection,
                    "subject": row.subject,
                    "profile_id": row.profile_id,
                    "data": dumps(row.data),
                    "state": "open",
                    "at": row.at,
                }
                for row in rows
            ],
        )


def open_reviews(connection: Connection, most: int = 1000) -> list[dict[str, Any]]:
    """The open entries, oldest first."""
    statement = sa.select(reviews).where(reviews.c.state == "open").order_by(reviews.c.id).limit(most)
    return [{**row._mapping, "data": loads(row.data)} for row in connection.execute(statement)]  # noqa: SLF001 - as above
