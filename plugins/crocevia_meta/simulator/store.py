"""All that the vendor must not forget, in one SQLite database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS customers (
    address TEXT PRIMARY KEY, user_id TEXT, name TEXT, last_inbound_at REAL);
CREATE TABLE IF NOT EXISTS messages (
    n INTEGER PRIMARY KEY, id TEXT UNIQUE, customer TEXT, direction TEXT, type TEXT, body TEXT, at REAL, callback TEXT);
CREATE TABLE IF NOT EXISTS leaves (
    n INTEGER PRIMARY KEY, id TEXT, kind TEXT, of TEXT, status TEXT, customer TEXT, list TEXT, body TEXT,
    due_at REAL, delivery INTEGER);
CREATE INDEX IF NOT EXISTS leaves_waiting ON leaves (due_at) WHERE delivery IS NULL;
CREATE TABLE IF NOT EXISTS deliveries (
    n INTEGER PRIMARY KEY, body BLOB, leaves TEXT, attempts INTEGER, repeats INTEGER, acknowledged INTEGER,
    next_at REAL);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (next_at) WHERE next_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS media (id TEXT PRIMARY KEY, mime_type TEXT, body BLOB);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER);
"""


class Store:
    """The vendor's memory. Callers hold the vendor's lock; `commit` ends each change."""

    def __init__(self, path: Path | None) -> None:
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")  # a killed process loses no commit; a dead machine may
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def commit(self) -> None:
        """Make what was done since the last commit last."""
        self._db.commit()

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Run a query."""
        return [dict(row) for row in self._db.execute(sql, values)]

    def number(self, sql: str, *values: Any) -> float | None:
        """The one number that a query gives."""
        found: float | None = self._db.execute(sql, values).fetchone()[0]
        return found

    def next(self, counter: str) -> int:
        """Count one further."""
        self._db.execute("INSERT INTO counters VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1", (counter,))
        return int(self.number("SELECT value FROM counters WHERE name = ?", counter) or 0)

    def customer(self, address: str) -> dict[str, Any] | None:
        """A customer by number or user id."""
        found = self.rows("SELECT * FROM customers WHERE address = ? OR user_id = ?", address, address)
        return found[0] if found else None

    def keep_customer(self, address: str, user_id: str | None, name: str | None, last_inbound_at: float | None) -> None:
        """Insert or update a customer; None leaves what is known."""
        self._db.execute(
            "INSERT INTO customers VALUES (?, ?, ?, ?) ON CONFLICT (address) DO UPDATE SET"
            " user_id = coalesce(excluded.user_id, user_id), name = coalesce(excluded.name, name),"
            " last_inbound_at = coalesce(max(excluded.last_inbound_at, ifnull(last_inbound_at, 0)), last_inbound_at)",
            (address, user_id, name, last_inbound_at),
        )

    def move_customer(self, old: str, new: str) -> None:
        """Give a customer another number."""
        self._db.execute("UPDATE OR REPLACE customers SET address = ? WHERE address = ?", (new, old))

    def close_window(self, address: str) -> None:
        """Let a customer's reply window be closed."""
        self._db.execute("UPDATE customers SET last_inbound_at = 0 WHERE address = ?", (address,))

    def keep_message(
        self, id_: str, customer: str, direction: str, body: dict[str, Any], at: float, callback: str | None = None
    ) -> None:
        """Insert a message, in or out."""
        self._db.execute(
            "INSERT INTO messages (id, customer, direction, type, body, at, callback) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (id_, customer, direction, body.get("type"), json.dumps(body), at, callback),
        )

    def keep_leaf(self, leaf: dict[str, Any], due_at: float) -> None:
        """Queue a leaf: `{"id", "kind", "of", "status", "customer", "list", "body"}`."""
        self._db.execute(
            "INSERT INTO leaves (id, kind, of, status, customer, list, body, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(leaf.get(name) for name in ("id", "kind", "of", "status", "customer", "list")),
                json.dumps(leaf["body"]),
                due_at,
            ),
        )

    def keep_delivery(self, body: bytes, leaves: Sequence[dict[str, Any]], now: float) -> None:
        """Bind leaves into one delivery that is due now."""
        told = [{name: leaf[name] for name in ("n", "id", "kind", "of", "status", "customer")} for leaf in leaves]
        cursor = self._db.execute(
            "INSERT INTO deliveries (body, leaves, attempts, repeats, acknowledged, next_at) VALUES (?, ?, 0, 0, 0, ?)",
            (body, json.dumps(told), now),
        )
        self._mark(((cursor.lastrowid, leaf["n"]) for leaf in leaves), "UPDATE leaves SET delivery = ? WHERE n = ?")

    def requeue(self, numbers: Iterable[int], due_at: float) -> None:
        """Let leaves leave once more, in whatever delivery."""
        self._mark(((due_at, n) for n in numbers), "UPDATE leaves SET delivery = NULL, due_at = ? WHERE n = ?")

    def schedule(self, delivery: int, *, next_at: float | None, acknowledged: bool, repeat: bool = False) -> None:
        """Note an attempt, and when the next one is due; None: it is done with."""
        self._db.execute(
            "UPDATE deliveries SET attempts = attempts + 1, acknowledged = acknowledged OR ?, repeats = repeats + ?,"
            " next_at = ? WHERE n = ?",
            (acknowledged, repeat, next_at, delivery),
        )

    def keep_media(self, id_: str, mime_type: str, body: bytes) -> None:
        """Insert a file."""
        self._db.execute("INSERT INTO media VALUES (?, ?, ?)", (id_, mime_type, body))

    def _mark(self, values: Iterable[tuple[Any, ...]], sql: str) -> None:
        self._db.executemany(sql, list(values))
