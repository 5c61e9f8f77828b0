"""A connection as its operator sees it: health, lag, books, dead letters, cursors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia.connector import Listens, Polls, ReceivesWebhooks
from crocevia.mapping import ObjectMapping
from crocevia.store import books, connections
from crocevia.store.books import Books
from crocevia.store.connections import ConnectionRow
from crocevia.store.tables import cursors, dead, reviews
from crocevia.sync.world import Live, World
from crocevia.web.metrics import lag_s

MOST_LETTERS = 50


@frozen(kw_only=True)
class Overview:
    """One connection in short.

    Attributes:
        roles: What it does, in words.
        lag: `{"in": seconds, "out": seconds}`.
    """

    name: str
    kind: str
    crm: bool
    roles: tuple[str, ...]
    health: ConnectionRow
    books: Books
    lag: Mapping[str, float]

    @property
    def well(self) -> bool:
        """Whether it runs and its books balance."""
        return self.health.state == connections.RUNNING and self.books.balanced

    @property
    def troubles(self) -> int:
        """What waits for a person: dead letters, reviews, unknown outcomes."""
        out = (self.books.records, self.books.commands)
        return self.books.incoming.quarantined + sum(one.dead + one.review + one.unknown for one in out)

    @property
    def under_way(self) -> int:
        """What is not done yet."""
        return self.books.incoming.unparsed + self.books.records.pending + self.books.commands.pending


@frozen(kw_only=True)
class Details:
    """What is known beyond the overview.

    Attributes:
        letters: The newest open dead letters: `{"id", "what", "leaf", "error", "message", "at"}`, never a payload.
        causes: `{error: how many open dead letters}`.
        cursors: `{"stream", "complete", "changed_at"}`.
        reviews: How many open reviews there are.
        drifted: Remote fields that are not read or written, by object.
    """

    letters: list[dict[str, Any]]
    causes: Mapping[str, int]
    cursors: list[dict[str, Any]]
    reviews: int
    mappings: tuple[ObjectMapping, ...]
    drifted: Mapping[str, list[str]]


def overview(world: World, connection: Connection, live: Live) -> Overview:
    """Look at one connection."""
    return Overview(
        name=live.name,
        kind=live.kind,
        crm=live.reads,
        roles=_roles(live),
        health=connections.read(connection, live.name),
        books=books.read(connection, live.name),
        lag=lag_s(connection, live.name, world.now_us()),
    )


def details(connection: Connection, live: Live) -> Details:
    """Look closer at one connection."""
    name = live.name
    newest = (
        sa.select(dead.c.id, dead.c.what, dead.c.leaf, dead.c.error, dead.c.message, dead.c.at)
        .where(dead.c.connection == name, dead.c.state == "open")
        .order_by(dead.c.id.desc())
        .limit(MOST_LETTERS)
    )
    causes = (
        sa.select(dead.c.error, sa.func.count().label("n"))
        .where(dead.c.connection == name, dead.c.state == "open")
        .group_by(dead.c.error)
        .order_by(sa.func.count().desc())
    )
    streams = (
        sa.select(cursors.c.stream, cursors.c.complete, cursors.c.changed_at)
        .where(cursors.c.connection == name)
        .order_by(cursors.c.stream)
    )
    waiting = (
        sa.select(sa.func.count()).select_from(reviews).where(reviews.c.connection == name, reviews.c.state == "open")
    )
    return Details(
        letters=[dict(row) for row in connection.execute(newest).mappings()],
        causes={row.error: row.n for row in connection.execute(causes)},
        cursors=[dict(row) for row in connection.execute(streams).mappings()],
        reviews=int(connection.execute(waiting).scalar_one()),
        mappings=tuple(live.mappings.values()),
        drifted={name: sorted(fields) for name, fields in live.quarantined.items() if fields},
    )


def _roles(live: Live) -> tuple[str, ...]:
    connector = live.connector
    found = {
        "takes webhooks": isinstance(connector, ReceivesWebhooks),
        "listens": isinstance(connector, Listens),
        "polls": isinstance(connector, Polls),
        "sends": live.sends,
        "is read": live.reads,
        "is written": live.writes,
    }
    return tuple(role for role, does in found.items() if does)
