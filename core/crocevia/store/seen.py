"""Which events were applied before: kept in a table of its own, so that logs can be trimmed without forgetting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from sqlalchemy.engine import Connection

from crocevia.store.rows import Among, Insert
from crocevia.store.tables import seen_keys

T = TypeVar("T")
_KNOWN = Among("SELECT key FROM seen_keys WHERE key {among}")
_REMEMBER = Insert(seen_keys, ("key",), ignoring=("key",))


def known(connection: Connection, keys: Sequence[bytes]) -> set[bytes]:
    """Those of `keys` that were seen."""
    return {bytes(row[0]) for row in _KNOWN.rows(connection, keys)}


def remember(connection: Connection, keys: Iterable[bytes]) -> None:
    """Mark `keys` as seen."""
    _REMEMBER(connection, [(key,) for key in keys])


def chunks(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    """`items` in slices of at most `size`: SQL statements take a bounded number of parameters."""
    return (items[start : start + size] for start in range(0, len(items), size))
