"""The books: per connection, what came in and what became of it must balance (invariant F)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import sqlalchemy as sa
from attrs import asdict, frozen
from sqlalchemy.engine import Connection

from crocevia.store.database import Store
from crocevia.store.tables import bindings, commands, dead, journal, parked, tallies

OUTCOMES = ("applied", "superseded", "ignored")


@frozen(kw_only=True)
class Incoming:
    """Leaves of one connection: `received = applied + superseded + ignored + quarantined + pending`.

    `unparsed`: raws in the journal whose leaves are not counted yet.
    """

    received: int = 0
    applied: int = 0
    superseded: int = 0
    ignored: int = 0
    quarantined: int = 0
    pending: int = 0
    unparsed: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every received leaf is somewhere."""
        return self.received == self.applied + self.superseded + self.ignored + self.quarantined + self.pending


@frozen(kw_only=True)
class Outgoing:
    """Bindings and commands: `wanted = applied + pending + unknown + review + dead + blocked`."""

    wanted: int = 0
    applied: int = 0
    pending: int = 0
    unknown: int = 0
    review: int = 0
    dead: int = 0
    blocked: int = 0

    @property
    def balanced(self) -> bool:
        """Whether everything that is wanted is somewhere."""
        return self.wanted == self.applied + self.pending + self.unknown + self.review + self.dead + self.blocked


@frozen(kw_only=True)
class Books:
    """One connection's books. Records (bindings) and commands are counted apart."""

    incoming: Incoming
    records: Outgoing
    commands: Outgoing

    @property
    def balanced(self) -> bool:
        """Whether all three balance."""
        return self.incoming.balanced and self.records.balanced and self.commands.balanced

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way."""
        return not (self.incoming.unparsed or self.records.pending or self.commands.pending)

    def as_dict(self) -> dict[str, object]:
        """For reports: the three, with `balanced`."""
        return {**asdict(self), "balanced": self.balanced}


def count(store: Store, connection: Connection, name: str, terms: Mapping[str, int]) -> None:
    """Add to the tallies of a connection."""
    rows = [{"connection": name, "term": term, "n": n} for term, n in terms.items() if n]
    if rows:
        statement = store.insert(tallies)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["connection", "term"], set_={"n": tallies.c.n + statement.excluded.n}
            ),
            rows,
        )


def read(connection: Connection, name: str) -> Books:
    """The books of one connection, as of now."""
    return Books(
        incoming=_incoming(connection, name), records=_records(connection, name), commands=_commands(connection, name)
    )


def _incoming(connection: Connection, name: str) -> Incoming:
    found = dict(connection.execute(sa.select(tallies.c.term, tallies.c.n).where(tallies.c.connection == name)).all())
    return Incoming(
        received=found.get("received", 0),
        **{term: found.get(term, 0) for term in OUTCOMES},
        quarantined=_number(connection, dead, name, dead.c.what == "leaf", dead.c.state == "open"),
        pending=_number(connection, parked, name),
        unparsed=_number(connection, journal, name, sa.text("state = 0")),
    )


def _number(
    connection: Connection, table: sa.Table, name: str, *conditions: sa.ColumnElement[bool] | sa.TextClause
) -> int:
    statement = sa.select(sa.func.count()).select_from(table).where(table.c.connection == name, *conditions)
    return int(connection.execute(statement).scalar_one())


def _records(connection: Connection, name: str) -> Outgoing:
    pending = sa.case((bindings.c.wanted > bindings.c.applied, 1), else_=0)
    statement = (
        sa.select(bindings.c.state, pending.label("pending"), sa.func.count().label("n"))
        .where(bindings.c.connection == name)
        .group_by(bindings.c.state, pending)
    )
    found: Counter[str] = Counter()
    for row in connection.execute(statement):
        found["wanted"] += row.n
        found[_RECORD_TERMS.get(row.state) or ("pending" if row.pending else "applied")] += row.n
    return Outgoing(**found)


_RECORD_TERMS = {"gone": "applied", "blocked": "blocked", "review": "review", "dead": "dead", "unknown": "unknown"}
"""A record that was deleted there is at rest: nothing is revived."""


def _commands(connection: Connection, name: str) -> Outgoing:
    statement = (
        sa.select(commands.c.state, sa.func.count().label("n"))
        .where(commands.c.connection == name)
        .group_by(commands.c.state)
    )
    found: Counter[str] = Counter()
    for row in connection.execute(statement):
        found["wanted"] += row.n
        found[_COMMAND_TERMS[row.state]] += row.n
    return Outgoing(**found)


_COMMAND_TERMS = {
    "pending": "pending",
    "claimed": "pending",
    "done": "applied",
    "refused": "applied",
    "unknown": "unknown",
    "dead": "dead",
}
"""A refused message (window closed, opted out) has its answer on the record: it is dealt with."""
