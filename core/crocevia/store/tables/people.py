"""Customers: profiles, the contact points they claim, what they want to be sent, and which were found to be one."""

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
    Index("profiles_merged_into", "merged_into"),
)
"""`fields`: `{our field: value}` (null is cleared, a missing key absent); `origins`: `{field: [time, connection]}`.
`merged_into`: the profile that stands for this one; never one that was merged itself. A tombstone has no fields."""

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

claim_aliases = Table(
    "claim_aliases",
    metadata,
    Column("address", Text, primary_key=True),
    Column("profile_id", Id, primary_key=True, autoincrement=False),
    Column("now", Text, nullable=False),
    Index("claim_aliases_profile", "profile_id"),
    sqlite_with_rowid=False,
)
"""Addresses as an older normaliser wrote them: what was kept under the old form is found under the new one."""

merges = Table(
    "merges",
    metadata,
    row_id(),
    Column("profile_id", Id, nullable=False),
    Column("loser_id", Id, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("snapshot", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("undone_at", BigInteger),
    Index("merges_profile", "profile_id"),
    Index("merges_loser", "loser_id"),
)
"""That `loser_id` became `profile_id`. `snapshot`: both profiles as they were, what the merge made of the survivor, and
where each binding of theirs stood; empty once it was undone. `by`: person, rule, or the connection that said so."""

moved = Table(
    "moved",
    metadata,
    Column("merge_id", Id, primary_key=True, autoincrement=False),
    Column("interaction_id", Id, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""The interactions that changed hands in a merge, so that they can go back. A customer may have very many."""

apart = Table(
    "apart",
    metadata,
    Column("profile_id", Id, primary_key=True, autoincrement=False),
    Column("other_id", Id, primary_key=True, autoincrement=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("apart_other", "other_id"),
    sqlite_with_rowid=False,
)
"""Two profiles of which it was decided that they are two customers; the lower id first. No rule asks again."""

consents = Table(
    "consents",
    metadata,
    row_id(),
    Column("profile_id", Id, nullable=False),
    Column("address", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("connection", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    UniqueConstraint("address", "channel", "purpose"),
    Index("consents_profile", "profile_id"),
)
"""The newest word on what may be sent to an address on a channel (a kind of connector). `purpose`: all or marketing;
`state`: granted or withdrawn; `connection`: where it was said; `source`: keyword, channel, or send (it was refused)."""
