"""Many rows at once: statements made from the tables, parameters handed to the driver as tuples.

SQLAlchemy's own executemany walks every parameter of every row in Python; for the tables that grow with each
interaction that costs more than the database does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

Values = tuple[Any, ...]


class Insert:
    """INSERT of whole rows; each a tuple in the order of `columns`.

    Args:
        ignoring: Columns of a unique key whose doubles are left as they are; None: a double is an error.
    """

    def __init__(self, table: sa.Table, columns: Sequence[str], ignoring: Sequence[str] | None = None) -> None:
        names = ", ".join(_quoted(table, name) for name in columns)
        marks = ", ".join("?" * len(columns))
        conflict = ""
        if ignoring is not None:
            conflict = f" ON CONFLICT ({', '.join(_quoted(table, name) for name in ignoring)}) DO NOTHING"
        self._statement = _Statement(f"INSERT INTO {table.name} ({names}) VALUES ({marks}){conflict}")  # noqa: S608 - names of our own tables

    def __call__(self, connection: Connection, rows: list[Values]) -> None:
        """Insert them; nothing happens for an empty list."""
        self._statement(connection, rows)


class Update:
    """UPDATE of rows by id; each a tuple of `columns` in order, then the id."""

    def __init__(self, table: sa.Table, columns: Sequence[str]) -> None:
        sets = ", ".join(f"{_quoted(table, name)} = ?" for name in columns)
        self._statement = _Statement(f"UPDATE {table.name} SET {sets} WHERE id = ?")  # noqa: S608 - as above

    def __call__(self, connection: Connection, rows: list[Values]) -> None:
        """Update them; nothing happens for an empty list."""
        self._statement(connection, rows)


class _Statement:
    def __init__(self, text: str) -> None:
        self._by_style = {"qmark": text, "pyformat": text.replace("?", "%s")}

    def __call__(self, connection: Connection, rows: list[Values]) -> None:
        if rows:
            connection.exec_driver_sql(self._by_style[connection.dialect.paramstyle], rows)


def _quoted(table: sa.Table, name: str) -> str:
    return f'"{table.c[name].name}"'
