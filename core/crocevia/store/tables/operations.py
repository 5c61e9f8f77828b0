"""What a person has set going beside the daemon."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from crocevia.store.tables.metadata import Id, metadata

backfills = Table(
    "backfills",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("of", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("since", BigInteger),
    Column("again", Integer, nullable=False),
    Column("cursor", Id, nullable=False),
    Column("until", Id, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("wanted", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
"""How far a backfill of a connection has come: rows up to `cursor` were looked at, the last is `until`.

`state`: running, done. `again`: whether what has a record is written anew too. `seen`: rows looked at; `wanted`:
records asked for. What it has asked for is in `bindings`, with the urgency of a backfill.
"""
