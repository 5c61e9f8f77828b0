"""When a company answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import frozen

from crocevia.errors import ConfigError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")
Spans = tuple[tuple[int, int], ...]


@frozen
class OpeningHours:
    """Of one week, and the days that are not as the others.

    Attributes:
        zone: Whose clock on the wall it is.
        week: `{day of the week, Monday 0: spans in minutes of the day, the end not among them}`; empty: always open.
        closed_on: Days that are closed all the same.
    """

    zone: ZoneInfo
    week: Mapping[int, Spans]
    closed_on: frozenset[date]

    @classmethod
    def of(cls, week: Mapping[str, str], timezone: str, closed_on: Iterable[str]) -> OpeningHours:
        """Read them as the settings say them.

        Raises:
            ConfigError: everything that is wrong, one line each.
        """
        problems: list[str] = []
        zone = ZoneInfo("UTC")
        try:
            zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            problems.append(f"timezone: expected a name like Europe/Rome, got {timezone!r}")
        days: dict[int, Spans] = {}
        for day, text in week.items():
            if day not in DAYS:
                problems.append(f"opening_hours.{day}: expected one of {', '.join(DAYS)}, got another name")
                continue
            spans = _spans(text)
            if spans is None:
                problems.append(f"opening_hours.{day}: expected spans like '09:00-13:00 14:00-18:00', got {text!r}")
            else:
                days[DAYS.index(day)] = spans
        dates: set[date] = set()
        for text in closed_on:
            try:
                dates.add(date.fromisoformat(text))
            except ValueError:
                problems.append(f"closed_on: expected days like '2026-12-25', got {text!r}")
        if problems:
            raise ConfigError(*problems)
        return cls(zone, days, frozenset(dates))

    def open_at(self, moment: datetime) -> bool:
        """Whether the company answers at an aware moment."""
        there = moment.astimezone(self.zone)
        if there.date() in self.closed_on:
            return False
        if not self.week:
            return True
        minute = there.hour * 60 + there.minute
        return any(start <= minute < end for start, end in self.week.get(there.weekday(), ()))


def _spans(text: str) -> Spans | None:
    """Spans of one day; None where they are none, or run backwards."""
    found: list[tuple[int, int]] = []
    for part in text.split():
        match = _SPAN.fullmatch(part)
        if match is None:
            return None
        start = int(match[1]) * 60 + int(match[2])
        end = 24 * 60 if match[3] is None else int(match[3]) * 60 + int(match[4])
        if end <= start:
            return None
        found.append((start, end))
    return tuple(found)
