"""Files that tills write: read on from where the last reading ended, whole rows only.

A file is known by its name, by what it begins with and by what stands before the place that was reached. One that was
cut, replaced or written anew is read from its beginning; one that was renamed goes on under its new name. What is read
twice is recognised by its receipts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from attrs import asdict, evolve, frozen

from crocevia import RawPage
from crocevia.errors import RetryableError
from crocevia_visits.rows import MOST_LINES
from crocevia_visits.settings import Settings

CHUNK_BYTES = 256 * 1024
LONGEST_ROW_BYTES = 64 * 1024
_MARK_BYTES = 256


@frozen(kw_only=True)
class Place:
    """How far a file was read.

    Attributes:
        offset: Bytes that were read; never within a row.
        begins: Hash of its first bytes, as many as were read, 256 at most.
        ends: Hash of as many before `offset`.
    """

    offset: int = 0
    begins: str = ""
    ends: str = ""


def found(settings: Settings) -> list[Path]:
    """The files that there are, by name."""
    if settings.files is None:
        return []
    parts = settings.files.parts
    plain = next((index for index, part in enumerate(parts) if set(part) & set("*?")), len(parts) - 1)
    pattern = "/".join(parts[plain:]).replace("[", "[[]")  # which stands for itself
    return sorted(Path(*parts[:plain]).glob(pattern))


def page(settings: Settings, connection: str, now: datetime, cursor: str | None) -> RawPage:
    """The next rows of the first file that has any, under its line of headings; nothing where there are none.

    Raises:
        RetryableError: a file cannot be read, and no other has anything new.
    """
    before = _places(cursor)
    after: dict[str, Place] = {}
    unread: OSError | None = None
    body = b""
    for path in found(settings):
        known = before.get(path.as_posix())
        try:
            with path.open("rb") as file:
                place = _where(file, known, before)
                if not body:
                    whole = now.timestamp() - path.stat().st_mtime >= settings.last_line_after_s
                    body, place = _read(file, place, whole=whole)
        except OSError as error:
            unread, place = error, known or Place()
        after[path.as_posix()] = place
    if unread is not None and not body:
        raise RetryableError(
            f"{connection}: a file of `files` cannot be read ({unread.strerror}): may this user do so?"
        )
    return RawPage(
        body=body, cursor=json.dumps({name: asdict(place) for name, place in after.items()}), more=bool(body)
    )


def _places(cursor: str | None) -> Mapping[str, Place]:
    return {name: Place(**place) for name, place in json.loads(cursor).items()} if cursor else {}


def _where(file: BinaryIO, known: Place | None, before: Mapping[str, Place]) -> Place:
    """Where to go on in a file: at its own place, at that of the file it was, or at its beginning."""
    candidates = [known] if known is not None else sorted(before.values(), key=lambda place: -place.offset)
    return next((place for place in candidates if place.offset and _marks(file, place.offset) == place), Place())


def _marks(file: BinaryIO, offset: int) -> Place | None:
    """The place at an offset of a file as it is now; None where it is shorter."""
    file.seek(0)
    begins = file.read(min(offset, _MARK_BYTES))
    file.seek(max(offset - _MARK_BYTES, 0))
    ends = file.read(min(offset, _MARK_BYTES))
    short = min(offset, _MARK_BYTES)
    if len(begins) < short or len(ends) < short:
        return None
    return Place(offset=offset, begins=_hash(begins), ends=_hash(ends))


def _hash(what: bytes) -> str:
    return blake2b(what, digest_size=12).hexdigest()


def _read(file: BinaryIO, place: Place, *, whole: bool) -> tuple[bytes, Place]:
    """The line of headings and the rows after a place, and the place behind them; `b""` where there are none."""
    file.seek(0)
    headings = file.readline(LONGEST_ROW_BYTES)
    if not headings.endswith(b"\n"):
        return b"", place
    start = max(place.offset, len(headings))
    file.seek(start)
    chunk = file.read(CHUNK_BYTES)
    rows = chunk[: _end(chunk, whole=whole and len(chunk) < CHUNK_BYTES)]
    if not rows:
        return b"", place
    return (headings + rows if rows.strip() else b""), _marks(file, start + len(rows)) or evolve(place, offset=0)


def _end(chunk: bytes, *, whole: bool) -> int:
    """Where the last whole row of a chunk ends: a line's end that is not within quotes.

    A till that never closes a quote does not stop the reading: what would be no row any more is given on.
    """
    if whole:
        return len(chunk)
    ends = list(_line_ends(chunk)) or [(len(chunk) if len(chunk) == CHUNK_BYTES else 0, 0)]
    last = len(ends) - 1
    closed = next((index for index in range(last, -1, -1) if ends[index][1] % 2 == 0), -1)
    end = ends[closed][0] if closed >= 0 else 0
    return ends[last][0] if last - closed > MOST_LINES or ends[last][0] - end > LONGEST_ROW_BYTES else end


def _line_ends(chunk: bytes) -> Iterator[tuple[int, int]]:
    """Each line's end, and how many quotes stand before it."""
    end = quotes = 0
    while (found_at := chunk.find(b"\n", end)) >= 0:
        quotes += chunk.count(b'"', end, found_at)
        end = found_at + 1
        yield end, quotes
