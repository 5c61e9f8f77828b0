"""What was decided, and what waits for a person."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text, text

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
"""`field`: one of our fields, or several with a comma between, where they are judged together. `connection`: whose
change it was about; `person` for what somebody chose."""

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
    Column("ended_at", BigInteger),
    Column("ended_by", Text),
    Column("choice", Text),
    Index("reviews_profile", "profile_id"),
    Index("reviews_subject", "connection", "subject"),
)
"""`state`: open, or ended by `ended_by` with `choice`: a person's, or "agreed" when both sides came to hold the same.

One open entry for one (kind, connection, subject); those that ended stay, and the same may be asked again.
"""
Index(
    "reviews_open",
    reviews.c.kind,
    reviews.c.connection,
    reviews.c.subject,
    unique=True,
    sqlite_where=text("state = 'open'"),
    postgresql_where=text("state = 'open'"),
)
