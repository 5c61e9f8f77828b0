"""Dead letters brought back: put where the daemon finds them, under their original keys, so that nothing is doubled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crocevia.store import bindings, commands, dead, journal
from crocevia.store.database import Store
from crocevia.store.seen import chunks
from crocevia.store.tables import bindings as binding_table
from crocevia.store.tables import journal as journal_table


def replay(store: Store, letters: Sequence[Mapping[str, Any]]) -> int:
    """Queue dead letters again (rows of `dead.listed`); return how many. The daemon takes them up by itself.

    A leaf's raw is parsed again and only its dead leaves are applied; a record is pushed as it should be now; a
    message is sent under its first id.
    """
    for some in chunks(letters, _AT_ONCE):  # webhooks come in between
        with store.writing() as connection:
            for what, again in (("leaf", _leaves), ("binding", _bindings), ("command", _commands)):
                ids = sorted({letter["ref_id"] for letter in some if letter["what"] == what})
                if ids:
                    again(connection, ids)
    return len(letters)


_AT_ONCE = 500


def _leaves(connection: Connection, ids: list[int]) -> None:
    """The letters stay open until the parse has settled them."""
    connection.execute(sa.update(journal_table).where(journal_table.c.id.in_(ids)).values(state=journal.PENDING))


def _bindings(connection: Connection, ids: list[int]) -> None:
    rows = [row for row in bindings.load(connection, ids) if row.state in ("dead", "unknown")]
    for row in rows:
        row.state = "linked" if row.remote_id else "new"
        row.due_at, row.attempts, row.error = 0, 0, None
    bindings.save(connection, rows)
    connection.execute(
        sa.update(binding_table)
        .where(binding_table.c.id.in_([row.id for row in rows]), binding_table.c.wanted <= binding_table.c.applied)
        .values(wanted=binding_table.c.applied + 1)
    )
    dead.close(connection, "binding", ids)


def _commands(connection: Connection, ids: list[int]) -> None:
    rows = [row for row in commands.load(connection, ids) if row.state in ("dead", "unknown", "refused")]
    for row in rows:
        row.state, row.due_at, row.attempts, row.error = "pending", 0, 0, None
    commands.save(connection, rows)
    dead.close(connection, "command", ids)
