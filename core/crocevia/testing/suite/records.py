"""Silver: what is written to a CRM is there, is found again, and is told as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from crocevia.connector import FindsKeys, ReadsRecords, WritesRecords
from crocevia.mapping import ObjectMapping
from crocevia.model import ContactPoint, Outcome, RecordChanged, RecordDeleted, RecordMerged, Write, Written
from crocevia.testing.peer import CRMPeer
from crocevia.testing.suite.paging import read
from crocevia.testing.suite.peered import Peered
from crocevia.testing.suite.subject import expect

KEY = "suite-key-"


class RecordWork(Peered):
    """What tests of a CRM that is written have in common."""

    def of(self, connector: Any, stream: str) -> ObjectMapping:
        """The mapping of an object. Skips where the connector writes none."""
        self.needs(WritesRecords)
        found: ObjectMapping = next(mapping for mapping in connector.mappings() if mapping.object == stream)
        return found

    def upsert(self, peer: CRMPeer, mapping: ObjectMapping, number: int, values: Any = None) -> Write:
        """A write of record number so-and-so, as the core makes it."""
        self.said(peer, "record", "holds")
        given = dict(peer.record(mapping.object, number) if values is None else values)
        if mapping.key:
            given[mapping.key] = f"{KEY}{number}"
        if mapping.revision:
            given[mapping.revision] = 1
        return Write(object=mapping.object, operation="upsert", key=f"{KEY}{number}", values=given)

    def written(self, outcomes: list[Outcome], count: int = 1) -> list[Written]:
        """The outcomes, all of them good."""
        bad = [f"{type(outcome).__name__}: {outcome}" for outcome in outcomes if not isinstance(outcome, Written)]
        expect(not bad and len(outcomes) == count, f"a good record is refused: {'; '.join(bad) or len(outcomes)}")
        return [outcome for outcome in outcomes if isinstance(outcome, Written)]


class Records(RecordWork):
    """Tests of `write`, `fetch`, `find` and `changes` while all is well."""

    def test_what_was_written_is_read_back(self, stream: str) -> None:
        """Created, then changed in every field: `fetch` and the feed give the values that were written."""
        with self.at_peer(WritesRecords) as (peer, connector):
            mapping = self.of(connector, stream)
            create = self.upsert(peer, mapping, 1)
            (made,) = self.written(connector.write([create]))
            expect(made.created, "a record that is new comes back as not created")
            self._holds(connector, mapping, made.id, create.values)
            _, cursor = read(self.subject, connector, stream, None)
            values = peer.record(stream, 2)
            change = Write(object=stream, operation="update", key=create.key, id=made.id, values=values)
            self.written(connector.write([change]))
            version = self._holds(connector, mapping, made.id, values)
            peer.clock.advance(peer.rest)
            told, _ = read(self.subject, connector, stream, cursor)
            changed = [event for event in told if isinstance(event, RecordChanged) and event.id == made.id]
            expect(changed, "the feed does not tell a record that was changed")
            _same(mapping, values, changed[-1].values, "the feed")
            expect(changed[-1].version >= version, "the feed's version of a record is before that of fetch")

    def test_one_batch_is_one_outcome_each(self, stream: str) -> None:
        """Of many records in one call, each outcome is of the record at its place."""
        with self.at_peer(WritesRecords) as (peer, connector):
            mapping = self.of(connector, stream)
            batch = [self.upsert(peer, mapping, number) for number in range(1, peer.many + 1)]
            made = self.written(connector.write(batch), len(batch))
            ids = [written.id for written in made]
            expect(len(set(ids)) == len(batch), f"{len(batch)} records were written, and {len(set(ids))} ids came back")
            for write, id_ in zip(batch, ids, strict=True):
                self._holds(connector, mapping, id_, write.values)

    def test_a_record_is_deleted(self, stream: str) -> None:
        """It is no longer fetched, and the feed says that it is gone."""
        with self.at_peer(WritesRecords) as (peer, connector):
            mapping = self.of(connector, stream)
            self.left_out(peer, "write delete", f"delete {stream}")
            (made,) = self.written(connector.write([self.upsert(peer, mapping, 1)]))
            _, cursor = read(self.subject, connector, stream, None)
            gone = Write(object=stream, operation="delete", key=f"{KEY}1", id=made.id)
            self.written(connector.write([gone]))
            expect(made.id not in peer.holds(stream), "a record that was to be deleted is still there")
            expect(not connector.fetch(stream, [made.id], mapping.remote_fields), "a deleted record is fetched")
            peer.clock.advance(peer.rest)
            told, _ = read(self.subject, connector, stream, cursor)
            kinds = [event.tag for event in told if getattr(event, "id", None) == made.id]
            expect(RecordDeleted.tag in kinds, f"the feed tells of a deleted record: {kinds or 'nothing'}")

    def test_a_customer_is_found(self, stream: str) -> None:
        """By each address that the record holds, and by our key; somebody else's finds nobody."""
        with self.at_peer(WritesRecords) as (peer, connector):
            mapping = self.of(connector, stream)
            (made,) = self.written(connector.write([self.upsert(peer, mapping, 1)]))
            if isinstance(connector, FindsKeys) and connector.finds_keys and mapping.key:
                keyed = connector.find_keys(stream, [f"{KEY}1", f"{KEY}2"], mapping.remote_fields)
                expect([record.id for record in keyed] == [made.id], "a record is not found by our key")
            if mapping.of != "profile":
                pytest.skip("interactions are not looked for by address")
            points = _points(mapping, connector.fetch(stream, [made.id], mapping.remote_fields)[0].values)
            expect(points, f"the peer's record of {stream} has no address to be found by")
            found = connector.find(stream, points, mapping.remote_fields)
            for point in points:
                ids = [record.id for record in found.get(point, ())]
                expect(made.id in ids, f"a record is not found by its {point.kind}")
            nobody = ContactPoint("email", "", "nobody@crocevia.example")
            expect(
                not connector.find(stream, [nobody], mapping.remote_fields).get(nobody), "nobody is found as somebody"
            )

    def test_what_a_person_removes_is_told(self, stream: str) -> None:
        """A deletion and a merge by hand: the feed says which is gone, and who survives."""
        with self.at_peer(ReadsRecords) as (peer, connector):
            self.said(peer, "seed", "delete")
            self.left_out(peer, f"delete {stream}")
            mapping = next(mapping for mapping in connector.mappings() if mapping.object == stream)
            deleted, loser, survivor = self._three(peer, connector, mapping)
            _, cursor = read(self.subject, connector, stream, None)
            peer.clock.advance(peer.rest)
            peer.delete(stream, deleted)
            told, cursor = read(self.subject, connector, stream, cursor)
            gone = [event for event in told if isinstance(event, RecordDeleted)]
            expect(deleted in [event.id for event in gone], "the feed does not tell what a person deleted")
            if mapping.of != "profile":
                return
            self.said(peer, "merge")
            peer.clock.advance(peer.rest)
            peer.merge(stream, loser, survivor)
            told, _ = read(self.subject, connector, stream, cursor)
            merged = [(event.id, event.into) for event in told if isinstance(event, RecordMerged)]
            expect(merged == [(loser, survivor)], f"the feed tells of a merge: {merged or 'nothing'}")

    def _three(self, peer: CRMPeer, connector: Any, mapping: ObjectMapping) -> Sequence[str]:
        """Ids of three records: a person's, and two of ours where the connector writes any, alike but for the key."""
        if not isinstance(connector, WritesRecords):
            return peer.seed(mapping.object, 3)
        alike = peer.record(mapping.object, 1)
        ours = connector.write([self.upsert(peer, mapping, number, alike) for number in (1, 2)])
        return [*peer.seed(mapping.object, 1), *(made.id for made in self.written(ours, 2))]

    def _holds(self, connector: Any, mapping: ObjectMapping, id_: str, values: Any) -> str:
        records = connector.fetch(mapping.object, [id_], mapping.remote_fields)
        expect(len(records) == 1 and records[0].id == id_, "a record that was just written is not fetched by its id")
        _same(mapping, values, records[0].values, "fetch")
        return str(records[0].version)


def _same(mapping: ObjectMapping, written: Any, held: Any, where: str) -> None:
    mapped = {name: value for name, value in written.items() if name in mapping.remote_fields}
    differing = [name for name, value in mapped.items() if not mapping.same(name, value, held.get(name))]
    expect(not differing, f"{where} gives other values than were written to {mapping.object}.{', '.join(differing)}")


def _points(mapping: ObjectMapping, values: Any) -> list[ContactPoint]:
    canonical: dict[str, Any] = {}
    for lens in mapping.lenses:
        canonical |= lens.decode(values, canonical)
    return [point for point in canonical.get("contact_points") or () if point.kind in ("phone", "email")]
