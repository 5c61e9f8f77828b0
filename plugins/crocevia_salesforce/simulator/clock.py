"""The org's time, which tests may set, and the way Salesforce writes it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?\s*(?:Z|[+-]\d\d:?\d\d)\Z")


class Clock:
    """The org's clock: real time, shifted by an offset, or stopped."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._stopped_at: datetime | None = None

    def now(self) -> datetime:
        """Return the org's time, aware, in UTC."""
        return self._stopped_at or datetime.now(UTC) + self._offset

    def set(self, moment: datetime) -> None:
        """Stop the clock at a moment."""
        self._stopped_at = moment.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        """Move the clock forward, stopped or not."""
        if self._stopped_at is None:
            self._offset += by
        else:
            self._stopped_at += by

    def run(self) -> None:
        """Let the clock run on from the moment it shows."""
        if self._stopped_at is not None:
            self._offset = self._stopped_at - datetime.now(UTC)
            self._stopped_at = None

    @property
    def is_stopped(self) -> bool:
        """Whether the clock stands still."""
        return self._stopped_at is not None


def stamp(moment: datetime) -> str:
    """Return a moment as REST writes it, to the second: ``2026-10-31T12:00:00.000+0000``."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + ".000+0000"


def parse_moment(text: str) -> datetime:
    """Read a dateTime with its zone.

    Raises:
        ValueError: When the text has no zone or is not a time.
    """
    if not _DATETIME.match(text):
        raise ValueError(text)
    return datetime.fromisoformat(text.replace(" ", "")).astimezone(UTC)


def midnight(day: date) -> datetime:
    """Return the start of a day in the org's zone, which is UTC."""
    return datetime.combine(day, time(), UTC)
