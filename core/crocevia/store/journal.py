"""The journal of raw input: what was acknowledged is here, byte for byte."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia import faults
from crocevia.errors import StoreError
from crocevia.model import Raw, from_us, to_us
from crocevia.store.database import Store
from crocevia.store.json import dumps, loads
from crocevia.store.tables import journal, journal_subjects

PENDING, DONE = 0, 1
_INSERT = sa.insert(journal)
_COLUMNS = ("connection", "source", "stream", "headers", "body", "received_at", "state", "leaves")
_SQLITE_INSERT = f"INSERT INTO journal ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - our own names
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
        with store.appending() as driver:
            driver.executemany(_SQLITE_INSERT, [_row_values(raw) for raw in raws])
    else:
        with store.writing() as connection:
            append(connection, raws)


def pending(connection: Connection, name: str, kind: str, most: int) -> list[JournalRow]:
    """The oldest raws of a connection that are not parsed yet."""
    rows = connection.execute(_PAGE, {"connection": name, "most": most})
    return [_row(row, kind) for row in rows]


def read(connection: Connection, ids: Sequence[int], kind: str) -> list[JournalRow]:
    """Raws by id, in order of id."""
    rows = connection.execute(sa.select(journal).where(journal.c.id.in_(ids)).order_by(journal.c.id))
    return [_row(row, kind) for row in rows]


def finish(connection: Connection, leaves: Sequence[tuple[int, int]]) -> None:
    """Mark raws as parsed: `(id, number of leaves)`."""
    if leaves:
        statement = (
            sa.update(journal)
            .where(journal.c.id == sa.bindparam("raw"))
            .values(state=DONE, leaves=sa.bindparam("count"))
        )
        connection.execute(statement, [{"raw": raw, "count": count} for raw, count in leaves])


def link(store: Store, connection: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Remember which profiles a raw tells of: `(profile id, raw id)`."""
    rows = [{"profile_id": profile, "raw_id": raw} for profile, raw in pairs]
    if rows:
        connection.execute(store.insert(journal_subjects).on_conflict_do_nothing(), rows)


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


def _row(row: sa.Row[tuple[object, ...]], kind: str) -> JournalRow:
    raw = Raw(
        connection=row.connection,
        kind=kind,
        body=bytes(row.body),
        received_at=from_us(row.received_at),
        headers=loads(row.headers),
        source=row.source,
        stream=row.stream,
    )
    return JournalRow(id=row.id, raw=raw, leaves=row.leaves)


Done = Callable[[StoreError | None], None]


class GroupCommit:
    """Journal raws from many requests at once: one thread commits whatever queued during the last fsync.

    Args:
        store: Where to.
        on_commit: Called after each commit with the names of the connections that have news.
        most_waiting: Raws that may queue before `submit` refuses; the caller answers 503.
    """

    def __init__(self, store: Store, on_commit: Callable[[set[str]], None], most_waiting: int = 10_000) -> None:
        self._store = store
        self._on_commit = on_commit
        self._queue: queue.SimpleQueue[tuple[Raw, Done] | None] = queue.SimpleQueue()
        self._most_waiting = most_waiting
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the journal's thread is at work."""
        return self._thread.is_alive()

    def submit(self, raw: Raw, done: Done) -> bool:
        """Queue a raw; `done(None)` is called, from the journal's thread, when it is on disk.

        Returns False, and calls nothing, when too many wait already or the thread is dead.
        """
        if self._queue.qsize() >= self._most_waiting or not self.alive:
            return False
        self._queue.put((raw, done))
        return True

    def close(self) -> None:
        """Write what waits and stop."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            group = [] if first is None else [first]
            stop = first is None
            while len(group) < 256 and not self._queue.empty():  # noqa: PLR2004 - a bound on one transaction
                item = self._queue.get()
                if item is None:
                    stop = True
                    break
                group.append(item)
            if group:
                self._commit(group)
            if stop:
                return

    def _commit(self, group: list[tuple[Raw, Done]]) -> None:
        failure: StoreError | None = None
        try:
            faults.reach("journal.before_commit")
            commit(self._store, [raw for raw, _ in group])
            faults.reach("journal.committed")
        except StoreError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - every waiting request gets an answer, whatever happened
            failure = StoreError(f"the journal failed: {type(error).__name__}")
        for _, done in group:
            done(failure)
        if failure is None:
            self._on_commit({raw.connection for raw, _ in group})
