"""The journal of raw input: what was acknowledged is here, byte for byte."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
import structlog
from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia import faults
from crocevia.errors import StoreError
from crocevia.model import Raw, from_us, to_us
from crocevia.store.database import Store
from crocevia.store.json import dumps, loads
from crocevia.store.rows import Among, Insert
from crocevia.store.tables import journal, journal_subjects

PENDING, DONE = 0, 1
_log = structlog.get_logger("crocevia.journal")
_INSERT = sa.insert(journal)
_COLUMNS = ("connection", "source", "stream", "headers", "body", "received_at", "state", "leaves")
_ROW = f"({', '.join('?' * len(_COLUMNS))})"
_AT_ONCE = 64
_SQLITE_INSERTS = [
    f"INSERT INTO journal ({', '.join(_COLUMNS)}) VALUES {', '.join([_ROW] * rows)}"  # noqa: S608 - our own names
    for rows in range(1, _AT_ONCE + 1)
]
"""By number of rows, less one. The driver gives the interpreter's lock away and asks for it again at each step of a
statement, and beside a busy event loop each asking takes milliseconds: so many rows are one step."""
_PAGE = (
    sa.select(journal)
    .where(journal.c.connection == sa.bindparam("connection"), journal.c.state == sa.text("0"))
    .order_by(journal.c.id)
    .limit(sa.bindparam("most"))
)


@frozen(kw_only=True)
class JournalRow:
    """A raw and its place in the journal. `leaves`: how many it was counted to have; None before parsing."""

    id: int
    raw: Raw
    leaves: int | None


def append(connection: Connection, raws: Iterable[Raw]) -> None:
    """Write raws down, in order."""
    connection.execute(_INSERT, [_values(raw) for raw in raws])


def commit(store: Store, raws: Sequence[Raw]) -> None:
    """Write raws down, in order, in a transaction of their own.

    Raises:
        StoreError: none of them is kept.
    """
    if store.dialect == "sqlite":
        with store.appending(alone=len(raws) <= _AT_ONCE) as driver:
            for start in range(0, len(raws), _AT_ONCE):
                some = raws[start : start + _AT_ONCE]
                driver.execute(_SQLITE_INSERTS[len(some) - 1], [value for raw in some for value in _row_values(raw)])
    else:
        with store.writing() as connection:
            append(connection, raws)


def pending(connection: Connection, name: str, kind: str, most: int, most_bytes: int | None = None) -> list[JournalRow]:
    """The oldest raws of a connection that are not parsed yet: no more once they have so many bytes together."""
    found: list[JournalRow] = []
    size = 0
    with connection.execute(_PAGE, {"connection": name, "most": most}) as rows:
        for row in rows:
            found.append(_row(row, kind))
            size += len(found[-1].raw.body)
            if most_bytes is not None and size >= most_bytes:
                break
    return found


def read(connection: Connection, ids: Sequence[int], kind: str) -> list[JournalRow]:
    """Raws by id, in order of id."""
    rows = connection.execute(sa.select(journal).where(journal.c.id.in_(ids)).order_by(journal.c.id))
    return [_row(row, kind) for row in rows]


def finish(connection: Connection, leaves: Sequence[tuple[int, int]]) -> None:
    """Mark raws as parsed: `(id, number of leaves)`."""
    by_count: dict[int, list[int]] = {}
    for raw, count in leaves:
        by_count.setdefault(count, []).append(raw)
    for count, raws in by_count.items():
        _FINISH.run(connection, raws, count)


def link(connection: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Remember which profiles a raw tells of: `(profile id, raw id)`."""
    _LINK(connection, list(pairs))


_FINISH = Among("UPDATE journal SET state = 1, leaves = ? WHERE id {among}")
_LINK = Insert(journal_subjects, ("profile_id", "raw_id"), ignoring=("profile_id", "raw_id"))


def _values(raw: Raw) -> dict[str, object]:
    return dict(zip(_COLUMNS, _row_values(raw), strict=True))


def _row_values(raw: Raw) -> tuple[object, ...]:
    return (
        raw.connection,
        raw.source,
        raw.stream,
        dumps(raw.headers) if raw.headers else "{}",
        raw.body,
        to_us(raw.received_at),
        PENDING,
        None,
    )


def _row(row: Any, kind: str) -> JournalRow:
    id_, connection, source, stream, headers, body, received_at, _, leaves = row
    raw = Raw(
        connection=connection,
        kind=kind,
        body=body if isinstance(body, bytes) else bytes(body),
        received_at=from_us(received_at),
        headers={} if headers == "{}" else loads(headers),
        source=source,
        stream=stream,
    )
    return JournalRow(id=id_, raw=raw, leaves=leaves)


Done = Callable[[StoreError | None], None]


class GroupCommit:
    """Journal raws from many requests at once: one thread commits whatever queued during the last fsync.

    Args:
        store: Where to.
        on_commit: Called after each commit with the names of the connections that have news.
        most_waiting: Raws that may queue before `submit` refuses; the caller answers 503.

    Attributes:
        alive: Whether the journal's thread is at work.
    """

    def __init__(self, store: Store, on_commit: Callable[[set[str]], None], most_waiting: int = 10_000) -> None:
        self._store = store
        self._on_commit = on_commit
        self._queue: queue.SimpleQueue[tuple[Sequence[Raw], Done] | None] = queue.SimpleQueue()
        self._most_waiting = most_waiting
        self.alive = True
        self._thread = threading.Thread(target=self._live, name="journal", daemon=True)
        self._thread.start()

    def submit(self, raw: Raw, done: Done, *copies: Raw) -> bool:
        """Queue a raw; `done(None)` is called, from the journal's thread, when it is on disk.

        Args:
            copies: The same for other connections: they are kept with it, or none of them is.

        Returns False, and calls nothing, when too many wait already or the thread is dead.
        """
        if self._queue.qsize() >= self._most_waiting or not self.alive:
            return False
        self._queue.put(((raw, *copies), done))
        return True

    def close(self) -> None:
        """Write what waits and stop."""
        self._queue.put(None)
        self._thread.join()

    def _live(self) -> None:
        try:
            self._run()
        finally:
            self.alive = False

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            group = [] if first is None else [first]
            stop = first is None
            while len(group) < 256 and not self._queue.empty():
                item = self._queue.get()
                if item is None:
                    stop = True
                    break
                group.append(item)
            if group:
                self._commit(group)
            if stop:
                return

    def _commit(self, group: list[tuple[Sequence[Raw], Done]]) -> None:
        failure: StoreError | None = None
        try:
            faults.reach("journal.before_commit")
            commit(self._store, [raw for raws, _ in group for raw in raws])
            faults.reach("journal.committed")
        except StoreError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - every waiting request gets an answer, whatever happened
            failure = StoreError(f"the journal failed: {type(error).__name__}")
        for _, done in group:
            try:
                done(failure)
            except Exception as error:  # noqa: BLE001 - a request that is not there any more must not stop the journal
                _log.warning("an answer could not be given", error=type(error).__name__)
        if failure is None:
            self._on_commit({raw.connection for raws, _ in group for raw in raws})
