"""Looking before creating: records that hold the same contact points are linked, never doubled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crocevia.connector import ReadsRecords
from crocevia.errors import DuplicateError, GoneError, RemoteError
from crocevia.mapping.object import ObjectMapping
from crocevia.model import Record, RecordMerged
from crocevia.store import bindings, decisions, interactions, profiles
from crocevia.store.bindings import BindingRow
from crocevia.store.decisions import Review
from crocevia.store.ids import RowIds
from crocevia.store.leases import Lease, fence, sure
from crocevia.sync.batch import Batch
from crocevia.sync.gate import READ
from crocevia.sync.pull import readable
from crocevia.sync.records import RecordEvent, as_changed, hear_records
from crocevia.sync.world import Live, World

if TYPE_CHECKING:
    from crocevia.sync.push import Wanted

_FINDABLE = ("phone", "email")
SETTLE_S = 60.0
"""What a search by our key does not find so long after it was looked for the first time was never made."""
_MOST_UNKNOWN = 200
_US = 1_000_000


def look_first(world: World, live: Live, mapping: ObjectMapping, wanted: Sequence[Wanted], lease: Lease | None) -> bool:
    """Read before writing: customers that are about to be created, and with `guard = "read"` what is about to change.

    Records that are found are judged, and linked or reviewed, like any that the CRM tells of. Returns whether
    anything was heard: the writes must be computed again then.
    """
    reader = live.connector
    if not wanted or not isinstance(reader, ReadsRecords):
        return False
    doubtful = [one.row for one in wanted if one.row.claimed is not None and can_ask(live, one.row)]
    if doubtful:
        ask(world, live, mapping, doubtful, lease)
    heard = _before_create(world, live, mapping, reader, wanted, lease) if mapping.of == "profile" else False
    changing = [one.row.remote_id for one in wanted if one.row.remote_id and one.write.operation == "update"]
    if live.options.guard == "read" and changing:
        with live.gate.call(READ):
            records = reader.fetch(mapping.object, changing, readable(live, mapping))
        hear(world, live, records, lease)
        heard = heard or bool(records)
    return heard or bool(doubtful)


# --- what may have happened -----------------------------------------------------------------------------------------


def can_ask(live: Live, row: BindingRow) -> bool:
    """Whether the CRM can say if a write of this binding has happened."""
    return isinstance(live.connector, ReadsRecords) and (row.remote_id is not None or live.keyed is not None)


def ask(
    world: World, live: Live, mapping: ObjectMapping, rows: Sequence[BindingRow], lease: Lease | None
) -> list[BindingRow]:
    """Read what calls that may have happened have come to, and judge it; return the rows of which nothing was found."""
    reader = live.connector
    records: list[Record] = []
    changed = [row.remote_id for row in rows if row.remote_id is not None]
    made = _by_key(world, mapping.of, [row for row in rows if row.remote_id is None])
    sure(world.store, lease, world.now_us())
    with live.gate.call(READ):
        if changed and isinstance(reader, ReadsRecords):
            records += reader.fetch(mapping.object, changed, readable(live, mapping))
        if made and live.keyed is not None:
            records += live.keyed.find_keys(mapping.object, sorted(made), readable(live, mapping))
    hear(world, live, records, lease)
    with world.store.writing() as connection:
        if lease is not None:
            fence(connection, lease)
        RowIds(connection).wait_turn()
        bindings.unclaim(connection, [row.id for row in rows])
    found = {record.values.get(mapping.key or "") for record in records}
    return [row for key, row in made.items() if key not in found]


def _by_key(world: World, of: str, rows: Sequence[BindingRow]) -> dict[str, BindingRow]:
    """Bindings by our external id of what they are of."""
    subjects = {row.subject_id for row in rows}
    with world.store.reading() as connection:
        load = profiles.load if of == "profile" else interactions.load
        found = load(connection, subjects) if subjects else {}
    return {found[row.subject_id].uid: row for row in rows if row.subject_id in found}


def settle(world: World, live: Live, lease: Lease | None) -> int:
    """Look for creates whose outcome is unknown; return how many were looked for.

    What our key finds is bound and judged. What it has twice not found, a while apart, is made again.
    """
    if live.keyed is None:
        return 0
    looked = 0
    for mapping in live.mappings.values():
        with world.store.reading() as connection:
            rows = bindings.unknown(connection, live.name, mapping.of, world.now_us(), _MOST_UNKNOWN)
        rows = [row for row in rows if row.object == mapping.object]
        if not rows:
            continue
        missing = ask(world, live, mapping, rows, lease)
        with world.store.writing() as connection:
            if lease is not None:
                fence(connection, lease)
            RowIds(connection).wait_turn()
            first_look = {row.id for row in missing if row.claimed is not None}
            left = [row for row in bindings.load(connection, [row.id for row in missing]) if row.state == "unknown"]
            for row in left:
                row.due_at = world.now_us() + int(SETTLE_S * _US)
                if row.id not in first_look:
                    row.state, row.due_at = "new", 0
            bindings.save(connection, left)
        looked += len(rows)
    return looked


# --- before a create ------------------------------------------------------------------------------------------------


def _before_create(
    world: World,
    live: Live,
    mapping: ObjectMapping,
    reader: ReadsRecords,
    wanted: Sequence[Wanted],
    lease: Lease | None,
) -> bool:
    """Ask the CRM, in one call, whether it has the customers that are about to be created."""
    creates = [one for one in wanted if one.write.operation == "upsert"]
    with world.store.reading() as connection:
        rows = profiles.load(connection, {one.row.subject_id for one in creates})
    points = {
        point: None
        for row in rows.values()
        for claim in row.claims.values()
        if claim.verified and (point := claim.point).kind in _FINDABLE and not point.scope
    }
    if not points:
        return False
    with live.gate.call(READ):
        found = reader.find(mapping.object, list(points), readable(live, mapping))
    records = {record.id: record for some in found.values() for record in some}
    if not records:
        return False
    hear(world, live, list(records.values()), lease)
    held = {point.address for point, some in found.items() if some}
    doubtful = {one.row.id for one in creates if held & set(rows[one.row.subject_id].claims)}
    _ask_about_unlinked(world, live, mapping, doubtful, lease, again=False)
    return True


def _ask_about_unlinked(
    world: World, live: Live, mapping: ObjectMapping, doubtful: set[int], lease: Lease | None, *, again: bool = True
) -> None:
    """What the look-up found and could not link is not created either: a person looks.

    Args:
        again: Whether to ask also where a person has said already that a record of its own is to be made.
    """
    with world.store.writing() as connection:
        if lease is not None:
            fence(connection, lease)
        ids = RowIds(connection)
        ids.wait_turn()
        rows = [row for row in bindings.load(connection, doubtful) if row.remote_id is None and row.state == "new"]
        if not again:
            said = decisions.choices(connection, "adoption", live.name, [_about(row) for row in rows])
            rows = [row for row in rows if said.get(_about(row)) != "new"]
        for row in rows:
            row.state, row.error = "review", "the CRM has a record with the same contact point, bound elsewhere"
        bindings.save(connection, rows)
        reviews = [
            Review(
                kind="adoption",
                connection=live.name,
                subject=_about(row),
                profile_id=row.profile_id,
                data={"object": mapping.object, "binding": row.id},
                at=world.now_us(),
            )
            for row in rows
        ]
        decisions.review(world.store, connection, ids, reviews)


def _about(row: BindingRow) -> str:
    return f"binding {row.id}"


def after_refusal(
    world: World,
    live: Live,
    mapping: ObjectMapping,
    refused: Sequence[tuple[BindingRow, RemoteError]],
    lease: Lease | None,
) -> None:
    """Read what the CRM says is a double, is newer than ours, or outlived a merge, and judge it like any change.

    A double that could not be linked is not tried again: a person looks.
    """
    if not isinstance(live.connector, ReadsRecords):
        return
    moved = {row.remote_id: error.survivor for row, error in refused if isinstance(error, GoneError) and row.remote_id}
    ids = {row.remote_id for row, _ in refused if row.remote_id and row.remote_id not in moved}
    ids |= {survivor for survivor in moved.values() if survivor}
    ids |= {candidate for _, error in refused if isinstance(error, DuplicateError) for candidate in error.candidates}
    records: list[Record] = []
    if ids:
        with live.gate.call(READ):
            records = live.connector.fetch(mapping.object, sorted(ids), readable(live, mapping))
    now = world.clock.now()
    merges = [
        RecordMerged(object=mapping.object, id=gone, into=survivor, at=now)
        for gone, survivor in moved.items()
        if survivor
    ]
    hear(world, live, records, lease, merges)
    doubles = {row.id for row, error in refused if isinstance(error, DuplicateError)}
    if doubles:
        _ask_about_unlinked(world, live, mapping, doubles, lease)


def hear(
    world: World, live: Live, records: Sequence[Record], lease: Lease | None, merges: Sequence[RecordMerged] = ()
) -> None:
    """Judge records that were asked for, after the merges that made one ask, in one transaction."""
    events: list[RecordEvent] = [*merges, *map(as_changed, records)]
    if not events:
        return
    with world.store.writing() as connection:
        if lease is not None:
            fence(connection, lease)
        hear_records(Batch(world, live, connection, 4 * len(events) + 16), events)
