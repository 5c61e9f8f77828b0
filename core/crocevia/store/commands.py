"""Commands: things to be done once, each with its own status and answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from attrs import define, field
from sqlalchemy.engine import Connection

from crocevia.store.json import dumps, loads
from crocevia.store.tables import commands

SEND = "send"
HOLDS_UP_ATTEMPTS = 8
"""A message that has failed so often, over some minutes, does not hold up the later ones of its thread any more."""
HOLDS_UP_US = 86_400_000_000
"""Nor does one that is a day old."""


@define(kw_only=True)
class CommandRow:
    """One command. `payload` says what to do; `answer` what came of it; `thread` whom it must not overtake.

    A send that goes as several messages, or not in the words of `payload`, has in its `answer` the `parts` as they go
    out, and the `keys` of those that the channel has taken.
    """

    id: int
    uid: str
    connection: str
    verb: str
    profile_id: int
    interaction_id: int | None = None
    payload: dict[str, Any] = field(factory=dict)
    state: str = "pending"
    due_at: int = 0
    attempts: int = 0
    answer: dict[str, Any] | None = None
    error: str | None = None
    created_at: int = 0
    changed_at: int = 0
    urgency: int = 0
    thread: str | None = None

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The messages that it goes as, each as what differs from `payload`; none where it goes as it is."""
        found: list[dict[str, Any]] = (self.answer or {}).get("parts", [])
        return found

    @property
    def keys(self) -> list[str]:
        """The channel's ids of the parts that it has taken, in order."""
        found: list[str] = (self.answer or {}).get("keys", [])
        return found

    @property
    def text(self) -> str | None:
        """The words that go out next, or may have gone out last."""
        left = self.parts[len(self.keys) :]
        found: str | None = left[0].get("text") if left else self.payload.get("text")
        return found

    def taken(self, key: str) -> bool:
        """Note that the channel has taken the next part, or all of it, under its `key`; return whether that was all."""
        keys = [*self.keys, key]
        self.error, self.attempts = None, 0
        if len(keys) < len(self.parts):
            self.state, self.due_at, self.answer = "pending", 0, {**(self.answer or {}), "keys": keys}
            return False
        self.state = "done"
        went = {"parts": self.parts} if self.parts else {}  # in what words: who may read it again reads those
        self.answer = {"key": keys[0], **({"keys": keys} if len(keys) > 1 else {}), **went}
        return True


def add(connection: Connection, rows: Iterable[CommandRow]) -> None:
    """Write new commands down."""
    values = [_values(row) for row in rows]
    if values:
        connection.execute(sa.insert(commands), values)


def due(
    connection: Connection, name: str, now: int, most: int, verbs: Collection[str] = (SEND,), *, turns: bool = False
) -> list[CommandRow]:
    """Commands to be carried out on a connection now: the urgent first, then the oldest.

    One of a thread waits for those before it, unless they have been tried so often, or wait so long, that they hold
    up nobody any more.

    Args:
        turns: Rather the one that was not tried for longest: each gets its turn.
    """
    order = (commands.c.due_at, commands.c.id) if turns else (commands.c.urgency, commands.c.id)
    before = commands.alias("before")
    held_up = (
        sa.exists()
        .where(
            before.c.connection == commands.c.connection,
            before.c.thread == commands.c.thread,
            before.c.id < commands.c.id,
            sa.text("before.state IN ('pending', 'claimed')"),
            before.c.attempts < HOLDS_UP_ATTEMPTS,
            before.c.created_at > now - HOLDS_UP_US,
        )
        .correlate(commands)
    )
    statement = (
        sa.select(commands)
        .where(
            commands.c.connection == name,
            sa.text("commands.state IN ('pending', 'claimed')"),
            commands.c.state == "pending",
            commands.c.verb.in_(list(verbs)),
            commands.c.due_at <= now,
            sa.or_(commands.c.thread.is_(None), ~held_up),
        )
        .order_by(*order)
        .limit(most)
    )
    return [_command(row) for row in connection.execute(statement)]


def claimed(connection: Connection, name: str, verbs: Collection[str] = (SEND,)) -> list[CommandRow]:
    """Commands that were claimed and never finished: after a crash nobody knows whether they happened."""
    statement = sa.select(commands).where(
        commands.c.connection == name,
        sa.text("state IN ('pending', 'claimed')"),
        commands.c.state == "claimed",
        commands.c.verb.in_(list(verbs)),
    )
    return [_command(row) for row in connection.execute(statement)]


def waiting(connection: Connection, name: str, verb: str) -> bool:
    """Whether any command of this verb waits to be carried out, due or not; one that is parked does not."""
    one = sa.exists().where(
        commands.c.connection == name, commands.c.verb == verb, sa.text("state IN ('pending', 'claimed')")
    )
    return bool(connection.execute(sa.select(one)).scalar())


def open_of_profile(connection: Connection, profile_id: int, verb: str) -> list[CommandRow]:
    """Commands about a customer that nobody has begun to carry out."""
    statement = sa.select(commands).where(
        sa.text("state IN ('pending', 'claimed')"),
        commands.c.state == "pending",
        commands.c.profile_id == profile_id,
        commands.c.verb == verb,
    )
    return [_command(row) for row in connection.execute(statement)]


def doubtful(connection: Connection, name: str) -> list[CommandRow]:
    """Sends of which nobody knows whether they went out, oldest first; those that are made again among them."""
    mine = commands.c.connection == name, commands.c.verb == SEND
    parked = sa.select(commands).where(*mine, sa.text("state = 'unknown'"))
    again = sa.select(commands).where(
        *mine, sa.text("state IN ('pending', 'claimed')"), commands.c.error == "OutcomeUnknownError"
    )
    found = [_command(row) for statement in (parked, again) for row in connection.execute(statement)]
    return sorted(found, key=lambda row: row.id)


def by_uids(connection: Connection, uids: Collection[str]) -> dict[str, CommandRow]:
    """Commands by operation key."""
    if not uids:
        return {}
    statement = sa.select(commands).where(commands.c.uid.in_(list(uids)))
    return {row.uid: _command(row) for row in connection.execute(statement)}


def load(connection: Connection, ids: Collection[int]) -> list[CommandRow]:
    """Commands by row id."""
    statement = sa.select(commands).where(commands.c.id.in_(list(ids)))
    return [_command(row) for row in connection.execute(statement)]


def save(connection: Connection, rows: Sequence[CommandRow]) -> None:
    """Write state, attempts, answer and error back."""
    if not rows:
        return
    statement = sa.update(commands).where(commands.c.id == sa.bindparam("row"))
    connection.execute(
        statement.values({name: sa.bindparam(name) for name in _MUTABLE}),
        [{"row": row.id, **{name: value for name, value in _values(row).items() if name in _MUTABLE}} for row in rows],
    )


_MUTABLE = ("state", "due_at", "attempts", "answer", "error", "changed_at")


def _command(row: Any) -> CommandRow:
    return CommandRow(
        id=row.id,
        uid=row.uid,
        connection=row.connection,
        verb=row.verb,
        profile_id=row.profile_id,
        interaction_id=row.interaction_id,
        payload=loads(row.payload),
        state=row.state,
        due_at=row.due_at,
        attempts=row.attempts,
        answer=loads(row.answer),
        error=row.error,
        created_at=row.created_at,
        changed_at=row.changed_at,
        urgency=row.urgency,
        thread=row.thread,
    )


def _values(row: CommandRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "uid": row.uid,
        "connection": row.connection,
        "verb": row.verb,
        "profile_id": row.profile_id,
        "interaction_id": row.interaction_id,
        "payload": dumps(row.payload),
        "state": row.state,
        "due_at": row.due_at,
        "attempts": row.attempts,
        "answer": None if row.answer is None else dumps(row.answer),
        "error": row.error,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
        "urgency": row.urgency,
        "thread": row.thread,
    }
