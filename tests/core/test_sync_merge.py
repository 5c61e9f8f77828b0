"""Merges: two profiles become one customer, in the log, in the CRMs, and for plugins; and two again."""

import json
from typing import Any

import pytest

from crocevia import ContactPoint, Event, InteractionSeen, Party, RecordMerged, hookimpl
from crocevia.config.options import Options
from crocevia.errors import RefusedError
from crocevia.store import merges as merge_store
from crocevia.store.profiles import ProfileRow, ids_of, load_canonical
from crocevia.store.tables import apart, bindings, claims, commands, interactions, merges, moved, profiles, reviews
from crocevia.sync.batch import Batch
from crocevia.sync.hand import by_hand
from crocevia.sync.merge import Merged, keep_apart, merge
from crocevia.sync.unmerge import Unmerged, unmerge
from crocevia.testing.clock import START
from tests.core.conftest import Crossroads, Script, scripted
from tests.core.test_identity_resolve import mail, phone, said


@pytest.fixture(autouse=True)
def _script(crossroads: Crossroads) -> None:
    crossroads.more["script"] = lambda: Script(Script.settings_type()(), connection="script")


def in_thread(key: str, thread: str, *points: ContactPoint) -> InteractionSeen:
    """Somebody writes in a thread."""
    return InteractionSeen(key=key, author=Party(points), at=START, text=key, conversation=thread)


def take_in(crossroads: Crossroads, *events: Event) -> None:
    """In one batch."""
    crossroads.world  # noqa: B018 - started
    crossroads.post(scripted(*events), connection="script")
    crossroads.turn("script")


def living(crossroads: Crossroads) -> list[str]:
    """External ids of the profiles that were not merged away, oldest first."""
    return [row["uid"] for row in crossroads.rows(profiles) if row["merged_into"] is None]


def owners(crossroads: Crossroads) -> dict[str, str]:
    """The profile of each interaction, by its key."""
    uids = {row["id"]: row["uid"] for row in crossroads.rows(profiles)}
    return {row["key"]: uids[row["profile_id"]] for row in crossroads.rows(interactions)}


def loaded(batch: Batch, *uids: str) -> list[ProfileRow]:
    """Profiles by external id, as a batch has them."""
    ids = ids_of(batch.transaction, uids)
    found = batch.load_profiles(set(ids.values()))
    return [found[ids[uid]] for uid in uids]


def by_person(crossroads: Crossroads, survivor: str, loser: str) -> Merged | None:
    """Merge by hand."""
    with by_hand(crossroads.world) as batch:
        one, other = loaded(batch, survivor, loser)
        return merge(batch, one, other, by="person", reason="the same person")


def take_back(crossroads: Crossroads, loser: str) -> Unmerged:
    """Unmerge by hand."""
    with by_hand(crossroads.world) as batch:
        return unmerge(batch, ids_of(batch.transaction, [loser])[loser], by="person")


def state(crossroads: Crossroads) -> dict[str, Any]:
    """Everything of the living profiles that a merge touches, without what counts revisions."""
    found: dict[str, Any] = {}
    with crossroads.store.reading() as connection:
        rows = load_canonical(connection, [row["id"] for row in crossroads.rows(profiles)])
    for row in {row.id: row for row in rows.values()}.values():
        held = [
            (c.address, c.slot, c.shown, c.position, c.listed, c.verified, c.shared, c.shown_by, c.since)
            for c in sorted(row.claims.values(), key=lambda claim: claim.address)
        ]
        records = [
            (b["connection"], b["of"], b["subject_id"], b["remote_id"], b["state"])
            for b in crossroads.rows(bindings, profile_id=row.id)
        ]
        found[row.uid] = (row.fields, row.origins, row.deserving, held, sorted(records))
    return {**found, "owners": owners(crossroads)}


def two(crossroads: Crossroads) -> list[str]:
    """Two customers, known by number and by mail, with a record each in both CRMs."""
    take_in(crossroads, said("1", phone(), name="Ada"), said("2", mail(), name="A. Rossi"))
    crossroads.settle()
    return living(crossroads)


def test_two_profiles_become_one_everywhere(crossroads: Crossroads) -> None:
    """Contact points, interactions and each CRM's records follow; nothing is written at rest."""
    first, second = two(crossroads)
    done = by_person(crossroads, first, second)
    assert done is not None
    assert (done.addresses, done.interactions) == (["email||ada@example.com"], 1)
    assert living(crossroads) == [first]
    assert set(owners(crossroads).values()) == {first}
    assert {row["profile_id"] for row in crossroads.rows(claims)} == {crossroads.rows(profiles)[0]["id"]}
    crossroads.settle()
    crossroads.check()
    for crm in crossroads.crms.values():
        kept = crm.by_key(first)
        assert {row["person"] for row in crm.records("Touch").values()} == {kept}
        assert crm.record(kept or "")["email"] == "ada@example.com"
    assert sorted(row["connection"] for row in crossroads.rows(reviews, kind="double record")) == ["a", "b"]
    assert [row["state"] for row in crossroads.rows(bindings, of="profile")] == ["linked", "linked", "review", "review"]


def test_a_merge_taken_back_leaves_what_was_there_before(crossroads: Crossroads) -> None:
    """Fields with their origins, contact points with their proofs, records and interactions; also after a push."""
    first, second = two(crossroads)
    before = state(crossroads)
    by_person(crossroads, first, second)
    crossroads.settle()
    done = take_back(crossroads, second)
    assert (done.restored, done.interactions, done.unplaced, done.left) == (second, 1, [], [])
    crossroads.settle()
    crossroads.check()
    assert state(crossroads) == before
    assert (crossroads.rows(moved), [row["snapshot"] for row in crossroads.rows(merges)]) == ([], ["{}"])
    for crm in crossroads.crms.values():
        assert {row["text"]: row["person"] for row in crm.records("Touch").values()} == {
            "1": crm.by_key(first),
            "2": crm.by_key(second),
        }


def test_what_came_since_goes_where_its_contact_points_say(crossroads: Crossroads) -> None:
    """An address that was shown with a known one is known too; a thread says it where addresses do not."""
    take_in(crossroads, said("1", phone()), in_thread("2", "t2", mail()))
    first, second = living(crossroads)
    by_person(crossroads, first, second)
    work = mail("ada@work.example")
    take_in(
        crossroads,
        said("3", phone()),
        said("4", mail(), work),
        said("5", work),
        said("7", phone(), mail()),
    )
    done = take_back(crossroads, second)
    assert owners(crossroads) == {"1": first, "2": second, "3": first, "4": second, "5": second, "7": first}
    assert (done.interactions, done.placed, len(done.unplaced)) == (3, 3, 1)
    assert [held[0] for held in state(crossroads)[second][3]] == ["email||ada@example.com", "email||ada@work.example"]
    [asked] = crossroads.rows(reviews, kind="unmerge")
    assert json.loads(asked["data"])["interactions"] == done.unplaced
    crossroads.settle()
    crossroads.check()
