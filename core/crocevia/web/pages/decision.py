"""Why a customer's fields hold what they hold, and what waits for a person."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia.model import ContactPoint
from crocevia.store.json import loads
from crocevia.store.tables import decisions, reviews

MOST = 50


@frozen(kw_only=True)
class Decided:
    """One decision of the judge. `at` in microseconds; the three values are canonical."""

    at: int
    connection: str
    field: str
    base: Any
    ours: Any
    theirs: Any
    chosen: str
    why: str


@frozen(kw_only=True)
class Waiting:
    """One open review. `fields`: what it is about, without values; `entry`: its number, for `crocevia review`."""

    entry: int
    at: int
    connection: str
    kind: str
    fields: tuple[str, ...]


def decided(connection: Connection, profile_id: int) -> list[Decided]:
    """The newest decisions about a customer, newest first."""
    statement = (
        sa.select(decisions).where(decisions.c.profile_id == profile_id).order_by(decisions.c.id.desc()).limit(MOST)
    )
    return [
        Decided(
            at=row.at,
            connection=row.connection,
            field=row.field.replace("_", " "),
            base=_said(loads(row.base)),
            ours=_said(loads(row.ours)),
            theirs=_said(loads(row.theirs)),
            chosen=row.chosen,
            why=row.why,
        )
        for row in connection.execute(statement)
    ]


def waiting(connection: Connection, profile_id: int) -> list[Waiting]:
    """The open reviews about a customer, oldest first."""
    statement = (
        sa.select(reviews)
        .where(reviews.c.profile_id == profile_id, reviews.c.state == "open")
        .order_by(reviews.c.id)
        .limit(MOST)
    )
    return [
        Waiting(entry=row.id, at=row.at, connection=row.connection, kind=row.kind, fields=_fields(loads(row.data)))
        for row in connection.execute(statement)
    ]


def _said(held: Any) -> Any:
    """A value as people read it: without what is empty, addresses without their namespace."""
    if isinstance(held, dict):
        said = {name.replace("_", " "): _said(item) for name, item in held.items() if item not in (None, "", [])}
        return next(iter(said.values())) if len(held) == 1 and said else said
    if isinstance(held, list):
        return [_said(item) for item in held]
    if isinstance(held, str) and held.count("|") >= 2:
        return ContactPoint.from_address(held).text
    return held


def _fields(data: Any) -> tuple[str, ...]:
    found = data.get("fields") or data.get("field") or () if isinstance(data, dict) else ()
    return (found,) if isinstance(found, str) else tuple(str(name) for name in found)
