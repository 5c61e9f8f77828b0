"""What came in: raws as they were, what was seen before, what waits for its original, where reading goes on."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, Table, Text, text

from crocevia.store.tables.metadata import Id, metadata, row_id

journal = Table(
    "journal",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("connection", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("leaves", Integer),
)
Index(
    "journal_pending",
    journal.c.connection,
    journal.c.id,
    sqlite_where=text("state = 0"),
    postgresql_where=text("state = 0"),
)

journal_subjects = Table(
    "journal_subjects",
    metadata,
    Column("profile_id", Id, primary_key=True, autoincrement=False),
    Column("raw_id", Id, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

seen_keys = Table(
    "seen_keys",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    sqlite_with_rowid=False,
)
"""Hashes of (connection, event key): what was applied once is never applied again. Never trimmed with the logs."""

parked = Table(
    "parked",
    metadata,
    row_id(),
    Column("connection", Text, nullable=False),
    Column("awaits", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("raw_id", Id, nullable=False),
    Column("since", BigInteger, nullable=False),
    Index("parked_awaits", "awaits"),
)
"""Statuses and revisions that came before the interaction with uid `awaits`."""

cursors = Table(
    "cursors",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("cursor", Text),
    Column("complete", SmallInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
"""`complete`: the baseline was read to its end once; nothing is created on the connection before."""
