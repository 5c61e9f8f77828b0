"""The org's records in SQLite: one table an object, columns as its fields."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crocevia_salesforce.simulator.ids import mint
from crocevia_salesforce.simulator.schema import Field, Schema, SObject

_NUMERIC = {"boolean": "INTEGER", "int": "INTEGER", "double": "REAL", "currency": "REAL", "percent": "REAL"}
_HIDDEN = {"IsDeleted": "INTEGER NOT NULL DEFAULT 0", "SystemModstamp": "TEXT"}
"""Columns that every table has, also of an object whose describe does not show them."""
_LOOKUPS = frozenset({"AccountId", "ContactId", "WhoId"})


def _driver() -> Any:
    """Return the newest SQLite at hand; the system's may carry the WAL-reset defect."""
    try:
        return importlib.import_module("pysqlite3")
    except ImportError:
        return importlib.import_module("sqlite3")


def quote(name: str) -> str:
    """Return a name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def _declare(field: Field) -> str:
    if field.name == "Id":
        return '"Id" TEXT PRIMARY KEY'
    if field.type in _NUMERIC:
        return f"{quote(field.name)} {_NUMERIC[field.type]}"
    exact = not field.is_text or field.case_sensitive
    return f"{quote(field.name)} TEXT COLLATE {'BINARY' if exact else 'NOCASE'}"


def _is_sought(field: Field) -> bool:
    """Return whether records are looked for by a field: keys, stamps and the lookups that have children behind them."""
    if field.name == "Id":
        return False
    is_key = field.unique or field.external_id or field.id_lookup
    is_lookup = field.type == "reference" and (field.name.endswith("__c") or field.name in _LOOKUPS)
    return is_key or is_lookup or field.name == "SystemModstamp"


class Database:
    """One SQLite file (or memory), shared by the org's modules under the org's lock."""

    def __init__(self, path: Path | None, schema: Schema) -> None:
        self.sqlite = _driver()
        self.connection = self.sqlite.connect(
            str(path) if path else ":memory:",
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        self.connection.row_factory = self.sqlite.Row
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=FILE", "cache_size=-16000"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.create_function(
            "fold", 1, lambda text: text.casefold() if isinstance(text, str) else text, deterministic=True
        )
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS sim_counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
        )
        self._depth = 0
        self._sql: dict[tuple[str, tuple[str, ...]], str] = {}
        self.migrate(schema)

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def migrate(self, schema: Schema) -> None:
        """Make the tables, columns and indexes that the schema needs and the file lacks."""
        for sobject in schema.objects.values():
            self._migrate(sobject)

    def _migrate(self, sobject: SObject) -> None:
        stored = [field for field in sobject.fields.values() if field.is_stored]
        if not any(field.name == "Id" for field in stored):
            return
        columns = ", ".join(_declare(field) for field in stored)
        self.execute(f"CREATE TABLE IF NOT EXISTS {quote(sobject.name)} ({columns})")
        known = {row["name"].lower() for row in self.execute(f"PRAGMA table_info({quote(sobject.name)})")}
        for name, declared in _HIDDEN.items():
            if name.lower() not in known:
                self.execute(f"ALTER TABLE {quote(sobject.name)} ADD COLUMN {quote(name)} {declared}")
                known.add(name.lower())
        for field in stored:
            if field.name.lower() not in known:
                self.execute(f"ALTER TABLE {quote(sobject.name)} ADD COLUMN {_declare(field)}")
            if _is_sought(field):
                self._index(sobject, field)

    def _index(self, sobject: SObject, field: Field) -> None:
        name = quote(f"{sobject.name}_{field.name}")
        self.execute(f'CREATE INDEX IF NOT EXISTS {name} ON {quote(sobject.name)} ({quote(field.name)}, "Id")')

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run one statement and return its cursor."""
        return self.connection.execute(sql, parameters)

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the first row, or None."""
        return self.connection.execute(sql, parameters).fetchone()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do everything inside or nothing; inside another transaction it is a savepoint."""
        depth, self._depth = self._depth, self._depth + 1
        self.execute(f"SAVEPOINT level{depth}" if depth else "BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.execute(f"ROLLBACK TO level{depth}" if depth else "ROLLBACK")
            if depth:
                self.execute(f"RELEASE level{depth}")
            raise
        else:
            self.execute(f"RELEASE level{depth}" if depth else "COMMIT")
        finally:
            self._depth = depth

    def next_number(self, name: str) -> int:
        """Return the next number of a counter, from 1; numbers of a rolled-back save come again."""
        sql = (
            "INSERT INTO sim_counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
        )
        return int(self.execute(sql, (name,)).fetchone()[0])

    def next_id(self, sobject: SObject) -> str:
        """Return a new record id of an object."""
        return mint(sobject.key_prefix, self.next_number(sobject.name))

    def insert(self, sobject: SObject, row: Mapping[str, Any]) -> None:
        """Add a record; the row's keys are field names."""
        key = ("insert " + sobject.name, tuple(row))
        if key not in self._sql:
            columns, marks = ", ".join(quote(name) for name in row), ", ".join("?" * len(row))
            self._sql[key] = f"INSERT INTO {quote(sobject.name)} ({columns}) VALUES ({marks})"
        self.connection.execute(self._sql[key], tuple(row.values()))

    def update(self, sobject: SObject, record_id: str, row: Mapping[str, Any]) -> None:
        """Change columns of a record."""
        key = ("update " + sobject.name, tuple(row))
        if key not in self._sql:
            sets = ", ".join(f"{quote(name)} = ?" for name in row)
            self._sql[key] = f'UPDATE {quote(sobject.name)} SET {sets} WHERE "Id" = ?'
        self.connection.execute(self._sql[key], (*row.values(), record_id))

    def row(self, sobject: SObject, record_id: str) -> dict[str, Any] | None:
        """Return a record's columns, deleted or not, or None."""
        found = self.one(f'SELECT * FROM {quote(sobject.name)} WHERE "Id" = ?', (record_id,))
        return dict(found) if found else None

    def find(self, sobject: SObject, field: Field, value: Any, limit: int = 3) -> list[str]:
        """Return ids of living records whose field has this value, by the field's own idea of equality."""
        column = quote(field.name)
        sql = f'SELECT "Id" FROM {quote(sobject.name)} WHERE {column} = ? AND "IsDeleted" = 0 ORDER BY "Id" LIMIT ?'
        return [found[0] for found in self.execute(sql, (value, limit))]
