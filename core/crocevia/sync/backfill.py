"""Records for what was there before: of customers and interactions, on a CRM that came later or maps more than it did.

It only asks: what it wants is written by the connection's own lane, after everything that is fresher.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal

from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia import faults
from crocevia.connector import ReadsRecords, ReportsUsage, WritesRecords
from crocevia.errors import RemoteError
from crocevia.model import to_us
from crocevia.store import backfills, bindings, profiles
from crocevia.store.backfills import BackfillRow
from crocevia.store.bindings import BACKFILL, BindingRow
from crocevia.store.ids import RowIds
from crocevia.sync import deserve
from crocevia.sync.gate import READ
from crocevia.sync.world import Live, World

Of = Literal["profile", "interaction"]
MOST_ROWS = 500
"""Looked at in one transaction: a webhook waits no longer than that."""


@frozen(kw_only=True)
class Forecast:
    """What a backfill would ask for, and what it takes.

    Attributes:
        wanted: Records to be made or written anew.
        calls: Calls to write them, and of customers to look for them first, as the connector tells.
        window_calls: What everybody together may make in a window, by the vendor's gauge or the settings; None: no
            limit is known.
        duration: At the connection's budget of calls for backfills; None: no limit is known.
    """

    seen: int
    wanted: int
    calls: int
    duration: timedelta | None
    window_calls: int | None = None


def start(
    world: World, live: Live, of: Of, *, since: datetime | None = None, again: bool = False, anew: bool = False
) -> BackfillRow:
    """Where a backfill goes on: at the cursor of the same one that was interrupted, else at the start.

    Args:
        since: Only who has changed, or what has happened, since.
        again: What has a record already is written anew where it differs: the mapping has changed.
        anew: From the start, whatever was done before.
    """
    with world.store.writing() as connection:
        row = backfills.read(connection, live.name, of)
        asked = None if since is None else to_us(since)
        if row is not None and row.state == "running" and not anew and (row.since, row.again) == (asked, int(again)):
            return row
        now = world.now_us()
        row = BackfillRow(
            connection=live.name,
            of=of,
            since=asked,
            again=int(again),
            until=backfills.last(connection, of),
            started_at=now,
            changed_at=now,
        )
        backfills.write(world.store, connection, row)
    return row


def run(world: World, live: Live, row: BackfillRow, progress: Callable[[BackfillRow], None] | None = None) -> None:
    """Ask for every record that is missing, a few hundred rows a transaction; killed, it goes on from there."""
    while row.state == "running":
        step(world, live, row)
        if progress is not None:
            progress(row)


def step(world: World, live: Live, row: BackfillRow) -> None:
    """Look at the next rows and ask for what they lack, in one transaction with how far it has come."""
    with world.store.writing() as connection:
        ids = RowIds(connection, block=MOST_ROWS)
        ids.wait_turn()
        some = backfills.page(connection, row.of, row.cursor, row.until, row.since, MOST_ROWS)
        wanted = _missing(connection, world, live, row.of, some)
        bindings.add(connection, [_binding(next(ids), live, row.of, *one) for one in wanted])
        row.wanted += len(wanted)
        if row.again:
            row.wanted += backfills.want_again(connection, live.name, row.of, [subject for subject, _ in some])
        row.seen += len(some)
        row.cursor = some[-1][0] if some else row.until
        row.state = "running" if len(some) == MOST_ROWS else "done"
        row.changed_at = world.now_us()
        backfills.write(world.store, connection, row)
        faults.reach("backfill.before_commit")
    faults.reach("backfill.committed")


def forecast(
    world: World, live: Live, of: Of, *, since: datetime | None = None, again: bool = False, after_profiles: bool = True
) -> Forecast:
    """What `run` would ask for from the start; nothing is changed.

    Args:
        after_profiles: Whether the customers' own backfill runs before that of their interactions.
    """
    seen = wanted = 0
    for page in _pages(world, live, of, since, after_profiles=after_profiles):
        seen += page.seen
        wanted += page.missing + (page.linked if again else 0)
    writer = live.connector
    looked_up = of == "profile" and live.reads
    calls = writer.calls_of(wanted, looked_up=looked_up) if isinstance(writer, WritesRecords) else wanted
    limit = window_calls(live)
    return Forecast(seen=seen, wanted=wanted, calls=calls, duration=_duration(live, calls, limit), window_calls=limit)


def window_calls(live: Live) -> int | None:
    """What everybody together may make in a window; a vendor that has told nothing yet is asked, with one call."""
    reader, limits = live.connector, [live.options.budget.calls]
    if isinstance(reader, ReportsUsage):
        if reader.usage() is None and isinstance(reader, ReadsRecords) and live.mappings:
            with suppress(RemoteError), live.gate.call(READ):
                reader.describe(next(iter(live.mappings.values())).object)
        told = reader.usage()
        limits.append(None if told is None else told.limit)
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None


@frozen
class _Page:
    """How many rows were looked at, how many of them lack a record, how many have one."""

    seen: int
    missing: int
    linked: int


def _pages(world: World, live: Live, of: Of, since: datetime | None, *, after_profiles: bool) -> Iterator[_Page]:
    cursor, asked = 0, None if since is None else to_us(since)
    with world.store.reading() as connection:
        until = backfills.last(connection, of)
        some: list[tuple[int, int]] | None = None
        while some is None or len(some) == MOST_ROWS:
            some = backfills.page(connection, of, cursor, until, asked, MOST_ROWS)
            missing = _missing(connection, world, live, of, some, after_profiles=after_profiles)
            rows = bindings.of_subjects(connection, of, [subject for subject, _ in some], live.name)
            yield _Page(len(some), len(missing), sum(row.state == "linked" for row in rows))
            cursor = some[-1][0] if some else until


def _duration(live: Live, calls: int, limit: int | None) -> timedelta | None:
    """How long the calls take where a budget spreads them."""
    budget = live.options.budget
    if limit is None:
        return None
    each_window = limit * budget.share * budget.backfill
    return budget.window * (calls / each_window) if each_window else None


def _missing(
    connection: Connection,
    world: World,
    live: Live,
    of: str,
    some: Sequence[tuple[int, int]],
    *,
    after_profiles: bool = False,
) -> list[tuple[int, int, str]]:
    """`(subject id, profile id, object)` of what deserves a record on the connection and has none."""
    mapping = live.mapping_of(of)
    if mapping is None or not some:
        return []
    whose = {profile for _, profile in some}
    there = {row.subject_id for row in bindings.of_subjects(connection, "profile", whose, live.name)}
    deserved = _deserved(connection, world, live, whose - there) if of == "profile" or after_profiles else {}
    if of == "profile":
        return [(one, one, deserved[one]) for one, _ in some if one in deserved]
    bound = {row.subject_id for row in bindings.of_subjects(connection, of, [one for one, _ in some], live.name)}
    people = there | deserved.keys()
    return [(one, profile, mapping.object) for one, profile in some if profile in people and one not in bound]


def _deserved(connection: Connection, world: World, live: Live, ids: set[int]) -> dict[int, str]:
    """As what each of these customers deserves a record; those who deserve none are left out."""
    rows = [row for row in profiles.load(connection, ids).values() if row.merged_into is None]
    named = deserve.objects(world, live, rows)
    return {row.id: object_name for row, object_name in zip(rows, named, strict=True) if object_name is not None}


def _binding(id_: int, live: Live, of: str, subject: int, profile: int, object_name: str) -> BindingRow:
    return BindingRow(
        id=id_,
        connection=live.name,
        object=object_name,
        of=of,
        subject_id=subject,
        profile_id=profile,
        urgency=BACKFILL,
    )
