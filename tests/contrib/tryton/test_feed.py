from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crocevia_tryton import feed
from crocevia_tryton.feed import OVERLAP, Cursor, Position
from crocevia_tryton.rows import to_datetime

START = datetime(2026, 11, 20, 9, tzinfo=UTC)


def row(id_: int, seconds: float) -> dict[str, Any]:
    """A row that was last changed so many seconds after the start."""
    at = START + timedelta(seconds=seconds)
    return {"id": id_, "_timestamp": f"{at.timestamp()}", "last_modified_at": to_datetime(at)}


def ids(rows: list[Any]) -> list[int]:
    """The rows' ids."""
    return [found["id"] for found in rows]


def test_a_row_that_appears_behind_the_newest_is_told() -> None:
    """A transaction that took a minute commits rows with the time at which it began."""
    position = Position().after([row(1, 0), row(2, 90)], more=False)
    late = [row(1, 0), row(3, 30), row(2, 90)]

    assert position.domain() == [["last_modified_at", ">=", to_datetime(START + timedelta(seconds=90) - OVERLAP)]]
    assert ids(position.news(late)) == [3]
    assert ids(position.after(late, more=False).news(late)) == []


def test_a_row_that_changed_again_is_told_again() -> None:
    """It is the version that was told, not the id."""
    position = Position().after([row(1, 0)], more=False)

    assert ids(position.news([row(1, 0.001)])) == [1]


def test_between_two_pages_the_place_is_exact() -> None:
    """Rows of one transaction have one time: the id says where the page ended."""
    position = Position().after([row(1, 5), row(2, 5)], more=True)
    at = to_datetime(START + timedelta(seconds=5))

    same = [["last_modified_at", "=", at], ["id", ">", 2]]
    assert position.domain() == ["OR", [["last_modified_at", ">", at]], same]


def test_a_sweep_over_the_overlap_does_not_lose_the_newest_time() -> None:
    """The page that ends a sweep may hold only what was told before."""
    newest = Position().after([row(1, 0), row(2, 600)], more=False)
    swept = newest.after([row(2, 600)], more=False)

    assert swept.domain() == newest.domain()
    assert newest.after([], more=False).domain() == newest.domain()


def test_only_the_overlap_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cursor stays small, also after a mass change."""
    old = Position().after([row(1, 0)], more=False).after([row(2, 1000)], more=False)
    monkeypatch.setattr(feed, "MOST_REMEMBERED", 3)
    many = Position().after([row(number, number) for number in range(1, 10)], more=False)

    assert set(old.told) == {"2"}
    assert set(many.told) == {"7", "8", "9"}


def test_a_cursor_comes_back_from_its_text() -> None:
    """The core keeps it as a text."""
    cursor = Cursor(Position().after([row(1, 0)], more=True), Position().after([row(2, 3)], more=False))

    assert Cursor.from_text(cursor.text) == cursor
    assert Cursor.from_text(None) == Cursor()
