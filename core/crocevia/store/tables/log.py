"""The append-only log of interactions."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, Table, Text

from crocevia.store.tables.metadata import Id, metadata, row_id

interactions = Table(
    "interactions",
    metadata,
    row_id(),
    Column("uid", Text, nullable=False, unique=True),
    Column("connection", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("conversation", Text),
    Column("profile_id", Id, nullable=False),
    Column("direction", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("text", Text),
    Column("detail", Text, nullable=False),
    Column("status", Text),
    Column("status_detail", Text),
    Column("removed", SmallInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("raw_id", Id),
    Index("interactions_timeline", "profile_id", "at"),
    Index("interactions_conversation", "connection", "conversation", "at"),
)
"""The append-only log. `uid` is our external id, a hash of (connection, key, part)."""

aliases = Table(
    "aliases",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("interaction_id", Id, nullable=False),
    sqlite_with_rowid=False,
)
"""Other names of an interaction: the channel's key of a reply that was born in a CRM."""

revisions = Table(
    "revisions",
    metadata,
    row_id(),
    Column("interaction_id", Id, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("action", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("before", Text),
    Column("raw_id", Id),
    Index("revisions_interaction", "interaction_id"),
    Index("revisions_profile", "profile_id"),
)
"""What an edit or removal replaced, and each status; newest last by id."""
