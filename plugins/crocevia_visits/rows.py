"""What tills write, as rows: CSV with a line of headings, a JSON list, or one JSON object."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from crocevia import Raw
from crocevia.errors import MalformedError
from crocevia_visits.settings import COLUMNS, Settings

_DELIMITERS = ";,\t|"
_WHOLE = 1e15
MOST_LINES = 20
"""Of one row, where there are line ends within quotes: a quote that is not closed by then never is."""


@frozen
class Row:
    """One row of a till's.

    Attributes:
        pointer: Where it stands; `""`: it is the whole raw.
        said: `{what: text}` in our words, without what is empty.
        decimal: What stands before cents in its amounts.
        wrong: Why it cannot be read; `""` when it can.
    """

    pointer: str
    said: Mapping[str, str]
    decimal: str = "."
    wrong: str = ""


def rows(raw: Raw, settings: Settings) -> list[Row]:
    """The rows of a raw, in order.

    Raises:
        MalformedError: it is neither JSON nor CSV in the encoding of the settings, or has no column of receipts.
    """
    if raw.body.lstrip()[:1] in (b"[", b"{"):
        return list(_from_json(raw.json(), settings))
    return list(_from_csv(text(raw.body, settings), settings))


def text(body: bytes, settings: Settings) -> str:
    """CSV decoded. Raises MalformedError when it is in another encoding."""
    try:
        return body.decode(settings.encoding)
    except UnicodeError:
        msg = f"the rows are not in {settings.encoding}: set `encoding` to what the till writes"
        raise MalformedError(msg) from None


def delimiter(headings: str, settings: Settings) -> str:
    """What stands between columns."""
    return settings.delimiter or max(_DELIMITERS, key=headings.count)


def _from_json(body: Any, settings: Settings) -> Iterator[Row]:
    single = isinstance(body, dict)
    for index, item in enumerate([body] if single else body):
        pointer = "" if single else f"/{index}"
        if not isinstance(item, dict):
            yield Row(pointer, {}, wrong="a row that is no object")
            continue
        names = [str(name) for name in item]
        yield Row(pointer, dict(_named(names, map(_plain, item.values()), settings)), settings.decimal or ".")


def _plain(value: Any) -> str:
    """A JSON value as a till would write it; a list of things as their names."""
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE:
        return str(int(value))
    if isinstance(value, list):
        return ", ".join(filter(None, map(_plain, value)))
    if isinstance(value, dict):
        return _plain(value.get("name"))
    return str(value)


def _from_csv(written: str, settings: Settings) -> Iterator[Row]:
    first, _, _ = written.lstrip("\r\n").partition("\n")
    between = delimiter(first, settings)
    decimal = settings.decimal or ("," if between == ";" else ".")
    lines = list(io.StringIO(written, newline=""))
    headings: list[str] | None = None
    at = 0
    while at < len(lines):
        values, length = _record(lines, at, between)
        at += length
        if values is None:
            yield Row(f"/{at}", {}, wrong="a row with a quote that is never closed")
        elif headings is None and any(values):
            headings = values
            expect_headings(headings, settings)
        elif headings is not None and any(values) and values != headings:  # two files put together have them twice
            yield _row(f"/{at}", headings, values, decimal, settings)
    if headings is None:
        msg = "there is nothing in it, not even a line of headings"
        raise MalformedError(msg)


def _record(lines: Sequence[str], at: int, between: str) -> tuple[list[str] | None, int]:
    """The record that begins at a line, and how many lines it has. None: its quotes do not close; that line alone."""
    length, quotes = 0, 0
    for line in lines[at : at + MOST_LINES]:
        length, quotes = length + 1, quotes + line.count('"')
        if quotes % 2 == 0:
            break
    if quotes % 2:
        return None, 1
    try:
        return [value.strip() for value in next(csv.reader(lines[at : at + length], delimiter=between), [])], length
    except csv.Error:
        return None, length


def expect_headings(headings: Iterable[str], settings: Settings) -> None:
    """Look whether a table has what a visit needs. Raises MalformedError."""
    given = {heading.strip().lower() for heading in headings}
    needed = ("date",) if not given.isdisjoint(settings.headings("type")) else ("receipt", "date")
    for what in needed:  # a table with types may be of voids and cards alone
        wanted = settings.headings(what)
        if given.isdisjoint(wanted):
            msg = f"no column is headed {' or '.join(wanted)}: name the till's own in `columns.{what}`"
            raise MalformedError(msg)


def _row(pointer: str, headings: Sequence[str], values: Sequence[str], decimal: str, settings: Settings) -> Row:
    if len(values) > len(headings):
        return Row(pointer, {}, wrong=f"a row of {len(values)} columns under {len(headings)} headings")
    return Row(pointer, dict(_named(headings, values, settings)), decimal)


def _named(headings: Iterable[str], values: Iterable[str], settings: Settings) -> Iterator[tuple[str, str]]:
    given = {heading.strip().lower(): value.strip() for heading, value in zip(headings, values, strict=False)}
    for what in COLUMNS:
        found = next((given[name] for name in settings.headings(what) if given.get(name)), None)
        if found is not None:
            yield what, found
