"""A private copy of a store, to try things on: nothing that happens there is ever seen elsewhere."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, make_url

from crocevia.errors import StoreError
from crocevia.store.database import Store, sqlite_module
from crocevia.store.migrate import upgrade
from crocevia.store.rows import Insert
from crocevia.store.tables import metadata

_LEFT_OUT = frozenset({"announcements", "decisions", "revisions", "journal_subjects"})
"""History that no decision reads; the copy does without it."""
_ONLY = {"journal": "state = 0"}
"""Of the journal, what was not applied yet."""
_ROWS = 1000


@contextmanager
def scratch(store: Store) -> Iterator[Store]:
    """A copy of a store in a file of its own, which is removed at the end; readable for this user alone.

    The copy is one consistent look, taken while a daemon may be at work, which it holds up nowhere: SQLite's own
    backup, or from PostgreSQL row by row in one reading transaction. (A transaction there that is rolled back at the
    end would hold the row that gives out ids, and every other writer with it.)

    Raises:
        StoreError: the store cannot be read, or the copy not be made.
    """
    with tempfile.TemporaryDirectory(prefix="crocevia-") as folder:
        path = Path(folder) / "scratch.db"
        if store.dialect == "sqlite":
            _back_up(store, path)
        copy = Store(f"sqlite:///{path}")
        try:
            if store.dialect != "sqlite":
                upgrade(copy)
                _copy(store, copy)
            yield copy
        finally:
            copy.close()


def _back_up(store: Store, path: Path) -> None:
    """Page by page; what others commit meanwhile is copied too, or the copy starts again."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    sqlite = sqlite_module()
    source = make_url(store.url).database
    try:
        origin, target = sqlite.connect(source), sqlite.connect(path)
        try:
            origin.backup(target)
        finally:
            origin.close()
            target.close()
    except sqlite.Error as error:
        raise StoreError(f"the store cannot be copied to {path.parent}: {type(error).__name__}: {error}") from error


def _copy(store: Store, copy: Store) -> None:
    with store.reading() as origin, copy.writing() as target:
        for table in metadata.sorted_tables:
            if table.name not in _LEFT_OUT:
                _copy_table(origin, target, table)


def _copy_table(origin: Connection, target: Connection, table: sa.Table) -> None:
    names = [column.name for column in table.c]
    target.execute(sa.delete(table))  # a migration may have put a row there
    condition = sa.text(_ONLY.get(table.name, "1 = 1"))
    found = origin.execution_options(yield_per=_ROWS).execute(sa.select(table).where(condition))
    insert = Insert(table, names)
    for rows in found.partitions():
        insert(target, [tuple(row) for row in rows])
