"""What is to be done elsewhere: bindings and commands."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, Table, Text, UniqueConstraint, column, text

from crocevia.store.tables.metadata import Id, metadata, row_id

bindings = Table(
    "bindings",
    metadata,
    row_id(),
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
    Column("urgency", SmallInteger, nullable=False, server_default=text("1")),
    Column("writing", Text),
    UniqueConstraint("of", "subject_id", "connection", "object"),
)
"""Our record and one CRM record.

`seen`: remote values last observed or acknowledged; `agreed`: where it differs from `seen`, what both sides last held
alike; `held`: remote fields that wait for a review and are not written. `state`: new (no remote record yet), linked,
gone, blocked, review, unknown, dead. Pending: wanted > applied. `claimed`: the revision that a call carries which may
have happened; `writing`: what that call says, so that the record is judged against it when it has happened. `urgency`:
0 interactive, 1 live, 2 backfill.
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
    bindings.c.urgency,
    bindings.c.id,
    sqlite_where=text("wanted > applied AND state IN ('new', 'linked')"),
    postgresql_where=text("wanted > applied AND state IN ('new', 'linked')"),
)
Index("bindings_profile", bindings.c.profile_id)
Index(
    "bindings_unknown",
    bindings.c.connection,
    bindings.c.due_at,
    sqlite_where=text("state = 'unknown'"),
    postgresql_where=text("state = 'unknown'"),
)

commands = Table(
    "commands",
    metadata,
    row_id(),
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
    Column("urgency", SmallInteger, nullable=False, server_default=text("0")),
    Column("thread", Text),
)
"""Things to be done once. `state`: pending, claimed, done, unknown, refused, dead. `uid` is the operation key.
`thread`: those of one conversation go out in order; null: in any."""
_OPEN = text("state IN ('pending', 'claimed')")
Index(
    "commands_open",
    commands.c.connection,
    commands.c.urgency,
    commands.c.id,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)
Index(
    "commands_thread",
    commands.c.connection,
    commands.c.thread,
    commands.c.id,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)
Index(
    "commands_unknown",
    commands.c.connection,
    sqlite_where=text("state = 'unknown'"),
    postgresql_where=text("state = 'unknown'"),
)
