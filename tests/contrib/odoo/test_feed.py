from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crocevia_odoo import feed
from crocevia_odoo.feed import Cursor, Known, Position
from crocevia_odoo.reading import Observer
from crocevia_odoo.rows import stamp_of

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
LATER = START + timedelta(hours=1)


class Table:
    """Rows as Odoo keeps them, to the microsecond, and as it tells them, to the second."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[datetime, str]] = {}

    def write(self, id_: int, seconds: float, name: str = "n") -> None:
        """Change a row, so long after the start."""
        self.rows[id_] = START + timedelta(seconds=seconds), name

    def answer(self, position: Position) -> list[dict[str, Any]]:
        """At most a page of what a position asks for."""
        domain, order = position.query()
        found = [(at, id_, name) for id_, (at, name) in self.rows.items() if all(map(self._test(at, id_), domain))]
        found.sort(key=lambda row: row[1] if order == "id" else row[:2])
        return [{"id": id_, "write_date": stamp_of(at), "name": name} for at, id_, name in found[: feed.PAGE]]

    @staticmethod
    def _test(at: datetime, id_: int) -> Any:
        said = at.strftime("%Y-%m-%d %H:%M:%S.%f")
        tests = {">": lambda value: id_ > value, ">=": lambda value: said >= value, "<": lambda value: said < value}
        return lambda term: tests[term[1]](term[2])


def sweep(table: Table, position: Position, now: datetime | None = LATER) -> tuple[list[str], Position]:
    """What one sweep tells, and the position behind it."""
    told: list[str] = []
    for _ in range(50):
        rows, after, more = position.page(table.answer(position), veiled=False)
        news = position.news(rows)
        told += [f"{row['id']}{row['name']}" for row in news]
        position = after.remember(news, now)
        if not more:
            return told, position
    raise AssertionError("a sweep without an end")


@pytest.mark.parametrize("size", [2, 3, 4, 100])
def test_every_row_is_told_once_whatever_the_page(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Seconds that end in the middle of a page, one that fills several, ids that do not follow the time."""
    monkeypatch.setattr(feed, "PAGE", size)
    table = Table()
    for id_, seconds in enumerate([5.1, 5.9, 5.5, 6, 6, 6, 6, 6.2, 6.1, 7.5, 400.9, 400.1, 500], start=1):
        table.write(id_, seconds)
    first, position = sweep(table, Position())
    second, position = sweep(table, position)
    table.write(3, 500.5, "m")
    third, _ = sweep(table, position)

    assert (sorted(first), len(first)) == (sorted(f"{id_}n" for id_ in range(1, 14)), 13)
    assert (second, third) == ([], ["3m"])


def test_a_row_is_told_until_its_second_is_over() -> None:
    """Changed, changed by us, and changed back in one second: the last word is heard, though it is like the first."""
    table = Table()
    table.write(1, 5.1, "hers")
    first, position = sweep(table, Position(), now=START + timedelta(seconds=6))
    table.write(1, 5.6, "hers")
    again, position = sweep(table, position, now=START + timedelta(seconds=7))
    settled, _ = sweep(table, position, now=START + timedelta(seconds=8))
    unknown, position = sweep(table, Position(), now=None)

    assert (first, again, settled) == (["1hers"], ["1hers"], [])
    assert (unknown, sweep(table, position)[0]) == (["1hers"], ["1hers"])


def test_a_row_that_appears_behind_the_newest_is_told() -> None:
    """A transaction that took a minute shows rows with the time at which it began."""
    table = Table()
    table.write(1, 0)
    table.write(2, 90)
    _, position = sweep(table, Position())
    table.write(3, 30)

    assert sweep(table, position)[0] == ["3n"]


def test_a_short_page_is_no_end_where_rows_are_veiled() -> None:
    """Odoo takes a page of messages and then leaves out what the user may not see."""
    rows = [{"id": 1, "write_date": "2026-11-20 09:00:05", "name": "n"}]
    _, position, more = Position().page(rows, veiled=True)
    _, _, still = position.page(rows, veiled=True)

    assert (more, still) == (True, False)


def test_only_the_overlap_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cursor stays small, also after a mass change."""
    monkeypatch.setattr(feed, "MOST_REMEMBERED", 3)
    table = Table()
    for number in range(9):
        table.write(number, 1000 + number)
    table.write(10, 0)
    _, position = sweep(table, Position())

    assert set(position.told) == {"6", "7", "8"}


def test_known_ids_come_back_from_a_small_text() -> None:
    """A hundred thousand contacts with gaps, in a cursor."""
    ids = {number for number in range(1, 150_000) if number % 3}
    cursor = Cursor(Position(newest="2026-11-20 09:00:00"), Known.of(ids))
    read = Cursor.from_text(cursor.text)

    assert read == cursor
    assert (read.known.ids(), read.known.count, read.known.top) == (ids, len(ids), 149_999)
    assert len(cursor.text) < 30_000
    assert Cursor.from_text(None) == Cursor()
    assert Known.of(set()).ids() == set()


def test_versions_follow_the_stamp_and_then_the_looking() -> None:
    """Also while the clock stands still, or goes back."""
    clock = iter([START, START, START - timedelta(hours=1), START])
    observer = Observer(lambda: next(clock))
    stamps = ["2026-11-20 09:00:05", "2026-11-20 09:00:05", "2026-11-20 09:00:05", "2026-11-20 09:00:06"]
    versions = [observer.version(stamp) for stamp in stamps]

    assert versions == sorted(set(versions))
