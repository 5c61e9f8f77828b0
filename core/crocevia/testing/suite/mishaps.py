"""Gold: what goes wrong with a write harms that record alone, and makes no double."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from crocevia.connector import FindsKeys, MergesRecords, ReadsRecords, WritesRecords
from crocevia.errors import (
    AuthError,
    GoneError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryableError,
    SchemaDriftError,
    ThrottledError,
)
from crocevia.model import Write, Written
from crocevia.testing.suite.paging import page
from crocevia.testing.suite.peered import named, refusal
from crocevia.testing.suite.records import KEY, RecordWork
from crocevia.testing.suite.subject import Tier, expect


class Mishaps(RecordWork):
    """Tests of `write`, `merge` and `changes` while something is wrong."""

    tier: ClassVar[Tier] = "gold"

    def test_a_create_asked_for_again_makes_no_double(self, stream: str) -> None:
        """By our key it is the same record; where the CRM keeps no key, it can be looked for."""
        with self.at_peer(WritesRecords) as (peer, connector):
            mapping = self.of(connector, stream)
            write = self.upsert(peer, mapping, 1)
            (first,) = self.written(connector.write([write]))
            if connector.idempotent_upsert:
                (second,) = self.written(self._writer(peer).write([write]))
                expect(second.id == first.id, "an upsert by our key, made twice, gives two ids")
                expect(not second.created, "the second upsert says that it created the record")
                expect(len(peer.holds(stream)) == 1, f"the CRM holds {len(peer.holds(stream))} records for one key")
            elif isinstance(connector, FindsKeys) and connector.finds_keys:
                keyed = connector.find_keys(stream, [write.key], mapping.remote_fields)
                expect([record.id for record in keyed] == [first.id], "a create cannot be looked up by our key")
            else:
                pytest.skip("the CRM keeps no key of ours: a create whose answer was lost is looked for by address")

    def test_a_write_whose_answer_was_lost_makes_no_double(self, stream: str) -> None:
        """It is unknown, or may be made again; made again or looked up, there is one record."""
        with self.at_peer(WritesRecords) as (peer, connector):
            mapping = self.of(connector, stream)
            write = self.upsert(peer, mapping, 1)
            self.said(peer, "lost answer")
            self._warm(connector, stream)
            peer.fail_next("lost answer")
            error = _problem(lambda: connector.write([write]))
            expect(
                isinstance(error, OutcomeUnknownError | RetryableError),
                f"lost answer: {named(error)} instead of OutcomeUnknownError",
            )
            expect(
                len(peer.holds(stream)) == 1,
                f"lost answer: the peer is to keep the record, and has {len(peer.holds(stream))}",
            )
            if connector.idempotent_upsert:
                self.written(self._writer(peer).write([write]))
            elif isinstance(error, RetryableError):
                expect(None, "lost answer: RetryableError, and an upsert made twice makes two records")
            expect(len(peer.holds(stream)) == 1, "lost answer: the create was made again, and there are two records")

    def test_a_refused_record_harms_no_neighbour(self, stream: str) -> None:
        """In the middle of a batch: its outcome is the refusal, the others are written, each in its place."""
        with self.at_peer(WritesRecords) as (peer, connector):
            mapping = self.of(connector, stream)
            self.said(peer, "refused")
            bad = self.upsert(peer, mapping, 2, peer.refused(stream))
            batch = [self.upsert(peer, mapping, 1), bad, self.upsert(peer, mapping, 3)]
            outcomes = connector.write(batch)
            shown = [type(outcome).__name__ for outcome in outcomes]
            good = len(outcomes) == 3 and all(isinstance(outcomes[index], Written) for index in (0, 2))
            expect(good, f"a record that is refused spoils its neighbours: {', '.join(shown)}")
            expect(
                isinstance(outcomes[1], RemoteError)
                and not isinstance(outcomes[1], RetryableError | OutcomeUnknownError),
                f"a record that is refused for good comes to {shown[1]}",
            )
            held = {record.id for record in connector.fetch(stream, [outcomes[0].id, outcomes[2].id], ())}
            expect(held == {outcomes[0].id, outcomes[2].id}, "outcomes stand at another record's place")
            expect(len(peer.holds(stream)) == 2, f"the CRM holds {len(peer.holds(stream))} records instead of two")

    def test_a_record_that_is_gone_is_said_to_be(self, stream: str) -> None:
        """An update of what a person deleted: GoneError, and nothing is revived."""
        with self.at_peer(WritesRecords) as (peer, connector):
            mapping = self.of(connector, stream)
            self.said(peer, "delete")
            (made,) = self.written(connector.write([self.upsert(peer, mapping, 1)]))
            peer.delete(stream, made.id)
            update = Write(object=stream, operation="update", key=f"{KEY}1", id=made.id, values=peer.record(stream, 2))
            (outcome,) = connector.write([update])
            expect(
                isinstance(outcome, GoneError), f"update of a deleted record: {type(outcome).__name__}, not GoneError"
            )
            expect(made.id not in peer.holds(stream), "an update revived what a person had deleted")

    def test_two_records_become_one(self, stream: str) -> None:
        """`merge` leaves the survivor; asked for again it is GoneError, not a second merge."""
        with self.at_peer(MergesRecords) as (peer, connector):
            mapping = self.of(connector, stream)
            if mapping.of != "profile":
                pytest.skip("only customers are merged")
            writes = [self.upsert(peer, mapping, number) for number in (1, 2)]
            survivor, loser = (made.id for made in self.written(connector.write(writes), 2))
            connector.merge(stream, survivor, [loser])
            expect(list(peer.holds(stream)) == [survivor], "after a merge the survivor is not the only one there")
            error = refusal(lambda: connector.merge(stream, survivor, [loser]))
            expect(isinstance(error, GoneError), f"a merge asked for again: {named(error)} instead of GoneError")

    def test_a_field_that_is_gone_is_named(self, stream: str) -> None:
        """An administrator removes a field: SchemaDriftError names it, and without it everything goes on."""
        with self.at_peer(ReadsRecords) as (peer, connector):
            self.said(peer, "forget_field")
            mapping = next(mapping for mapping in connector.mappings() if mapping.object == stream)
            peer.seed(stream, 1)
            self._warm(connector, stream)
            lost = peer.forget_field(stream)
            if lost not in mapping.remote_fields:
                pytest.skip(f"no field of {stream} can be removed")
            fresh: Any = self.again(peer)
            expect(lost not in fresh.describe(stream).fields, f"{stream}.{lost} is gone, and is still described")
            if isinstance(connector, WritesRecords):
                write = self.upsert(peer, mapping, 1, {**peer.record(stream, 1), lost: "x"})
                error = _problem(lambda: fresh.write([write]))
                named_it = isinstance(error, SchemaDriftError) and lost in error.fields
                expect(named_it or isinstance(error, RejectedError), f"a field is gone: {named(error)}")
                expect(named_it, f"a field is gone: {named(error)} does not name {lost} in `fields`")
            rest = [name for name in mapping.remote_fields if name != lost]
            found = fresh.changes(stream, None, rest)
            expect(self.subject.told(fresh, found, stream), f"without {stream}.{lost}, nothing is told any more")

    def test_a_crm_in_trouble_is_a_decision(self, stream: str) -> None:
        """Down: again later. Too fast: after what it asks for, in our units. Credentials refused: pause."""
        for trouble, wanted in (("down", RetryableError), ("throttled", ThrottledError), ("unauthorised", AuthError)):
            with self.at_peer(ReadsRecords) as (peer, connector):
                self.said(peer, trouble)
                self._warm(connector, stream)
                peer.fail_next(trouble)
                error = refusal(lambda connector=connector: page(connector, stream, None))
                expect(isinstance(error, wanted), f"{trouble}: {named(error)} instead of {wanted.__name__}")
                if trouble == "throttled":
                    after = getattr(error, "after", None)
                    expect(after == peer.waits, f"the CRM asks to wait {peer.waits}, and the error says {after}")

    def _warm(self, connector: Any, stream: str) -> None:
        """Let it log in and describe, so that trouble hits the call that is meant."""
        page(connector, stream, None)

    def _writer(self, peer: Any) -> Any:
        return self.again(peer)


def _problem(write: Any) -> RemoteError | None:
    """What a write of one record came to, raised or returned; None when it was written."""
    outcomes: list[Any] = []
    error = refusal(lambda: outcomes.extend(write()))
    if error is not None:
        return error
    return outcomes[0] if isinstance(outcomes[0], RemoteError) else None
