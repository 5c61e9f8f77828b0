"""Conversations of a channel as their customer may read them: from the log, and nothing else of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia.store import commands
from crocevia.store.commands import CommandRow
from crocevia.store.json import loads
from crocevia.store.tables import interactions as log

MOST_LINES = 200
"""The newest so many of a conversation are shown."""
Mark = tuple[int, int]
"""How many interactions a conversation has, and how often they were revised: another one means news."""
_OUT = ("sent", "delivered", "read", "played")


@frozen(kw_only=True)
class Line:
    """One message as its customer sees it.

    Attributes:
        ours: Whether it is the company's.
        text: As it went out; None also when it was removed.
        buttons: Choices that it offers, each `(title, what comes back)`.
        edited_at: In microseconds; 0: never.
    """

    id: int
    uid: str
    key: str
    ours: bool
    at: int
    subject: str | None
    text: str | None
    buttons: tuple[tuple[str, str], ...]
    removed: bool
    edited_at: int
    automated: bool


def marks(connection: Connection, names: Collection[str], conversations: Collection[str]) -> dict[str, Mark]:
    """The marks of conversations, over the connections where their interactions may be born; the empty are left out."""
    statement = (
        sa.select(log.c.conversation, sa.func.count(), sa.func.sum(log.c.revision))
        .where(log.c.connection.in_(sorted(names)), log.c.conversation.in_(sorted(conversations)))
        .group_by(log.c.conversation)
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in connection.execute(statement)}


def lines(connection: Connection, names: Collection[str], name: str, mine: Collection[str]) -> list[Line]:
    """What a customer may read of conversations on one connection, oldest first.

    That is what came in over it, and what has gone out over it: of a reply that was born in a CRM, only when a command
    of ours has sent it on this connection, whatever its record says. Notes, drafts, failures and other roads' messages
    are not shown.

    Args:
        names: The connections where their interactions may be born.
        name: The connection whose customer asks.
        mine: His conversations.
    """
    statement = (
        sa.select(log)
        .where(log.c.connection.in_(sorted(names)), log.c.conversation.in_(sorted(mine)))
        .order_by(log.c.id.desc())
        .limit(MOST_LINES)
    )
    rows = [(row, loads(row.detail)) for row in connection.execute(statement) if row.kind == "message"][::-1]
    replies = [row.uid for row, _ in rows if row.connection != name and row.direction == "outbound"]
    sent = {uid: command for uid, command in commands.by_uids(connection, replies).items() if _went(command, name)}
    return [_line(row, detail, sent.get(row.uid)) for row, detail in rows if _shown(row, name, sent)]


def _went(command: CommandRow, name: str) -> bool:
    return command.verb == commands.SEND and command.connection == name and command.state == "done"


def _shown(row: Any, name: str, sent: Collection[str]) -> bool:
    if row.direction == "inbound":
        return bool(row.connection == name)
    return row.direction == "outbound" and row.status in _OUT and (row.connection == name or row.uid in sent)


def _line(row: Any, detail: dict[str, Any], command: CommandRow | None) -> Line:
    asked = {} if command is None else command.payload
    parts = [] if command is None else command.parts
    text = "\n\n".join(part["text"] for part in parts if part.get("text")) if parts else row.text
    last = parts[-1] if parts else asked
    return Line(
        id=row.id,
        uid=row.uid,
        key=detail.get("message_key", row.key),
        ours=row.direction == "outbound",
        at=row.at,
        subject=None if row.removed else last.get("subject"),
        text=None if row.removed else text,
        buttons=tuple((one["title"], one.get("id") or one["title"]) for one in last.get("buttons") or ()),
        removed=bool(row.removed),
        edited_at=detail.get("edited_at", 0),
        automated=detail.get("automated", False),
    )


# --- cursors ------------------------------------------------------------------------------------------------------


def cursor(shown: Sequence[Line]) -> str:
    """What says that somebody has seen these lines as they are."""
    return f"{shown[-1].id}.{_digest(shown)}" if shown else "0"


def since(shown: Sequence[Line], after: str) -> Sequence[Line]:
    """Those that somebody with a cursor has not seen; all of them, when an earlier one has changed or come late.

    A reply has its row, and so its place, when it is written, and is shown when it is sent.
    """
    head, _, digest = after.partition(".")
    seen = int(head) if head.isascii() and head.isdigit() and len(head) < 19 else 0
    before = [line for line in shown if line.id <= seen]
    if before and _digest(before) != digest:
        return shown
    return shown[len(before) :]


def _digest(shown: Sequence[Line]) -> str:
    told = json.dumps([(line.id, line.removed, line.edited_at) for line in shown])
    return blake2b(told.encode(), digest_size=8).hexdigest()
