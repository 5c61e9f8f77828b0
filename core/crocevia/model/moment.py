"""Times: aware, UTC, and integer microseconds in the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def utc(moment: datetime) -> datetime:
    """Return an aware time in UTC. Raises ValueError for a naive one: its zone would be a guess."""
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        msg = "a naive datetime: give it a time zone"
        raise ValueError(msg)
    return moment.astimezone(UTC)


def to_us(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC."""
    return (moment - EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    """The aware UTC time of `to_us`."""
    return EPOCH + timedelta(microseconds=microseconds)
