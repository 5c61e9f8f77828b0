"""Silver and gold: what is read page by page is told once each and nothing is skipped, also over a crash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from crocevia.connector import Polls, ReadsRecords
from crocevia.errors import RetryableError
from crocevia.model import Event, Ignored, RawPage, RecordChanged, Unrecognised
from crocevia.testing.suite.peered import Peered, named, refusal
from crocevia.testing.suite.subject import Subject, Tier, expect

_MOST_PAGES = 100


class Paging(Peered):
    """Tests of `poll` and `changes` while all is well."""

    def test_each_record_is_told_once(self, stream: str) -> None:
        """Several pages of records that carry one and the same stamp: each is told, by one dedupe key."""
        with self.at_peer(Polls, ReadsRecords) as (peer, connector):
            self.said(peer, "seed")
            seeded = sorted(peer.seed(stream, peer.many))
            told, _ = read(self.subject, connector, stream, None)
            found = sorted(_id(event) for event in told if _id(event) in seeded)
            lacking, more = sorted(set(seeded) - set(found)), len(found) - len(set(found))
            expect(not lacking, f"{len(lacking)} of {len(seeded)} records of one stamp are never told")
            expect(
                not more or "settled" in peer.without,
                f"{more} of {len(seeded)} records are told twice, as if they had changed",
            )

    def test_a_quiet_vendor_tells_nothing_new(self, stream: str) -> None:
        """Asked again without news, it tells nothing, or what was told before under the same keys."""
        with self.at_peer(Polls, ReadsRecords) as (peer, connector):
            self.said(peer, "seed")
            self.left_out(peer, "settled")
            peer.seed(stream, 2)
            told, cursor = read(self.subject, connector, stream, None)
            known = {_key(event) for event in told}
            for turn in (1, 2):
                peer.clock.advance(peer.rest)
                again, cursor = read(self.subject, connector, stream, cursor)
                fresh = {_key(event) for event in again} - known
                expect(not fresh, f"quiet round {turn} tells {len(fresh)} things as if they were new")

    def test_what_comes_later_is_told(self, stream: str) -> None:
        """Round by round, also while nothing happens in some."""
        with self.at_peer(Polls, ReadsRecords) as (peer, _):
            self.said(peer, "seed")
            cursor: str | None = None
            for turn in range(3):
                seeded = set(peer.seed(stream, turn)) if turn else set()
                told, cursor = read(self.subject, self.again(peer), stream, cursor)
                lacking = seeded - {_id(event) for event in told}
                expect(not lacking, f"round {turn}: {len(lacking)} new records are not told")
                peer.clock.advance(peer.rest)

    def test_a_late_commit_is_told(self, stream: str) -> None:
        """A record that appears now with a stamp that the cursor has passed."""
        with self.at_peer(Polls, ReadsRecords) as (peer, connector):
            self.said(peer, "seed")
            if not peer.latest_commit:
                pytest.skip(
                    peer.without.get("latest_commit") or "the vendor's records appear in the order of their stamps"
                )
            peer.seed(stream, 2)
            _, cursor = read(self.subject, connector, stream, None)
            late = set(peer.seed(stream, 1, late_by=peer.latest_commit))
            peer.clock.advance(peer.rest)
            told, _ = read(self.subject, connector, stream, cursor)
            expect(late <= {_id(event) for event in told}, f"a commit of {peer.latest_commit} ago is skipped for ever")


class Restarts(Peered):
    """Tests of `poll` and `changes` over crashes and outages."""

    tier: ClassVar[Tier] = "gold"

    def test_a_page_that_was_not_kept_is_had_again(self, stream: str) -> None:
        """Killed after each page before it was kept: a new process asks with the same cursor, and misses nothing."""
        with self.at_peer(Polls, ReadsRecords) as (peer, _):
            self.said(peer, "seed")
            seeded = set(peer.seed(stream, peer.many))
            cursor: str | None = None
            kept: list[Event] = []
            for _ in range(_MOST_PAGES):
                lost = page(self.again(peer), stream, cursor)
                had = page(self.again(peer), stream, cursor)
                lacking = {_key(event) for event in _told(self.subject, self.again(peer), stream, lost)} - {
                    _key(event) for event in _told(self.subject, self.again(peer), stream, had)
                }
                expect(not lacking, f"the same cursor asked again tells {len(lacking)} things less: they are lost")
                kept += _told(self.subject, self.again(peer), stream, had)
                cursor = had.cursor
                if not had.more:
                    break
            missing = seeded - {_id(event) for event in kept}
            expect(
                not missing, f"{len(missing)} of {len(seeded)} records are skipped when each page is asked for twice"
            )

    def test_an_outage_while_reading_skips_nothing(self, stream: str) -> None:
        """RetryableError, and afterwards the same cursor gives what it would have given."""
        with self.at_peer(Polls, ReadsRecords) as (peer, connector):
            self.said(peer, "seed", "down")
            seeded = set(peer.seed(stream, 2))
            peer.fail_next("down")
            error = refusal(lambda: page(connector, stream, None))
            expect(isinstance(error, RetryableError), f"the vendor is down: {named(error)} instead of RetryableError")
            told, _ = read(self.subject, connector, stream, None)
            expect(seeded <= {_id(event) for event in told}, "after an outage records are skipped")


def page(connector: Any, stream: str, cursor: str | None) -> RawPage:
    """One page, as the core asks for it."""
    if stream and isinstance(connector, ReadsRecords):
        mapping = next(mapping for mapping in connector.mappings() if mapping.object == stream)
        return connector.changes(stream, cursor, mapping.remote_fields)
    found: RawPage = connector.poll(cursor)
    return found


def read(subject: Subject, connector: Any, stream: str, cursor: str | None) -> tuple[list[Event], str]:
    """Everything since a cursor, in as many pages as it takes, and where that ended."""
    told: list[Event] = []
    for found in _pages(connector, stream, cursor):
        told += _told(subject, connector, stream, found)
        cursor = found.cursor
    assert cursor is not None  # noqa: S101 - there was a page
    return told, cursor


def _pages(connector: Any, stream: str, cursor: str | None) -> Iterator[RawPage]:
    for _ in range(_MOST_PAGES):
        found = page(connector, stream, cursor)
        yield found
        cursor = found.cursor
        if not found.more:
            return
    expect(None, f"{_MOST_PAGES} pages, and `more` is still true: the cursor does not move on")


def _told(subject: Subject, connector: Any, stream: str, found: RawPage) -> list[Event]:
    told = subject.told(connector, found, stream) if found.body else []
    return [event for event in told if not isinstance(event, Ignored | Unrecognised)]


def _id(event: Any) -> str:
    return str(event.id if isinstance(event, RecordChanged) else getattr(event, "key", ""))


def _key(event: Any) -> str:
    return str(event.dedupe_key)
