"""One database, two dialects: SQLite with one writer, PostgreSQL with many."""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.pool import PoolProxiedConnection

from crocevia.errors import ConfigError, StoreError

BUSY_TIMEOUT_MS = 10_000
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # NORMAL loses acknowledged webhooks on a power cut
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA wal_autocheckpoint = 8192",  # pages, 32 MB: many rows share an index page, which is then copied once
    "PRAGMA temp_store = MEMORY",
)
_POSTGRES_OPTIONS = {
    "connect_timeout": 10,
    "tcp_user_timeout": 10_000,  # a cut link fails in seconds instead of hanging for minutes
    "keepalives_idle": 10,
    "options": "-c idle_in_transaction_session_timeout=30s -c synchronous_commit=on -c timezone=UTC",
}


class Store:
    """Where everything durable lives. Safe for many threads.

    Args:
        url: `sqlite:///path` or `postgresql://user@host/name`.

    Raises:
        ConfigError: the URL is of another database.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.dialect = parsed.get_backend_name()
        self._lock = _Turns()
        if self.dialect == "sqlite":
            self._writer = _sqlite_engine(parsed, begin="BEGIN IMMEDIATE", pool_size=1, cache_mb=64)
            self._reader = _sqlite_engine(parsed, begin="BEGIN", pool_size=8, cache_mb=16)
        elif self.dialect == "postgresql":
            self._writer = sa.create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=16,
                pool_pre_ping=True,
                connect_args=dict(_POSTGRES_OPTIONS),
                json_serializer=json.dumps,
            )
            # several reads of one look must agree, as they do on SQLite
            self._reader = self._writer.execution_options(isolation_level="REPEATABLE READ")
        else:
            msg = f"crocevia.store: expected sqlite:///FILE or postgresql://..., got {self.dialect}://"
            raise ConfigError(msg)
        self._own: PoolProxiedConnection | None = None
        self.url = parsed.render_as_string(hide_password=True)

    @property
    def engine(self) -> Engine:
        """The engine that writes; for migrations."""
        return self._writer

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One write transaction: committed and on disk when the block ends, undone when it raises.

        On SQLite transactions of one process queue here instead of at the file's lock.

        Raises:
            StoreError: the database cannot take it: full, locked past the bound, unreachable.
        """
        if self.dialect == "sqlite":
            with self._lock, self._transaction(self._writer) as connection:
                yield connection
        else:
            with self._transaction(self._writer) as connection:
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent look; never waits for writers on SQLite.

        Raises:
            StoreError: the database cannot be read.
        """
        with self._transaction(self._reader) as connection:
            yield connection

    @contextmanager
    def appending(self, *, alone: bool) -> Iterator[Any]:
        """One write transaction on SQLite without SQLAlchemy, for the journal only: half the cost of a small commit.

        Gives the driver's connection; on PostgreSQL there is no such way.

        Args:
            alone: There will be a single statement, which is a transaction by itself.

        Raises:
            StoreError: as for `writing`.
        """
        with self._lock:
            driver: Any = None
            try:
                driver = self._driver()
                if not alone:
                    driver.execute("BEGIN IMMEDIATE")
                yield driver
                if not alone:
                    driver.execute("COMMIT")
            except DBAPIError as error:  # it could not be opened
                raise StoreError(_reason(error)) from error
            except sqlite_module().Error as error:
                raise StoreError(_words(error)) from error
            finally:
                if driver is not None and driver.in_transaction:
                    with suppress(sqlite_module().Error):  # what led here is what is told
                        driver.execute("ROLLBACK")

    def _driver(self) -> Any:
        """The driver's connection for `appending`, opened when it is first wanted."""
        if self._own is None:
            self._own = self._writer.raw_connection()
            self._own.detach()  # from the pool, which has room for one
            driver: Any = self._own.dbapi_connection
            driver.execute("PRAGMA cache_size = -4096")  # it only appends
        return self._own.dbapi_connection

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except OperationalError as error:
            raise StoreError(_reason(error)) from error
        except DBAPIError as error:
            damaged = type(error) is DatabaseError  # no narrower class: not a database, or malformed
            if error.connection_invalidated or damaged or "disk I/O" in str(error.orig):
                raise StoreError(_reason(error)) from error
            raise

    def insert(self, table: sa.Table) -> Any:
        """The dialect's INSERT, which knows ON CONFLICT."""
        return (sqlite if self.dialect == "sqlite" else postgresql).insert(table)

    def close(self) -> None:
        """Close every connection."""
        if self._own is not None:
            self._own.close()
        self._writer.dispose()
        self._reader.dispose()


class _Turns:
    """A lock that is given in the order in which it was asked for; its holder may take it again.

    Python's own goes to whoever asks first after it is free, which is mostly the thread that has just had it: a lane
    with a long backlog would keep the others, and the webhooks, from the only writer there is.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[tuple[int, threading.Lock]] = deque()
        self._owner: int | None = None
        self._again = 0

    def __enter__(self) -> None:
        me = threading.get_ident()
        if self._owner == me:
            self._again += 1
            return
        with self._mutex:
            if self._owner is None:
                self._owner = me
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append((me, turn))
        try:
            turn.acquire()
        except BaseException:  # interrupted while it waited: nobody may be kept waiting for it
            with self._mutex:
                given = self._owner == me
                if not given:
                    self._waiting.remove((me, turn))
            if given:
                self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        if self._again:
            self._again -= 1
            return
        with self._mutex:
            self._owner = None
            if self._waiting:
                self._owner, turn = self._waiting.popleft()
                turn.release()


def sqlite_module() -> ModuleType:
    """SQLite from the `pysqlite3` wheel, else the interpreter's own; `crocevia check` warns where that is unsafe."""
    try:
        import pysqlite3.dbapi2 as module  # noqa: PLC0415 - no wheel on some platforms
    except ImportError:
        import sqlite3 as module  # noqa: PLC0415 - the fallback
    found: ModuleType = module
    return found


def _sqlite_engine(url: URL, *, begin: str, pool_size: int, cache_mb: int) -> Engine:
    path = url.database
    if path in (None, "", ":memory:"):
        msg = "crocevia.store: expected a file, got an SQLite store in memory, which loses everything"
        raise ConfigError(msg)
    _make_file(Path(str(path)))
    engine = sa.create_engine(
        url,
        module=sqlite_module(),
        pool_size=pool_size,
        max_overflow=0 if pool_size == 1 else 16,
        poolclass=sa.pool.QueuePool,
        pool_use_lifo=True,  # each has a cache of its own: as few as are needed
        connect_args={"check_same_thread": False, "isolation_level": None, "cached_statements": 512},
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        for pragma in (*_SQLITE_PRAGMAS, f"PRAGMA cache_size = -{cache_mb * 1024}"):
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _make_file(path: Path) -> None:
    """Make the store's file readable for its owner alone; SQLite gives its companions (-wal, -shm) the same mode.

    Raises:
        StoreError: the folder or the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        msg = f"the store {path} cannot be made or opened ({error.strerror}): mend its folder or the setting `store`"
        raise StoreError(msg) from error


def _reason(error: DBAPIError) -> str:
    """The driver's own words without statement and parameters, which hold personal data."""
    return _words(error.orig)


def _words(error: BaseException | None) -> str:
    said = str(error).splitlines()[0] if error is not None and str(error) else ""
    return f"the store cannot be used now: {type(error).__name__}: {said}"
