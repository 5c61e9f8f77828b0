"""From the journal to the log: parse, translate, dedupe, apply; in batches, each in one transaction."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from attrs import evolve, field, frozen

from crocevia import faults
from crocevia.errors import MalformedError, StoreError, where
from crocevia.model import (
    ConsentReported,
    Event,
    Ignored,
    InteractionCompleted,
    InteractionRemoved,
    InteractionRevised,
    InteractionSeen,
    ParseContext,
    PartyIdentified,
    RecordChanged,
    RecordDeleted,
    RecordMerged,
    StatusReported,
    Unrecognised,
)
from crocevia.model.wire import from_wire, to_wire
from crocevia.store import dead, journal, seen
from crocevia.store.dead import WHOLE_RAW, DeadLetter
from crocevia.store.ids import seen_key
from crocevia.store.journal import JournalRow
from crocevia.store.leases import Lease, fence
from crocevia.sync.batch import Batch
from crocevia.sync.consent import apply_reported
from crocevia.sync.identified import apply_identified
from crocevia.sync.records import apply_records
from crocevia.sync.touches import Leaf, apply_revisions, apply_seen
from crocevia.sync.world import Live, World

MOST_RAWS = 512
MOST_BYTES = 1_000_000
"""Of the raws that are applied in one transaction: pages of thousands of records go one by one, since a webhook waits
for the writer no longer than a transaction lasts."""
_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|\0")
_log = structlog.get_logger("crocevia.intake")
_TRANSLATE = "crocevia_translate_event"
_STEPS: tuple[tuple[Callable[[Batch, Sequence[Leaf]], None], tuple[type, ...]], ...] = (
    (apply_seen, (InteractionSeen,)),
    (apply_identified, (PartyIdentified,)),
    (apply_revisions, (InteractionRevised, InteractionRemoved, InteractionCompleted, StatusReported)),
    (apply_reported, (ConsentReported,)),
    (apply_records, (RecordChanged, RecordDeleted, RecordMerged)),
)
"""What is done with events, in this order; those that are not named here are quarantined as unrecognised."""


@frozen
class Taken:
    """How many raws were applied, and whether there may be more."""

    raws: int
    more: bool = field(kw_only=True)


@frozen
class Parsed:
    """A raw and what was made of it.

    Attributes:
        failure: Why nothing could be made of it; None when something was.
        replays: For a raw that is parsed again, how many dead letters each leaf has: only those are applied. None: all.
    """

    row: JournalRow
    events: list[Event] = field(factory=list)
    failure: DeadLetter | None = None
    replays: Counter[str] | None = None


def parse(world: World, live: Live, row: JournalRow, context: ParseContext) -> Parsed:
    """Parse one raw; whatever a connector throws quarantines that raw alone."""
    try:
        events = list(live.connector.parse(row.raw, context))
    except MalformedError as error:
        return Parsed(row, failure=_letter(live, row, WHOLE_RAW, "MalformedError", str(error)))
    except Exception as error:  # noqa: BLE001 - a connector's bug must not stop the others' input
        message = f"{live.name}: parse failed ({type(error).__name__}) on raw {row.id}; mend the connector, then replay"
        return Parsed(row, failure=_letter(live, row, WHOLE_RAW, type(error).__name__, message))
    body = row.raw.body
    if (b"\\u" in body or b"\0" in body) and _UNSTORABLE.search(body):
        events = [from_wire(_storable(to_wire(event))) for event in events]
    if world.dispatcher.has(_TRANSLATE):
        events = [made for event in events for made in world.dispatcher.translate(_TRANSLATE, event, raw=row.raw)]
    return Parsed(row, events)


def _storable(value: Any) -> Any:
    """The value with NUL and half surrogates, which no database takes, replaced by U+FFFD; the raw keeps them."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {name: _storable(item) for name, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list) else value


def _letter(live: Live, row: JournalRow, leaf: str, error: str, message: str) -> DeadLetter:
    return DeadLetter(connection=live.name, what="leaf", ref_id=row.id, leaf=leaf, error=error, message=message)


def take_in(world: World, live: Live, lease: Lease | None = None, most: int = MOST_RAWS) -> Taken:
    """Apply the oldest pending raws of a connection, as many as one transaction takes; return how many.

    Raises:
        StoreError: the store cannot take it; the raws stay pending.
    """
    with world.store.reading() as connection:
        rows = journal.pending(connection, live.name, live.kind, most, MOST_BYTES)
        again = dead.open_leaves(connection, [row.id for row in rows if row.leaves is not None])
    if not rows:
        return Taken(0, more=False)
    context = ParseContext(now=world.clock.now(), region=world.region)
    parsed = [parse(world, live, row, context) for row in rows]
    _apply_or_split(world, live, [_replayed(one, again) for one in parsed], lease)
    full = len(rows) == most or sum(len(row.raw.body) for row in rows) >= MOST_BYTES
    return Taken(len(rows), more=full)


def _replayed(one: Parsed, again: Mapping[int, Counter[str]]) -> Parsed:
    """A raw that was counted before is parsed again for its dead letters alone, also when there are none any more."""
    return one if one.row.leaves is None else evolve(one, replays=again.get(one.row.id, Counter()))


def _apply_or_split(world: World, live: Live, parsed: Sequence[Parsed], lease: Lease | None) -> None:
    """Apply together; where that fails for another reason than the store, find the raw it is and bury that one."""
    try:
        apply(world, live, parsed, lease)
    except StoreError:
        raise
    except Exception as error:  # one raw must not hold up the others for ever
        if len(parsed) > 1:
            half = len(parsed) // 2
            _apply_or_split(world, live, parsed[:half], lease)
            _apply_or_split(world, live, parsed[half:], lease)
            return
        one = parsed[0]
        if one.failure is not None:
            raise
        name = type(error).__name__
        _log.error("applying a raw failed", connection=live.name, raw=one.row.id, error=name, at=where(error))
        message = f"{live.name}: applying raw {one.row.id} failed ({name}); this is a bug: report it, then replay"
        letter = _letter(live, one.row, WHOLE_RAW, name, message)
        apply(world, live, [Parsed(one.row, failure=letter, replays=one.replays)], lease)


def apply(world: World, live: Live, parsed: Sequence[Parsed], lease: Lease | None) -> None:
    """Apply parsed raws in one transaction: everything of them, or nothing."""
    expected = 8 * sum(len(one.events) for one in parsed) + 16
    with world.store.writing() as connection:
        if lease is not None:
            fence(connection, lease)
        batch = Batch(world, live, connection, expected)
        dead.close(connection, "leaf", [one.row.id for one in parsed if one.replays is not None])
        leaves = [leaf for one in parsed for leaf in _account(batch, one)]
        _apply_leaves(batch, _fresh(batch, leaves))
        while batch.late:
            late, batch.late = batch.late, []
            _apply_leaves(batch, late)
        journal.finish(connection, [(one.row.id, max(len(one.events), 1)) for one in parsed])
        batch.flush()
        faults.reach("intake.before_commit")
    faults.reach("intake.committed")
    world.rouse({command.connection for command in batch.commands})


def _account(batch: Batch, one: Parsed) -> list[Leaf]:
    """Count a raw's leaves; bury those that cannot be understood; return those to be applied."""
    again = one.replays
    if one.failure is not None:
        batch.counts["received"] += 1 if again is None else 0
        leaves = [WHOLE_RAW] if again is None else sorted(again.elements())
        batch.letters.extend(evolve(one.failure, leaf=leaf) for leaf in leaves)  # as many as before: the books balance
        return []
    events = one.events
    if again is not None:
        events = events if WHOLE_RAW in again else [event for event in events if event.leaf in again]
        batch.counts["received"] -= again.total()  # they were counted when they were buried
    batch.counts["received"] += len(events)
    found: list[Leaf] = []
    for event in events:
        if isinstance(event, Ignored):
            batch.counts["ignored"] += 1
        elif isinstance(event, Unrecognised) or type(event) not in _applied():
            what = event.what if isinstance(event, Unrecognised) else f"an event of type {type(event).__name__}"
            message = f"{batch.live.name}: not understood: {what}; mend the connector, then replay"
            batch.letters.append(_letter(batch.live, one.row, event.leaf, "Unrecognised", message))
        else:
            found.append(Leaf(one.row.id, event))
    return found


def _applied() -> frozenset[type]:
    return frozenset(kind for _, kinds in _STEPS for kind in kinds)


def _fresh(batch: Batch, leaves: Sequence[Leaf]) -> list[Leaf]:
    """Leave out what was applied before, or stands twice in this batch."""
    name = batch.live.name
    keys = [seen_key(name, leaf.event.dedupe_key) for leaf in leaves]
    known = seen.known(batch.transaction, keys)
    found: dict[bytes, Leaf] = {}
    for key, leaf in zip(keys, leaves, strict=True):
        if key not in known:
            found.setdefault(key, leaf)
    batch.counts["superseded"] += len(leaves) - len(found)
    seen.remember(batch.transaction, found)
    return list(found.values())


def _apply_leaves(batch: Batch, leaves: Sequence[Leaf]) -> None:
    """Interactions first, then what revises them, then records: each kind at once."""
    left = set(leaves)
    for step, kinds in _STEPS:
        mine = [leaf for leaf in leaves if type(leaf.event) in kinds]
        if mine:
            step(batch, mine)
            left.difference_update(mine)
    if left:  # none was counted as applied: the raw is buried with the reason, and can be replayed
        names = sorted({type(leaf.event).__name__ for leaf in left})
        raise LookupError(f"nothing applies events of type {', '.join(names)}")
