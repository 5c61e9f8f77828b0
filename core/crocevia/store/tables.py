"""Every table. Times are integer microseconds since 1970 UTC; JSON is UTF-8 text; ids come from `counters`.

Each row that holds personal data carries the profile's id, so that export and erasure are queries:
`profiles`, `claims`, `interactions`, `revisions`, `bindings` (seen values), `commands`, `decisions`, `reviews`,
`dead`, `announcements`, and for raws, which may tell of several people, `journal_subjects`. `parked` rows name
their raw; they are drained or reviewed, never history.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    column,
    text,
)

metadata = MetaData()
Id = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=False)


counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next", BigInteger, nullable=False),
)
"""One row hands out ids. Taking some locks it until the commit, so ids of committed rows grow in commit order:
a cursor over ids never passes a row that is still to come, on PostgreSQL either."""

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

profiles = Table(
    "profiles",
    metadata,
    _id(),
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
    _id(),
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

interactions = Table(
    "interactions",
    metadata,
    _id(),
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
    _id(),
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

parked = Table(
    "parked",
    metadata,
    _id(),
    Column("connection", Text, nullable=False),
    Column("awaits", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("raw_id", Id, nullable=False),
    Column("since", BigInteger, nullable=False),
    Index("parked_awaits", "awaits"),
)
"""Statuses and revisions that came before the interaction with uid `awaits`."""

bindings = Table(
    "bindings",
    metadata,
    _id(),
    Column("connection", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("of", Text, nullable=False),
    Column("subject_id", Id, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("remote_id", Text),
    Column("version", Text),
    Column("seen", Text, nullable=False),
    Column("agreed", Text),
    Column("held", Text),
    Column("wanted", Integer, nullable=False),
    Column("applied", Integer, nullable=False),
    Column("claimed", Integer),
    Column("state", Text, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("flips", Integer, nullable=False),
    Column("error", Text),
    UniqueConstraint("of", "subject_id", "connection", "object"),
)
"""Our record and one CRM record.

`seen`: remote values last observed or acknowledged; `agreed`: where it differs from `seen`, what both sides last held
alike; `held`: remote fields that wait for a review and are not written. `state`: new (no remote record yet), linked,
gone, blocked, review, unknown, dead. Pending: wanted > applied.
"""
Index(
    "bindings_remote",
    bindings.c.connection,
    bindings.c.object,
    bindings.c.remote_id,
    unique=True,
    sqlite_where=column("remote_id").is_not(None),
    postgresql_where=column("remote_id").is_not(None),
)
Index(
    "bindings_pending",
    bindings.c.connection,
    bindings.c.of,
    bindings.c.id,
    sqlite_where=text("wanted > applied AND state IN ('new', 'linked')"),
    postgresql_where=text("wanted > applied AND state IN ('new', 'linked')"),
)
Index("bindings_profile", bindings.c.profile_id)

commands = Table(
    "commands",
    metadata,
    _id(),
    Column("uid", Text, nullable=False, unique=True),
    Column("connection", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("interaction_id", Id),
    Column("payload", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("answer", Text),
    Column("error", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
"""Things to be done once. `state`: pending, claimed, done, unknown, refused, dead. `uid` is the operation key."""
Index(
    "commands_open",
    commands.c.connection,
    commands.c.id,
    sqlite_where=text("state IN ('pending', 'claimed')"),
    postgresql_where=text("state IN ('pending', 'claimed')"),
)

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

announcements = Table(
    "announcements",
    metadata,
    _id(),
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

decisions = Table(
    "decisions",
    metadata,
    _id(),
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
    _id(),
    Column("kind", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("profile_id", Id),
    Column("data", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("kind", "connection", "subject"),
)

dead = Table(
    "dead",
    metadata,
    _id(),
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

tallies = Table(
    "tallies",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("term", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
)

connections = Table(
    "connections",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("last_in_at", BigInteger),
    Column("last_out_at", BigInteger),
)
"""`state`: running, paused (by a person), or unhealthy (credentials or vendor; `reason` says which)."""

leases = Table(
    "leases",
    metadata,
    Column("lane", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)
