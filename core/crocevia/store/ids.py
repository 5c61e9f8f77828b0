"""Ids: row ids in commit order, external ids that are stable for ever."""

from __future__ import annotations

import secrets
from hashlib import blake2b

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crocevia.store.tables import counters

_TAKE = (
    sa.update(counters)
    .where(counters.c.name == "row")
    .values(next=counters.c.next + sa.bindparam("n"))
    .returning(counters.c.next)
)


class RowIds:
    """Row ids for one transaction, taken in blocks; see `counters` for what they promise."""

    def __init__(self, connection: Connection, block: int = 64) -> None:
        self._connection = connection
        self._block = block
        self._next = 0
        self._end = 0

    def reserve(self, count: int) -> None:
        """Make sure that the next `count` ids come from one statement."""
        if self._end - self._next < count:
            self._take(count)

    def wait_turn(self) -> None:
        """Wait until no other transaction holds ids: before rows are changed that another lane may be changing.

        Whoever changes such rows has taken ids before; so no two transactions wait for each other's rows.
        """
        self.reserve(1)

    def __next__(self) -> int:
        if self._next == self._end:
            self._take(self._block)
        self._next += 1
        return self._next - 1

    def _take(self, count: int) -> None:
        end: int = self._connection.execute(_TAKE, {"n": count}).scalar_one()
        self._next, self._end = end - count, end


def new_uid(prefix: str) -> str:
    """A random external id: `"p" + 26 characters`; 128 bits, safe in URLs and case-insensitive stores."""
    return prefix + _base32(secrets.token_bytes(16))


def interaction_uid(connection: str, key: str, part: str = "") -> str:
    """The external id of an interaction: the same for ever for one (connection, key, part)."""
    return "i" + _base32(_digest(connection, key, part))


def seen_key(connection: str, dedupe_key: str) -> bytes:
    """Sixteen bytes that stand for an event of a connection."""
    return _digest(connection, dedupe_key)


_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [one + other for one in _LETTERS for other in _LETTERS]
_SHIFTS = range(120, -1, -10)


def _base32(sixteen: bytes) -> str:
    """Base 32 (RFC 4648) in lower case without padding: 26 characters, two at a time."""
    number = int.from_bytes(sixteen, "big") << 2
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def _digest(*parts: str) -> bytes:
    return blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
