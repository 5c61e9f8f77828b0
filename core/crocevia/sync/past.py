"""What was decided and asked before about the profiles of one transaction: read for all of them at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy.engine import Connection

from crocevia.store import decisions


class Past:
    """Read when the first question is asked, and forgotten when something is written.

    Args:
        transaction: The transaction that it is read and written in.
        now: Its time, in microseconds.
    """

    def __init__(self, transaction: Connection, now: int) -> None:
        self._transaction = transaction
        self._now = now
        self._expected: set[int] = set()
        self._asked: dict[int, list[dict[str, Any]]] = {}
        self._decided: dict[int, list[dict[str, Any]]] = {}
        self._since = 0
        self._ended: dict[tuple[str, str], set[int]] = {}

    def expect(self, profiles: Iterable[int]) -> None:
        """Questions about these profiles may come."""
        self._expected.update(profiles)

    def asked(self, profiles: Collection[int]) -> list[dict[str, Any]]:
        """The open entries about these profiles, as `decisions.open_of_profiles` gives them, oldest first."""
        missing = (self._expected | set(profiles)) - self._asked.keys()
        self._asked |= {wanted: [] for wanted in missing}
        for one in decisions.open_of_profiles(self._transaction, missing):
            self._asked[one["profile_id"]].append(one)
        ended = set().union(*self._ended.values())
        found = [one for wanted in profiles for one in self._asked[wanted] if one["id"] not in ended]
        return sorted(found, key=lambda one: int(one["id"]))

    def decided(self, profile: int, since: int) -> list[dict[str, Any]]:
        """Decisions about a profile since a time, newest first: those that are written."""
        if since != self._since:
            self._decided, self._since = {}, since
        missing = (self._expected | {profile}) - self._decided.keys()
        self._decided |= {wanted: [] for wanted in missing}
        for one in decisions.since(self._transaction, missing, since):
            self._decided[one["profile_id"]].append(one)
        return self._decided[profile]

    def end(self, entries: Iterable[int], *, by: str, choice: str) -> None:
        """End entries; they stay, with who ended them and how."""
        self._ended.setdefault((by, choice), set()).update(entries)

    def write(self) -> None:
        """Write what has ended, and forget what was read."""
        for (by, choice), entries in self._ended.items():
            decisions.end(self._transaction, entries, at=self._now, by=by, choice=choice)
        self._ended.clear()
        self._asked.clear()
        self._decided.clear()
