"""What was decided, and what waits for a person."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text, UniqueConstraint

from crocevia.store.tables.metadata import Id, metadata, row_id

decisions = Table(
    "decisions",
    metadata,
    row_id(),
    Column("at", BigInteger, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("binding_id", Id),
    Column("connection", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("base", Text),
    Column("ours", Text),
    Column("theirs", Text),
    Column("chosen", Text, nullable=False),
    Column("why", Text, nullable=False),
    Index("decisions_profile", "profile_id", "field"),
)

reviews = Table(
    "reviews",
    metadata,
    row_id(),
    Column("kind", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("profile_id", Id),
    Column("data", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("kind", "connection", "subject"),
)
