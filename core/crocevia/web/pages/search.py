"""Customers in a list: found, counted, each with the last word and where they are kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from crocevia.store import Store, profiles
from crocevia.store.profiles import ProfileRow
from crocevia.store.tables import bindings, claims, interactions
from crocevia.store.tables import profiles as table
from crocevia.web.pages.profile import name_of
from crocevia.web.pages.record import Keeping, keeping

PAGE = 50
MOST_QUERY = 100
_NAMES = ("display_name", "given_name", "family_name")


@frozen(kw_only=True)
class LastWord:
    """The newest interaction. `at` in microseconds; `text` None when it has none."""

    at: int
    direction: str
    kind: str
    connection: str
    text: str | None
    removed: bool


@frozen(kw_only=True)
class Customer:
    """One line of the list.

    Attributes:
        points: Addresses as people write them, those on the profile.
        touches: How many interactions there are.
        kept: Per CRM, in the order of the settings.
    """

    uid: str
    name: str
    points: tuple[str, ...]
    touches: int
    last: LastWord | None
    kept: tuple[Keeping, ...]


@frozen(kw_only=True)
class Customers:
    """One page of the list, newest customers first. `before`: where the next page goes on; None at the end."""

    found: tuple[Customer, ...]
    before: int | None


def customers(store: Store, connection: Connection, query: str, before: int | None) -> Customers:
    """Customers whose name or address contains the query; all for `""`."""
    statement = sa.select(table.c.id).where(table.c.merged_into.is_(None)).order_by(table.c.id.desc()).limit(PAGE + 1)
    if before is not None:
        statement = statement.where(table.c.id < before)
    if query := query.strip()[:MOST_QUERY]:
        statement = statement.where(_matches(store, query))
    ids = list(connection.execute(statement).scalars())
    shown = ids[:PAGE]
    rows = profiles.load(connection, shown)
    counts, last = _last_words(connection, shown)
    kept = _kept(connection, shown)
    return Customers(
        found=tuple(_customer(rows[id_], counts.get(id_, 0), last.get(id_), kept.get(id_, ())) for id_ in shown),
        before=shown[-1] if len(ids) > PAGE else None,
    )


def totals(connection: Connection) -> tuple[int, int]:
    """How many customers and how many interactions there are."""
    people = sa.select(sa.func.count()).select_from(table).where(table.c.merged_into.is_(None))
    touches = sa.select(sa.func.count()).select_from(interactions)
    return int(connection.execute(people).scalar_one()), int(connection.execute(touches).scalar_one())


def _matches(store: Store, query: str) -> sa.ColumnElement[bool]:
    names = [_field(store, name) for name in _NAMES]
    whole = sa.func.coalesce(names[1], "") + " " + sa.func.coalesce(names[2], "")
    digits = "".join(letter for letter in query if letter.isdigit())
    address = claims.c.address.icontains(query, autoescape=True) | claims.c.shown.icontains(query, autoescape=True)
    if len(digits) > 3 and not any(letter.isalpha() for letter in query):  # a number, written with spaces or without
        address |= claims.c.address.icontains(digits, autoescape=True)
    return sa.or_(
        names[0].icontains(query, autoescape=True),
        whole.icontains(query, autoescape=True),
        table.c.id.in_(sa.select(claims.c.profile_id).where(address)),
    )


def _field(store: Store, name: str) -> Any:
    """A text field of a profile in SQL; NULL when absent or cleared."""
    if store.dialect == "sqlite":
        return sa.func.json_extract(table.c.fields, f"$.{name}", type_=sa.Text())
    return sa.cast(table.c.fields, postgresql.JSONB)[name].astext


def _last_words(connection: Connection, ids: Collection[int]) -> tuple[dict[int, int], dict[int, LastWord]]:
    grouped = (
        sa.select(
            interactions.c.profile_id, sa.func.count().label("touches"), sa.func.max(interactions.c.at).label("newest")
        )
        .where(interactions.c.profile_id.in_(ids))
        .group_by(interactions.c.profile_id)
        .subquery()
    )
    statement = (
        sa.select(interactions, grouped.c.touches)
        .join(
            grouped,
            (grouped.c.profile_id == interactions.c.profile_id) & (grouped.c.newest == interactions.c.at),
        )
        .order_by(interactions.c.id)
    )
    counts: dict[int, int] = {}
    last: dict[int, LastWord] = {}
    for row in connection.execute(statement):
        counts[row.profile_id] = row.touches
        last[row.profile_id] = LastWord(
            at=row.at,
            direction=row.direction,
            kind=row.kind,
            connection=row.connection,
            text=row.text,
            removed=bool(row.removed),
        )
    return counts, last


def _kept(connection: Connection, ids: Collection[int]) -> Mapping[int, tuple[Keeping, ...]]:
    statement = (
        sa.select(
            bindings.c.subject_id,
            bindings.c.connection,
            bindings.c.state,
            bindings.c.wanted,
            bindings.c.applied,
            bindings.c.remote_id,
        )
        .where(bindings.c.of == "profile", bindings.c.subject_id.in_(ids))
        .order_by(bindings.c.connection, bindings.c.id)
    )
    found: defaultdict[int, list[Keeping]] = defaultdict(list)
    for row in connection.execute(statement):
        keep = keeping(row.state, row.wanted, row.applied)
        found[row.subject_id].append(Keeping(row.connection, keep, row.remote_id))
    return {id_: tuple(kept) for id_, kept in found.items()}


def _customer(row: ProfileRow, touches: int, last: LastWord | None, kept: tuple[Keeping, ...]) -> Customer:
    return Customer(
        uid=row.uid,
        name=name_of(row),
        points=tuple(claim.point.text for claim in row.listed),
        touches=touches,
        last=last,
        kept=kept,
    )
