"""Many rows at once: statements made from the tables, parameters handed to the driver as tuples.

SQLAlchemy's own executemany walks every parameter of every row in Python; for the tables that grow with each
interaction that costs more than the database does, and so does an `IN` with hundreds of bound values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

Values = tuple[Any, ...]


class Insert:
    """INSERT of whole rows; each a tuple in the order of `columns`.

    Args:
        ignoring: Columns of a unique key whose doubles are left as they are; None: a double is an error.
    """

    def __init__(self, table: sa.Table, columns: Collection[str], ignoring: Collection[str] | None = None) -> None:
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

    def __init__(self, table: sa.Table, columns: Collection[str]) -> None:
        sets = ", ".join(f"{_quoted(table, name)} = ?" for name in columns)
        self._statement = _Statement(f"UPDATE {table.name} SET {sets} WHERE id = ?")  # noqa: S608 - as above

    def __call__(self, connection: Connection, rows: list[Values]) -> None:
        """Update them; nothing happens for an empty list."""
        self._statement(connection, rows)


class Among:
    """A statement about the rows of which a column is one of many values, in as few calls as the database allows.

    Args:
        text: With `{among}` after the column's name (`"SELECT id FROM claims WHERE address {among}"`), and `?` for each
            further value; those come before it.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._array = text.format(among="= ANY(%s)").replace("?", "%s")

    def rows(self, connection: Connection, values: Collection[Any], *given: Any) -> list[Any]:
        """What a SELECT finds; nothing for no values."""
        return [row for result in self._results(connection, values, given) for row in result.all()]

    def run(self, connection: Connection, values: Collection[Any], *given: Any) -> None:
        """Make the change; none for no values."""
        for result in self._results(connection, values, given):
            result.close()

    def _results(
        self, connection: Connection, values: Collection[Any], given: tuple[Any, ...]
    ) -> Iterator[sa.CursorResult[Any]]:
        many = list(values)
        if connection.dialect.paramstyle == "pyformat":
            if many:
                yield connection.exec_driver_sql(self._array, (*given, many))
            return
        for start in range(0, len(many), _MOST_VALUES):
            some = many[start : start + _MOST_VALUES]
            marks = ", ".join("?" * len(some))
            yield connection.exec_driver_sql(self._text.format(among=f"IN ({marks})"), (*given, *some))


_MOST_VALUES = 1000
"""SQLite takes 32,766 parameters; the more, the longer it plans."""


def selecting(table: sa.Table, also: str | None = None) -> str:
    """`SELECT ... FROM table` with all of its columns, in order, and at the end one of another table."""
    names = ", ".join(f"{table.name}.{_quoted(table, name)}" for name in table.columns.keys())  # noqa: SIM118 - columns are what it iterates over
    return f"SELECT {names}{', ' + also if also else ''} FROM {table.name}"  # noqa: S608 - names of our own tables


class _Statement:
    def __init__(self, text: str) -> None:
        self._by_style = {"qmark": text, "pyformat": text.replace("?", "%s")}

    def __call__(self, connection: Connection, rows: list[Values]) -> None:
        if rows:
            connection.exec_driver_sql(self._by_style[connection.dialect.paramstyle], rows)


def _quoted(table: sa.Table, name: str) -> str:
    return f'"{table.c[name].name}"'
