"""What changed in a CRM: from record events to profiles, through lenses and the judge, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crocevia.mapping.object import ObjectMapping
from crocevia.model import Record, RecordChanged, RecordDeleted, RecordMerged
from crocevia.store import bindings, connections, dead
from crocevia.store.bindings import BindingRow
from crocevia.store.decisions import Review
from crocevia.sync import births, rebind, retire, touches, verdicts
from crocevia.sync.adopt import Adoption
from crocevia.sync.batch import Batch
from crocevia.sync.births import Births
from crocevia.sync.conversion import converted
from crocevia.sync.merge import merge_afterwards
from crocevia.sync.touches import Leaf

RecordEvent = RecordChanged | RecordDeleted | RecordMerged
NO_RAW = 0
"""Stands for the raw of records that were asked for, not told."""


def apply_records(batch: Batch, leaves: Sequence[Leaf]) -> None:
    """Apply record events in the order in which the CRM told them."""
    for object_name in dict.fromkeys(leaf.event.object for leaf in leaves):
        mapping = batch.live.mappings.get(object_name)
        mine = [leaf for leaf in leaves if leaf.event.object == object_name]
        if mapping is None:
            batch.counts["ignored"] += len(mine)
            continue
        records = Records(batch, mapping, mine)
        if mapping.of == "profile" and records.too_many_deletions():
            mine = [leaf for leaf in mine if not isinstance(leaf.event, RecordDeleted)]
        for leaf in mine:
            records.apply(leaf)
    touches.take_up(batch)


def hear_records(batch: Batch, events: Sequence[RecordEvent]) -> None:
    """Judge what was asked for, not told, and write it: these are not leaves of the books."""
    apply_records(batch, [Leaf(NO_RAW, event) for event in events])
    batch.counts.clear()
    while batch.late:  # but what had waited for these records was told
        late, batch.late = batch.late, []
        apply_records(batch, late)
    batch.flush()


def as_changed(record: Record) -> RecordChanged:
    """A record that was read, as a change that is heard of now."""
    return RecordChanged(object=record.object, id=record.id, values=record.values, at=record.at, version=record.version)


class Records:
    """The events of one object in one batch, with the bindings and rows they speak of."""

    def __init__(self, batch: Batch, mapping: ObjectMapping, leaves: Sequence[Leaf]) -> None:
        self.batch = batch
        self.mapping = mapping
        self.leaves = leaves
        self.values: dict[int, dict[str, Any]] = {
            id(leaf): self._read(leaf.event) for leaf in leaves if isinstance(leaf.event, RecordChanged)
        }
        ids = {leaf.event.id for leaf in leaves} | {
            leaf.event.into for leaf in leaves if isinstance(leaf.event, RecordMerged)
        }
        self.bound = bindings.by_remote(batch.transaction, batch.live.name, mapping.object, ids)
        self._find_by_key()
        unbound = {
            leaf.event.id: self.values[id(leaf)]
            for leaf in leaves
            if id(leaf) in self.values and leaf.event.id not in self.bound
        }
        if mapping.of == "profile":
            batch.load_profiles({row.subject_id for row in self.bound.values()})
            self._take: Callable[[Leaf, Mapping[str, Any]], BindingRow | None] = Adoption(batch, mapping, unbound).adopt
        else:
            self._take = Births(batch, mapping, unbound).born
        batch.past.expect(row.profile_id for row in self.bound.values())

    def _read(self, event: RecordChanged) -> dict[str, Any]:
        """Remote values after the hook that undoes what `crocevia_map_record` did, without drifted fields."""
        live = self.batch.live
        dispatcher = self.batch.world.dispatcher
        values = dict(event.values)
        if dispatcher.has("crocevia_read_record"):
            values = dispatcher.fold(
                "crocevia_read_record", values, connection=live.name, object=event.object, of=self.mapping.of
            )
        drifted = live.quarantined.get(event.object, ())
        return {name: value for name, value in values.items() if name not in drifted}

    def _find_by_key(self) -> None:
        """Records that carry our key and are not bound: made by us, and the answer was lost."""
        key = self.mapping.key
        unbound = {
            leaf.event.id: self.values[id(leaf)]
            for leaf in self.leaves
            if key and id(leaf) in self.values and leaf.event.id not in self.bound and self.values[id(leaf)].get(key)
        }
        subjects = births.subjects(self.batch, self.mapping.of, {found[key or ""] for found in unbound.values()})
        rows = {
            row.subject_id: row
            for row in bindings.of_subjects(
                self.batch.transaction, self.mapping.of, subjects.values(), self.batch.live.name
            )
            if row.object == self.mapping.object
        }
        if self.mapping.of == "profile":
            self.batch.load_profiles(set(subjects.values()))
        for remote_id, found in unbound.items():
            row = rows.get(subjects.get(found[key or ""], 0))
            if row is not None and row.remote_id is None and row.state in ("new", "unknown", "blocked"):
                if row.state == "unknown":
                    dead.close(self.batch.transaction, "binding", [row.id])
                row.remote_id, row.state = remote_id, "linked"
                if self.mapping.of == "profile":  # judged against what we wrote
                    row.seen, row.applied = row.writing, row.claimed or row.applied
                else:  # the log is ours: what it holds is compared with what it should hold, by the next push
                    row.seen = {name: found[name] for name in self.mapping.remote_fields if name in found}
                row.writing, row.claimed, row.due_at = {}, None, 0
                self.bound[remote_id] = row
                self._is_there(remote_id, row)

    def _is_there(self, remote_id: str, row: BindingRow) -> None:
        """What waited for a customer's record, from either side, need not wait any more."""
        if self.mapping.of == "profile":
            self.batch.linked[self.mapping.object, remote_id] = row.subject_id
            touches.unpark_records(self.batch, self.mapping.object, remote_id)

    def too_many_deletions(self) -> bool:
        """A mass deletion stops the connection and asks: it is ignored, with a review; the rest is applied."""
        gone = [leaf for leaf in self.leaves if isinstance(leaf.event, RecordDeleted)]
        deleted = [leaf for leaf in gone if leaf.event.id in self.bound]
        if len(deleted) <= self.batch.live.options.delete_cap:
            return False
        batch = self.batch
        reason = f"{len(deleted)} records of {self.mapping.object} were deleted at once: look, then `crocevia resume`"
        batch.reviews.append(
            Review(
                kind="mass delete",
                connection=batch.live.name,
                subject=f"raw {deleted[0].raw_id}",
                profile_id=None,
                data={
                    "object": self.mapping.object,
                    "raws": sorted({leaf.raw_id for leaf in self.leaves}),
                    "bindings": sorted({self.bound[leaf.event.id].id for leaf in deleted}),
                },
                at=batch.now,
            )
        )
        connections.write(
            batch.world.store,
            batch.transaction,
            batch.live.name,
            state="paused",
            reason=reason,
            changed_at=batch.now,
        )
        batch.counts["ignored"] += len(gone)
        return True

    def apply(self, leaf: Leaf) -> None:
        """Apply one event."""
        event: RecordEvent = leaf.event
        row = self.bound.get(event.id)
        if isinstance(event, RecordDeleted):
            self._deleted(row)
        elif isinstance(event, RecordMerged):
            self._merged(event, row)
        elif row is None:
            self._unbound(leaf, self.values[id(leaf)])
        elif row.version is not None and event.version < row.version:
            self.batch.counts["superseded"] += 1  # a replayed or late page: the record has moved on since
        else:
            self._changed(leaf, row, self.values[id(leaf)])

    def _changed(self, leaf: Leaf, row: BindingRow, values: Mapping[str, Any]) -> None:
        batch, event = self.batch, leaf.event
        if self._is_double(row):
            self._double(row, values, event)
            return
        if row.state == "gone":
            row.state = "linked"  # it was undeleted there
            self._is_there(event.id, row)
            retire.keep_elsewhere(batch, row)
        batch.subjects.add((row.profile_id, leaf.raw_id))
        batch.changed_bindings[row.id] = row
        row.version = event.version
        if row.writing and self.mapping.revision and values.get(self.mapping.revision) == row.claimed:
            row.seen, row.writing = {**row.seen, **row.writing}, {}  # the call of unknown outcome was made: as we wrote
        if self.mapping.of == "profile":
            verdicts.hear_profile(batch, self.mapping, row, values, event, asked=not leaf.raw_id)
        else:
            verdicts.hear_interaction(batch, self.mapping, row, values)
        batch.counts["applied"] += 1

    def _unbound(self, leaf: Leaf, values: Mapping[str, Any]) -> None:
        row = self._take(leaf, values)
        if row is not None:
            self.bound[leaf.event.id] = row

    def _is_double(self, row: BindingRow) -> bool:
        """Whether it is a record of a profile that was merged away: its customer has another one here."""
        profiles = self.batch.load_profiles([row.subject_id]) if self.mapping.of == "profile" else {}
        return row.subject_id in profiles and profiles[row.subject_id].id != row.subject_id

    def _double(self, row: BindingRow, values: Mapping[str, Any], event: RecordChanged) -> None:
        """What is said of a double is remembered, and not taken: should the merge be undone, it is judged then."""
        batch = self.batch
        for name in self.mapping.remote_fields:
            if name in values and values[name] != row.seen.get(name):
                row.agreed.setdefault(name, row.seen.get(name))
                row.seen[name] = values[name]
        row.version = event.version
        batch.changed_bindings[row.id] = row
        batch.counts["applied"] += 1
        if row.state != "review":
            row.state = "review"  # it came into being, or back, after the merge
            batch.afterwards.append(lambda later: rebind.ask_about(later, row.id))

    def _deleted(self, row: BindingRow | None) -> None:
        if row is None:
            self.batch.counts["ignored"] += 1
            return
        if self.mapping.of == "profile" and row.state == "linked" and not self._is_double(row):
            retire.delete_elsewhere(self.batch, row)
        row.state = "gone"
        self.batch.changed_bindings[row.id] = row
        self.batch.counts["applied"] += 1

    def _merged(self, event: RecordMerged, row: BindingRow | None) -> None:
        """The binding moves to the survivor; where that one is bound too, the two profiles are one customer."""
        batch = self.batch
        if row is None:
            batch.counts["ignored"] += 1
            return
        batch.counts["applied"] += 1
        batch.changed_bindings[row.id] = row
        if event.becomes not in ("", self.mapping.object):
            converted(batch, event, row)
            return
        survivor = self.bound.get(event.into)
        if survivor is None:
            row.remote_id, row.seen, row.agreed, row.version = event.into, {}, {}, None
            self.bound[event.into] = row
            self._is_there(event.into, row)
            return
        row.state = "gone"
        if self.mapping.of != "profile" or survivor.subject_id == row.subject_id:
            return
        rows = batch.load_profiles({survivor.subject_id, row.subject_id})
        one, other = rows[survivor.subject_id], rows[row.subject_id]
        if one is other:
            kept, gone = survivor.id, row.id
            batch.afterwards.append(lambda later: rebind.take_over(later, kept, gone))
        else:
            merge_afterwards(batch, one, other, by=batch.live.name, reason=f"merged in {batch.live.name}")
