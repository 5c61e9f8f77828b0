"""The CDR file: what it says of calls that nobody heard.

`cdr_csv` writes a row a party and call, without names of columns. `newcdrcolumns = yes` in `cdr.conf` adds the linked
id, without which a transferred call cannot be told from two; `usegmtime = yes` makes its times UTC.
Source: asterisk/cdr/cdr_csv.c;
https://docs.asterisk.org/Configuration/Reporting/Call-Detail-Records-CDR/ (2026-11).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from crocevia_asterisk.told import Told

COLUMNS = (
    *("", "Source", "Destination", "DestinationContext", "CallerID", "Channel", "DestinationChannel"),
    *("LastApplication", "", "StartTime", "AnswerTime", "EndTime", "Duration", "BillableSeconds", "Disposition", ""),
    *("UniqueID", "", "", "LinkedID", ""),
)
"""Of a row with `loguniqueid`, `loguserfield` and `newcdrcolumns`; `""`: of no use here."""

_UNIQUE, _LINKED = 16, 19
MAX_BYTES = 8 * 1024 * 1024


def end(path: Path) -> dict[str, int]:
    """Where the file ends now; `{}` while there is none."""
    try:
        found = path.stat()
    except OSError:
        return {}
    return {"file": found.st_ino, "offset": found.st_size}


def read(path: Path, since: dict[str, int], zone: ZoneInfo) -> list[Told]:
    """The rows written since, oldest first; those of a file that was rotated away (`Master.csv.1`) too.

    Args:
        since: What `end` gave; `{}`: from the file's beginning.
    """
    found: list[Told] = []
    here = end(path)
    offset = since.get("offset", 0)
    if since and here.get("file") != since.get("file"):
        rotated = path.with_name(f"{path.name}.1")
        if end(rotated).get("file") == since.get("file"):
            found.extend(_rows(rotated, offset, zone))
        offset = 0
    elif offset > here.get("offset", 0):
        offset = 0  # cut off where it lay
    return [*found, *_rows(path, offset, zone)]


def _rows(path: Path, offset: int, zone: ZoneInfo) -> Iterator[Told]:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(MAX_BYTES)
    except OSError:
        return
    whole = data[: data.rfind(b"\n") + 1].decode(errors="replace")
    for row in csv.reader(io.StringIO(whole, newline="")):
        told = _told(row, zone)
        if told is not None:
            yield told


def _told(row: list[str], zone: ZoneInfo) -> Told | None:
    """A row; None for one that does not name its call."""
    if len(row) <= _UNIQUE or not row[_UNIQUE]:
        return None
    head = {name: value for name, value in zip(COLUMNS, row, strict=False) if name and value}
    try:
        at = datetime.fromisoformat(head.get("StartTime", "")).replace(tzinfo=zone).timestamp()
    except ValueError:
        return None
    return Told(at, "CdrRow", head)


def problem(path: Path) -> str:
    """What is wrong with the file for this use; `""` when nothing is."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, end(path).get("offset", 0) - 4096))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return "it is not there: cdr_csv is another path, or the exchange has had no call yet"
    except OSError as error:
        return f"it cannot be read ({error.strerror}): give Crocevia's user the right"
    rows = list(csv.reader(lines[-1:]))
    if rows and len(rows[0]) <= _LINKED:
        return "its rows lack the linked id: loguniqueid, loguserfield and newcdrcolumns = yes in cdr.conf"
    return ""
