"""The daemon's own affairs: ids, connections, leases, books, announcements, dead letters."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from crocevia.store.tables.metadata import Id, metadata, row_id

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next", BigInteger, nullable=False),
)
"""One row hands out ids. Taking some locks it until the commit, so ids of committed rows grow in commit order:
a cursor over ids never passes a row that is still to come, on PostgreSQL either."""

connections = Table(
    "connections",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("last_in_at", BigInteger),
    Column("last_out_at", BigInteger),
    Column("flow", Text),
)
"""`state`: running, paused (by a person), or unhealthy (credentials or vendor; `reason` says which). `flow`: what is
held back and why, as its lane last said: breakers that are open, the budget of calls."""

budgets = Table(
    "budgets",
    metadata,
    Column("account", Text, primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("taken", BigInteger, nullable=False),
)
"""Calls taken of an account's allowance since the window began; taken in blocks, before they are made."""

leases = Table(
    "leases",
    metadata,
    Column("lane", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)

tallies = Table(
    "tallies",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("term", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
)

announcements = Table(
    "announcements",
    metadata,
    row_id(),
    Column("hook", Text, nullable=False),
    Column("profile_id", Id),
    Column("subject_id", Id),
    Column("connection", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

listeners = Table(
    "listeners",
    metadata,
    Column("plugin", Text, primary_key=True),
    Column("hook", Text, primary_key=True),
    Column("cursor", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("error", Text),
)

dead = Table(
    "dead",
    metadata,
    row_id(),
    Column("connection", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("ref_id", Id, nullable=False),
    Column("leaf", Text, nullable=False),
    Column("profile_id", Id),
    Column("error", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("dead_open", "connection", "state"),
    Index("dead_ref", "what", "ref_id"),
)
"""Dead letters: `what` is raw, leaf, binding or command; `ref_id` its row. `state`: open or replayed."""
