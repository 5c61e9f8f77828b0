"""What the org saw and did: every call and every committed mutation, in order, in the store and as JSON lines.

A line is in the file, handed to the operating system, before the answer leaves; a line that a killed simulator did not
get to write is written when it starts again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import RawIOBase
from pathlib import Path
from typing import Any

import msgspec

from crocevia_salesforce.simulator.database import Database

CALLS = "calls"
MUTATIONS = "mutations"
_PAGE = 1_000


class Ledger:
    """Two append-only lists. Mutations wait for their transaction; calls are written at once."""

    def __init__(self, database: Database, folder: Path | None, connection: str) -> None:
        self._database = database
        self._connection = connection
        self._files: dict[str, RawIOBase] = {}
        self.pending: list[bytes] = []
        for kind in (CALLS, MUTATIONS):
            database.execute(f"CREATE TABLE IF NOT EXISTS sim_{kind} (seq INTEGER PRIMARY KEY, line BLOB NOT NULL)")
            if folder:
                folder.mkdir(parents=True, exist_ok=True)
                self._open(kind, folder / f"crm_{kind}.jsonl")

    def _open(self, kind: str, path: Path) -> None:
        lines, end = 0, 0
        if path.exists():
            with path.open("rb") as written:
                for line in written:
                    if line.endswith(b"\n"):
                        lines, end = lines + 1, end + len(line)
        file = self._files[kind] = path.open("ab", buffering=0)  # open as long as the org is
        file.truncate(end)
        behind = self._database.execute(f"SELECT line FROM sim_{kind} ORDER BY seq LIMIT -1 OFFSET ?", (lines,))
        for row in behind:
            file.write(bytes(row[0]) + b"\n")

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()

    def mutated(self, object_name: str, op: str, record_id: str, values: Mapping[str, Any], by: str, at: str) -> None:
        """Note a mutation of the running transaction."""
        line = msgspec.json.encode(
            {
                "connection": self._connection,
                "object": object_name,
                "op": op,
                "id": record_id,
                "values": values,
                "by": by,
                "at": at,
            },
        )
        self.pending.append(line)

    def store_pending(self) -> None:
        """Put the transaction's mutations into the store, with the records that they are about."""
        self._database.connection.executemany(
            f"INSERT INTO sim_{MUTATIONS} (line) VALUES (?)", [(line,) for line in self.pending]
        )

    def flush(self) -> None:
        """Write the committed mutations to the file."""
        if self.pending and MUTATIONS in self._files:
            self._files[MUTATIONS].write(b"".join(line + b"\n" for line in self.pending))
        self.pending.clear()

    def called(self, call: Mapping[str, Any]) -> None:
        """Note one HTTP call."""
        line = msgspec.json.encode({"connection": self._connection, **call})
        self._database.execute(f"INSERT INTO sim_{CALLS} (line) VALUES (?)", (line,))
        if CALLS in self._files:
            self._files[CALLS].write(line + b"\n")

    def count(self, kind: str) -> int:
        """Return how many lines there are."""
        return int(self._database.one(f"SELECT COUNT(*) FROM sim_{kind}")[0])

    def lines(self, kind: str, after: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield lines in order, each with its ``seq``, those after a sequence number only."""
        while limit is None or limit > 0:
            size = _PAGE if limit is None else min(_PAGE, limit)
            sql = f"SELECT seq, line FROM sim_{kind} WHERE seq > ? ORDER BY seq LIMIT ?"
            rows = self._database.execute(sql, (after, size)).fetchall()
            for row in rows:
                yield {"seq": row[0], **msgspec.json.decode(bytes(row[1]))}
            if len(rows) < size:
                return
            after, limit = rows[-1][0], None if limit is None else limit - size
