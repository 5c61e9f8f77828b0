"""Customers: profiles and the contact points that they claim."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, Table, Text, UniqueConstraint

from crocevia.store.tables.metadata import Id, metadata, row_id

profiles = Table(
    "profiles",
    metadata,
    row_id(),
    Column("uid", Text, nullable=False, unique=True),
    Column("revision", Integer, nullable=False),
    Column("fields", Text, nullable=False),
    Column("origins", Text, nullable=False),
    Column("deserving", SmallInteger, nullable=False),
    Column("merged_into", Id),
    Column("changed_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""`fields`: `{our field: value}` (null is cleared, a missing key absent); `origins`: `{field: [time, connection]}`."""

claims = Table(
    "claims",
    metadata,
    row_id(),
    Column("profile_id", Id, nullable=False),
    Column("address", Text, nullable=False),
    Column("slot", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("listed", SmallInteger, nullable=False),
    Column("verified", SmallInteger, nullable=False),
    Column("shared", SmallInteger, nullable=False),
    Column("shown_by", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    UniqueConstraint("profile_id", "address"),
    Index("claims_address", "address"),
)
"""A profile's contact points. `listed`: shown on the profile and in CRMs; an unlisted one still identifies.
`shown_by`: `{connection: verified}`."""
