"""Date keywords of SOQL as ranges of days, by the org's clock and zone (UTC); weeks begin on Sunday.

Source: SOQL and SOSL Reference, "Date Formats and Date Literals in WHERE", v60.0.
"""

from __future__ import annotations

from datetime import date, timedelta

_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def span(keyword: str, today: date) -> tuple[date, date]:
    """Return the first day of a keyword's range and the day after its last."""
    name, _, count = keyword.partition(":")
    days = {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}
    if name in days:
        return _days(today, days[name], days[name] + 1)
    if name == "N_DAYS_AGO":
        return _days(today, -int(count), 1 - int(count))
    direction, _, rest = name.partition("_")
    if rest == "90_DAYS":
        rest, count = "N_DAYS", "90"
    if rest.startswith("N_"):
        return _many(direction, rest[2:-1], int(count), today)
    step = {"LAST": -1, "THIS": 0, "NEXT": 1}[direction]
    return _period(rest, step, step + 1, today)


def _days(today: date, first: int, after: int) -> tuple[date, date]:
    return today + timedelta(days=first), today + timedelta(days=after)


def _many(direction: str, unit: str, count: int, today: date) -> tuple[date, date]:
    if unit == "DAY":
        return _days(today, -count, 1) if direction == "LAST" else _days(today, 1, count + 1)
    return _period(unit, -count, 0, today) if direction == "LAST" else _period(unit, 1, count + 1, today)


def _period(unit: str, first: int, after: int, today: date) -> tuple[date, date]:
    if unit == "WEEK":
        sunday = today - timedelta(days=(today.weekday() + 1) % 7)
        return _days(sunday, 7 * first, 7 * after)
    months = _MONTHS[unit]
    start = (today.year * 12 + today.month - 1) // months * months
    return _month(start + first * months), _month(start + after * months)


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)
