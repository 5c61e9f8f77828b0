"""Which events were applied before: kept in a table of its own, so that logs can be trimmed without forgetting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crocevia.store.rows import Insert
from crocevia.store.tables import seen_keys

T = TypeVar("T")
_CHUNK = 500
_REMEMBER = Insert(seen_keys, ("key",), ignoring=("key",))


def known(connection: Connection, keys: Sequence[bytes]) -> set[bytes]:
    """Those of `keys` that were seen."""
    found: set[bytes] = set()
    for chunk in chunks(keys, _CHUNK):
        rows = connection.execute(sa.select(seen_keys.c.key).where(seen_keys.c.key.in_(chunk)))
        found.update(bytes(row[0]) for row in rows)
    return found


def remember(connection: Connection, keys: Iterable[bytes]) -> None:
    """Mark `keys` as seen."""
    _REMEMBER(connection, [(key,) for key in keys])


def chunks(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    """`items` in slices of at most `size`: SQL statements take a bounded number of parameters."""
    return (items[start : start + size] for start in range(0, len(items), size))
