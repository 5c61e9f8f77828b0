"""Whether the store can be had, and whether its SQLite is one that keeps what it is given."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from crocevia.connector import Finding
from crocevia.errors import ConfigError, StoreError

_SQLITE = "sqlite:///"
_LOW_DISK_BYTES = 500 * 1024 * 1024


def wal_reset_corrupts(version: tuple[int, ...]) -> bool:
    """Whether an SQLite can corrupt a database in WAL mode when two connections checkpoint at the same time.

    Source: https://sqlite.org/wal.html, "The WAL-reset bug": 3.7.0 to 3.51.2; mended in 3.51.3, and in 3.44.6 and
    3.50.7 for those branches.
    """
    if version[:2] == (3, 44):
        return version < (3, 44, 6)
    if version[:2] == (3, 50):
        return version < (3, 50, 7)
    return (3, 7, 0) <= version <= (3, 51, 2)


def check_store(url: str) -> Iterator[Finding]:
    """Reach the store without changing it; a file that is not there yet must be possible."""
    if url.startswith(_SQLITE):
        yield _sqlite_version()
        path = Path(url.removeprefix(_SQLITE))
        yield _disk(path.parent)
        if not path.exists():
            yield _possible(path)
            return
    yield _reached(url)


def _sqlite_version() -> Finding:
    from crocevia.store.database import sqlite_module

    module = sqlite_module()
    what = f"SQLite {module.sqlite_version} ({module.__name__.split('.')[0]})"
    if wal_reset_corrupts(tuple(int(part) for part in module.sqlite_version.split("."))):
        do = (
            "THIS VERSION CAN CORRUPT THE STORE (WAL-reset bug, SQLite 3.7.0 to 3.51.2): "
            "pip install pysqlite3, or a newer SQLite, or use PostgreSQL"
        )
        return Finding(level="warning", what=what, do=do)
    return Finding(level="ok", what=what)


def _disk(folder: Path) -> Finding:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    what = f"{free // 1024**2} MB free at {folder}"
    if free < _LOW_DISK_BYTES:
        return Finding(level="warning", what=what, do="a full disk refuses webhooks: make room")
    return Finding(level="ok", what=what)


def _possible(path: Path) -> Finding:
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return Finding(
            level="problem", what=str(path), do=f"it cannot be made: {folder} cannot be written by this user"
        )
    return Finding(level="ok", what=f"{path}, to be made by the first `crocevia run`")


def _reached(url: str) -> Finding:
    from sqlalchemy.exc import SQLAlchemyError

    from crocevia.store import Store
    from crocevia.store.migrate import HEAD, version

    try:
        store = Store(url)
    except ConfigError as error:
        return Finding(level="problem", what="store", do=str(error))
    except SQLAlchemyError as error:
        return Finding(level="problem", what="store", do=f"its URL cannot be read ({type(error).__name__})")
    try:
        found = version(store)
    except (StoreError, SQLAlchemyError) as error:
        said = str(error) if isinstance(error, StoreError) else type(error).__name__
        return Finding(level="problem", what=store.url, do=f"it cannot be reached: {said}")
    finally:
        store.close()
    if found is not None and found > HEAD:
        do = f"a newer Crocevia wrote it (schema {found}, this one knows {HEAD}): run that version"
        return Finding(level="problem", what=store.url, do=do)
    return Finding(level="ok", what=f"{store.url} (schema {found or 'to be made by the first `crocevia run`'})")
