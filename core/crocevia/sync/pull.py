"""What CRMs and polled channels have to tell: pages journaled raw, the cursor committed with them."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from attrs import evolve

from crocevia import faults
from crocevia.connector import Polls, ReadsRecords
from crocevia.errors import SchemaDriftError
from crocevia.mapping.object import ObjectMapping
from crocevia.model import Raw, RawPage
from crocevia.store import connections, cursors, journal
from crocevia.store.bindings import LIVE
from crocevia.store.cursors import Cursor
from crocevia.store.leases import Lease, fence, sure
from crocevia.sync.gate import READ
from crocevia.sync.world import Live, World, streams

MOST_PAGES = 5
"""Of each stream, before they are taken in and what waits is sent and written: a long backlog keeps nobody waiting."""
HISTORY = "history"
_log = structlog.get_logger("crocevia.pull")


def pull(world: World, live: Live, lease: Lease | None = None, most_pages: int = MOST_PAGES) -> bool:
    """Read what is new on every stream of a connection; return whether more waits right now.

    Raises:
        RemoteError: the vendor did not answer; pages read so far are kept.
    """
    more = False
    for stream in _streams(live):
        for _ in range(most_pages):
            if live.gate.allows(READ) < LIVE:
                return True
            with world.store.reading() as connection:
                cursor = cursors.read(connection, live.name, stream)
            sure(world.store, lease, world.now_us())
            with live.gate.call(READ):
                page = _read(live, stream, cursor.text)
            keep(world, live, stream, page, complete=cursor.complete or not page.more, lease=lease)
            if not page.more or page.cursor == cursor.text:  # more, and nothing moves: not before the next poll
                break
        else:
            more = True
    return more


def _streams(live: Live) -> Iterator[str]:
    if live.reads:
        yield from streams(live)
    if isinstance(live.connector, Polls):
        yield HISTORY


def _read(live: Live, stream: str, cursor: str | None) -> RawPage:
    connector = live.connector
    if stream == HISTORY and isinstance(connector, Polls):
        return connector.poll(cursor)
    if not isinstance(connector, ReadsRecords):
        raise TypeError(stream)
    try:
        return connector.changes(stream, cursor, readable(live, live.mappings[stream]))
    except SchemaDriftError as error:
        drifted = live.quarantined.setdefault(stream, set())
        if not set(error.fields) - drifted:
            raise  # leaving out what it names has not helped
        drifted.update(error.fields)
        _log.warning("fields drifted; they are left out", connection=live.name, object=stream, fields=error.fields)
        return connector.changes(stream, cursor, readable(live, live.mappings[stream]))


def readable(live: Live, mapping: ObjectMapping) -> list[str]:
    """The mapped remote fields, without those that have drifted away."""
    return [name for name in mapping.remote_fields if name not in live.quarantined.get(mapping.object, ())]


def keep(
    world: World,
    live: Live,
    stream: str,
    page: RawPage,
    *,
    complete: bool,
    lease: Lease | None = None,
    source: str = "page",
) -> None:
    """Journal a page and move the cursor, in one transaction."""
    now = world.now_us()
    with world.store.writing() as connection:
        if lease is not None:
            fence(connection, lease)
        if page.body:
            raw = Raw(
                connection=live.name,
                kind=live.kind,
                body=page.body,
                received_at=world.clock.now(),
                headers=page.headers,
                source="stream" if source == "stream" else "page",
                stream=stream,
            )
            journal.append(connection, [raw])
        cursors.write(world.store, connection, live.name, stream, Cursor(page.cursor, complete=complete), now)
        connections.write(world.store, connection, live.name, last_in_at=now)
        faults.reach("pull.before_commit")
    faults.reach("pull.committed")


def fit(live: Live) -> None:
    """Ask the CRM for its schema once, and make the lenses keep to it.

    Raises:
        RemoteError: it cannot be described now.
    """
    connector = live.connector
    if live.fitted or not isinstance(connector, ReadsRecords):
        return
    for object_name, mapping in list(live.mappings.items()):
        with live.gate.call(READ):
            schema = connector.describe(object_name)
        key = mapping.key if mapping.key in schema.fields else None
        revision = mapping.revision if mapping.revision in schema.fields else None
        live.mappings[object_name] = evolve(mapping.fit(schema), key=key, revision=revision)
    live.fitted = True
