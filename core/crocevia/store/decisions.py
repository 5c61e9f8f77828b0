"""Why a field holds what it holds, and what waits for a person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia.store.database import Store
from crocevia.store.ids import RowIds
from crocevia.store.json import dumps, loads
from crocevia.store.rows import Among, selecting
from crocevia.store.tables import decisions, reviews

PERSON = "person"
"""Stands as the origin of what a person decided, where else a connection's name stands."""


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


def of_field(connection: Connection, profile_id: int, field: str, since: int = 0) -> list[dict[str, Any]]:
    """Decisions about one field of a profile, alone or together with others, newest first."""
    statement = (
        sa.select(decisions)
        .where(decisions.c.profile_id == profile_id, decisions.c.at >= since)
        .order_by(decisions.c.id.desc())
    )
    return [_decided(row) for row in connection.execute(statement) if field in row.field.split(", ")]


def since(connection: Connection, profile_ids: Collection[int], at: int) -> list[dict[str, Any]]:
    """Decisions about these profiles since a time, newest first."""
    found = [_decided(row) for row in _SINCE.rows(connection, profile_ids, at)]
    return sorted(found, key=lambda row: -int(row["id"]))


_SINCE = Among(selecting(decisions) + " WHERE at >= ? AND profile_id {among}")
_DECIDED = tuple(column.name for column in decisions.c)


def _decided(row: Any) -> dict[str, Any]:
    found = dict(zip(_DECIDED, row, strict=True))
    return {**found, **{name: loads(found[name]) for name in ("base", "ours", "theirs")}}


def review(store: Store, connection: Connection, ids: RowIds, rows: Sequence[Review]) -> None:
    """Put entries in the review queue; one that is open already is told the newest, and stays where it is in line.

    One that ended is another entry: what is asked again is asked anew.
    """
    if not rows:
        return
    newest = {(row.kind, row.connection, row.subject): row for row in rows}
    insert = store.insert(reviews)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["kind", "connection", "subject"],
            index_where=reviews.c.state == sa.text("'open'"),
            set_={"data": insert.excluded.data, "profile_id": insert.excluded.profile_id},
        ),
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
            for row in newest.values()
        ],
    )


def end(connection: Connection, ids: Collection[int], *, at: int, by: str, choice: str) -> None:
    """End entries; they stay, with who ended them and how."""
    if ids:
        connection.execute(
            sa.update(reviews)
            .where(reviews.c.id.in_(ids), reviews.c.state == "open")
            .values(state="ended", ended_at=at, ended_by=by, choice=choice)
        )


def open_reviews(connection: Connection, most: int = 1000) -> list[dict[str, Any]]:
    """The open entries, oldest first."""
    statement = sa.select(reviews).where(reviews.c.state == "open").order_by(reviews.c.id).limit(most)
    return [_review(row) for row in connection.execute(statement)]


def find_review(connection: Connection, entry: int) -> dict[str, Any] | None:
    """One entry, open or ended; None where there is none."""
    row = connection.execute(sa.select(reviews).where(reviews.c.id == entry)).one_or_none()
    return None if row is None else _review(row)


def newest(connection: Connection, kind: str, name: str, subjects: Collection[str]) -> dict[str, dict[str, Any]]:
    """The newest entry on each of these subjects, open or ended, by subject; without those that never had one."""
    found = sorted(map(_review, _ABOUT.rows(connection, subjects, kind, name)), key=lambda row: int(row["id"]))
    return {row["subject"]: row for row in found}


def choices(connection: Connection, kind: str, name: str, subjects: Collection[str]) -> dict[str, str]:
    """How the newest entry on each subject has ended, by subject; without those that are open or never were."""
    found = newest(connection, kind, name, subjects)
    return {subject: row["choice"] for subject, row in found.items() if row["state"] == "ended"}


def open_of_profiles(connection: Connection, profile_ids: Collection[int]) -> list[dict[str, Any]]:
    """The open entries about these profiles, oldest first."""
    found = [_review(row) for row in _OF_PROFILES.rows(connection, profile_ids)]
    return sorted(found, key=lambda row: int(row["id"]))


_ABOUT = Among(selecting(reviews) + " WHERE kind = ? AND connection = ? AND subject {among}")
_OF_PROFILES = Among(selecting(reviews) + " WHERE state = 'open' AND profile_id {among}")
_COLUMNS = tuple(column.name for column in reviews.c)


def _review(row: Any) -> dict[str, Any]:
    found = dict(zip(_COLUMNS, row, strict=True))
    found["data"] = loads(found["data"])
    return found
