"""One daemon on one SQLite store: a lock on a file beside it, which the system frees when the process dies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from sqlalchemy.engine import make_url

from crocevia.errors import ConfigError, StoreError

try:
    import fcntl

    LOCKS = True
except ImportError:  # Windows: SQLite's own locks remain
    LOCKS = False


def lock(url: str) -> IO[str] | None:
    """Hold the store for this process for as long as the result lives; None where the store is made to be shared.

    Raises:
        ConfigError: another daemon runs on it.
        StoreError: its folder cannot be written.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not LOCKS or not parsed.database:
        return None
    path = Path(parsed.database + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.open("a+")
    except OSError as error:
        raise StoreError(f"{path} cannot be written by this user ({error.strerror}): mend crocevia.store") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.seek(0)
        owner = held.read().strip() or "unknown"
        held.close()
        msg = f"{parsed.database}: another daemon (process {owner}) runs on this store; stop it, or use PostgreSQL"
        raise ConfigError(msg) from None
    held.seek(0)
    held.truncate()
    held.write(str(os.getpid()))
    held.flush()
    return held
