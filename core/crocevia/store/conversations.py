"""One conversation of a channel as its customer may read it: from the log, and nothing else of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia.store.ids import interaction_uid
from crocevia.store.json import loads
from crocevia.store.tables import aliases
from crocevia.store.tables import interactions as log

MOST_LINES = 200
"""The newest so many of a conversation are shown."""
Mark = tuple[int, int]
"""How many interactions a conversation has, and how often they were revised: another one means news."""
_OUT = ("sent", "delivered", "read", "played")


@frozen(kw_only=True)
class Line:
    """One message as its customer sees it. `ours`: the company's. `text`: None also when removed."""

    id: int
    uid: str
    key: str
    ours: bool
    at: int
    text: str | None
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


def lines(connection: Connection, names: Collection[str], name: str, conversation: str) -> list[Line]:
    """What a customer may read of a conversation on one connection, oldest first.

    That is what came in over it, and what has gone out over it: of a reply that was born in a CRM, only when this
    connection has taken it under a key of its own. Notes, drafts, failures and other roads' messages are not shown.

    Args:
        names: The connections where its interactions may be born.
        name: The connection whose customer asks.
    """
    statement = (
        sa.select(log)
        .where(log.c.connection.in_(sorted(names)), log.c.conversation == conversation)
        .order_by(log.c.id.desc())
        .limit(MOST_LINES)
    )
    rows = [(row, loads(row.detail)) for row in connection.execute(statement)][::-1]
    rows = [(row, detail) for row, detail in rows if row.kind == "message"]
    replies = {
        interaction_uid(name, detail["message_key"]): row.id
        for row, detail in rows
        if row.connection != name and row.direction == "outbound" and detail.get("message_key")
    }
    taken = _named(connection, replies)
    return [_line(row, detail) for row, detail in rows if _shown(row, name, taken)]


def _named(connection: Connection, replies: dict[str, int]) -> set[int]:
    """Which interactions a channel really knows under these names: a CRM's user may write any key into a record."""
    if not replies:
        return set()
    found = connection.execute(sa.select(aliases).where(aliases.c.uid.in_(list(replies))))
    return {row.interaction_id for row in found if replies[row.uid] == row.interaction_id}


def _shown(row: Any, name: str, taken: set[int]) -> bool:
    if row.direction == "inbound":
        return bool(row.connection == name)
    return row.direction == "outbound" and row.status in _OUT and (row.connection == name or row.id in taken)


def _line(row: Any, detail: dict[str, Any]) -> Line:
    return Line(
        id=row.id,
        uid=row.uid,
        key=detail.get("message_key", row.key),
        ours=row.direction == "outbound",
        at=row.at,
        text=None if row.removed else row.text,
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
