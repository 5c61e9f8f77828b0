"""Merges: two profiles become one customer, in the log, in the CRMs, and for plugins; and two again."""

import json
from typing import Any

import pytest

from crocevia import ContactPoint, Event, InteractionRevised, InteractionSeen, Party, hookimpl
from crocevia.config.options import Options
from crocevia.errors import RefusedError
from crocevia.store import merges as merge_store
from crocevia.store.profiles import ProfileRow, ids_of, load_canonical
from crocevia.store.tables import (
    bindings,
    claims,
    commands,
    interactions,
    journal_subjects,
    merges,
    metadata,
    moved,
    profiles,
    reviews,
)
from crocevia.sync.batch import Batch
from crocevia.sync.hand import by_hand
from crocevia.sync.merge import Merged, merge
from crocevia.sync.unmerge import Unmerged, unmerge
from crocevia.testing import FaultPoints, KilledError
from crocevia.testing.clock import START
from tests.core.conftest import Crossroads, Script, scripted
from tests.core.test_identity_resolve import mail, phone, said

SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
"""For what does not depend on the database."""


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


@SQLITE
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


def test_records_merged_in_a_crm_merge_their_customers(crossroads: Crossroads) -> None:
    """Its loser's id leads to the survivor, nothing is made again, and the other CRM has a double to look at."""
    first, second = two(crossroads)
    ids = {uid: crossroads.a.by_key(uid) or "" for uid in (first, second)}
    crossroads.a.merge(ids[first], into=ids[second])
    crossroads.settle()
    crossroads.check()
    assert living(crossroads) == [second]
    assert set(owners(crossroads).values()) == {second}
    assert list(crossroads.a.records()) == [ids[second]]
    assert {row["person"] for row in crossroads.a.records("Touch").values()} == {ids[second]}
    assert crossroads.a.record(ids[second])["mobile"] == "+393331234567"
    [merged] = crossroads.rows(merges)
    assert (merged["by"], merged["reason"]) == ("a", "merged in a")
    assert [row["connection"] for row in crossroads.rows(reviews, kind="double record")] == ["b"]


@SQLITE
def test_a_merge_made_in_a_crm_is_not_undone_there(crossroads: Crossroads) -> None:
    """It says so; in the other CRM both records are bound again."""
    first, second = two(crossroads)
    ids = {uid: crossroads.a.by_key(uid) or "" for uid in (first, second)}
    crossroads.a.merge(ids[second], into=ids[first])
    crossroads.settle()
    done = take_back(crossroads, second)
    assert done.left == [f"a: Person {ids[second]} was merged or deleted there: that is not undone there"]
    crossroads.settle()
    crossroads.check()
    assert [(row["connection"], row["state"]) for row in crossroads.rows(bindings, of="profile")] == [
        ("a", "linked"),
        ("b", "linked"),
        ("a", "gone"),
        ("b", "linked"),
    ]


@SQLITE
def test_the_double_may_be_the_one_that_is_kept_there(crossroads: Crossroads) -> None:
    """A person tidies up after a merge of ours and keeps the other record: it is the customer's now."""
    first, second = two(crossroads)
    by_person(crossroads, first, second)
    crossroads.settle()
    ids = {uid: crossroads.a.by_key(uid) or "" for uid in (first, second)}
    crossroads.a.merge(ids[first], into=ids[second])
    crossroads.settle()
    crossroads.check()
    assert crossroads.a.by_key(first) == ids[second]
    assert {row["person"] for row in crossroads.a.records("Touch").values()} == {ids[second]}
    assert [row["connection"] for row in crossroads.rows(reviews, kind="double record", state="open")] == ["b"]


@SQLITE
def test_an_edit_of_a_double_waits_for_what_becomes_of_it(crossroads: Crossroads) -> None:
    """The merged customer does not take it; after an unmerge it is a change to its own customer."""
    first, second = two(crossroads)
    by_person(crossroads, first, second)
    crossroads.settle()
    double = crossroads.a.by_key(second) or ""
    crossroads.a.edit(double, last="Lovelace")
    crossroads.settle()
    crossroads.check()
    assert crossroads.b.record(crossroads.b.by_key(first) or "")["last"] != "Lovelace"
    take_back(crossroads, second)
    crossroads.settle()
    crossroads.check()
    assert crossroads.a.record(double)["last"] == "Lovelace"
    assert crossroads.b.record(crossroads.b.by_key(second) or "")["last"] == "Lovelace"


@SQLITE
@pytest.mark.parametrize("lost", [False, True])
def test_where_the_connection_opts_in_the_records_are_merged_there(crossroads: Crossroads, lost: bool) -> None:  # noqa: FBT001 - a parameter
    """Once, also when the answer was lost; the other CRM, which did not opt in, asks."""
    crossroads.options["a"] = Options(merges=True)
    first, second = two(crossroads)
    by_person(crossroads, first, second)
    if lost:
        crossroads.a.trouble.lose_answer()
    crossroads.settle()
    crossroads.check()
    [command] = crossroads.rows(commands)
    assert (command["verb"], command["state"]) == ("merge", "done")
    assert [call.operation for call in crossroads.a.calls].count("merge") == 1
    assert list(crossroads.a.records()) == [crossroads.a.by_key(first)]
    assert [row["connection"] for row in crossroads.rows(reviews, kind="double record")] == ["b"]
    done = take_back(crossroads, second)
    assert [line[:2] for line in done.left] == ["a:"]
    crossroads.settle()
    crossroads.check()


@SQLITE
@pytest.mark.parametrize("point", ["retire.claimed", "retire.called", "retire.before_record", "retire.recorded"])
def test_records_are_merged_there_once_whenever_we_are_killed(crossroads: Crossroads, point: str) -> None:
    """What may have happened is looked up before it is done again; nothing is left unknown."""
    crossroads.options["a"] = Options(merges=True)
    first, second = two(crossroads)
    by_person(crossroads, first, second)
    with FaultPoints() as points:
        points.kill(point)
        with pytest.raises(KilledError):
            crossroads.settle()
    crossroads.start()
    crossroads.settle()
    crossroads.check()
    assert [row["state"] for row in crossroads.rows(commands)] == ["done"]
    assert [call.operation for call in crossroads.a.calls].count("merge") == 1
    assert list(crossroads.a.records()) == [crossroads.a.by_key(first)]


@SQLITE
def test_an_unmerge_withdraws_what_was_still_to_be_merged(crossroads: Crossroads) -> None:
    """The command is not carried out any more, and the reviews are ended."""
    crossroads.options["a"] = Options(merges=True)
    first, second = two(crossroads)
    before = state(crossroads)
    by_person(crossroads, first, second)
    take_back(crossroads, second)
    crossroads.settle()
    crossroads.check()
    assert state(crossroads) == before
    assert [row["state"] for row in crossroads.rows(commands)] == ["refused"]
    assert [row["state"] for row in crossroads.rows(reviews, kind="double record")] == ["ended"]
    assert len(crossroads.a.records()) == 2


@SQLITE
def test_a_customer_deleted_in_one_crm_is_deleted_where_the_connection_opts_in(crossroads: Crossroads) -> None:
    """Nothing is made again; undeleted in the first it is bound there again, in the other it stays deleted."""
    crossroads.options["b"] = Options(deletes=True)
    take_in(crossroads, said("1", phone()))
    crossroads.settle()
    person = crossroads.person_id(crossroads.a)
    crossroads.a.delete(person)
    crossroads.settle()
    assert (crossroads.a.records(), crossroads.b.records()) == ({}, {})
    take_in(crossroads, said("2", phone()))
    crossroads.settle()
    assert (crossroads.a.records(), crossroads.b.records()) == ({}, {})
    crossroads.a.undelete(person)
    crossroads.settle()
    crossroads.check()
    assert (list(crossroads.a.records()), crossroads.b.records()) == ([person], {})
    assert sorted(text for _, text, _ in crossroads.touches(crossroads.a)) == ["1", "2"]


@SQLITE
def test_a_deletion_that_is_taken_back_in_time_is_not_carried_on(crossroads: Crossroads) -> None:
    """Undeleted before the other CRM was told, the customer stays in both."""
    crossroads.options["b"] = Options(deletes=True)
    take_in(crossroads, said("1", phone()))
    crossroads.settle()
    person = crossroads.person_id(crossroads.a)
    crossroads.a.delete(person)
    crossroads.turn("a")
    assert [row["state"] for row in crossroads.rows(commands)] == ["pending"]
    crossroads.a.undelete(person)
    crossroads.turn("a")
    crossroads.settle()
    crossroads.check()
    assert [(row["state"], row["error"]) for row in crossroads.rows(commands)] == [("refused", "withdrawn")]
    assert [len(crm.records()) for crm in crossroads.crms.values()] == [1, 1]


@SQLITE
def test_who_is_merged_is_not_asked_about_any_more(crossroads: Crossroads) -> None:
    """Only the question of these two ends: the third is still to be compared."""
    take_in(crossroads, said("1", phone()), said("2", mail()), said("3", mail("eve@example.com")))
    first, second, third = living(crossroads)
    take_in(crossroads, said("4", phone(), mail()), said("5", phone(), mail("eve@example.com")))
    assert len(crossroads.rows(reviews, kind="identity", state="open")) == 2
    by_person(crossroads, first, second)
    [left] = crossroads.rows(reviews, kind="identity", state="open")
    assert json.loads(left["data"])["others"] == [third]
    [ended] = crossroads.rows(reviews, kind="identity", state="ended")
    assert (ended["ended_by"], ended["choice"]) == ("person", "merged")


# --- in which order, and what remains ---------------------------------------------------------------------------------


@SQLITE
def test_a_merge_of_records_that_was_interrupted_is_looked_up_and_not_repeated(crossroads: Crossroads) -> None:
    """Killed between the call and the note of it: the record is gone, so it was done."""
    crossroads.options["a"] = Options(merges=True)
    first, second = two(crossroads)
    by_person(crossroads, first, second)
    with FaultPoints() as points:
        points.kill("retire.called")
        with pytest.raises(KilledError):
            crossroads.turn("a")
    crossroads.start()
    crossroads.settle()
    assert [row["state"] for row in crossroads.rows(commands)] == ["done"]
    assert [call.operation for call in crossroads.a.calls].count("merge") == 1
    crossroads.check()


@SQLITE
def test_merges_are_taken_back_in_order(crossroads: Crossroads) -> None:
    """Pointers never form a chain; what another merge stands on is refused, with what to do first."""
    take_in(crossroads, *(said(str(n), phone(f"+39333000000{n}")) for n in range(4)))
    before = state(crossroads)
    one, two_, three, four = living(crossroads)
    by_person(crossroads, two_, one)
    by_person(crossroads, three, two_)
    by_person(crossroads, three, four)
    rows = {row["uid"]: row for row in crossroads.rows(profiles)}
    assert {rows[uid]["merged_into"] for uid in (one, two_, four)} == {rows[three]["id"]}
    assert set(owners(crossroads).values()) == {three}
    with pytest.raises(RefusedError, match=f"`crocevia unmerge {two_}`"):
        take_back(crossroads, one)
    with pytest.raises(RefusedError, match=four):
        take_back(crossroads, two_)
    take_back(crossroads, four)
    take_back(crossroads, two_)
    rows = {row["uid"]: row for row in crossroads.rows(profiles)}
    assert rows[one]["merged_into"] == rows[two_]["id"]
    take_back(crossroads, one)
    assert state(crossroads) == before
    with pytest.raises(RefusedError, match="nothing to take back"):
        take_back(crossroads, one)
    crossroads.settle()
    crossroads.check()


@SQLITE
def test_a_record_deleted_since_is_not_made_again(crossroads: Crossroads) -> None:
    """By an unmerge neither; it says so."""
    first, second = two(crossroads)
    by_person(crossroads, first, second)
    crossroads.settle()
    double = crossroads.a.by_key(second) or ""
    crossroads.a.delete(double)
    crossroads.settle()
    crossroads.check()
    done = take_back(crossroads, second)
    assert done.left == [f"a: Person {double} was merged or deleted there: that is not undone there"]
    crossroads.settle()
    crossroads.check()
    assert list(crossroads.a.records()) == [crossroads.a.by_key(first)]


@SQLITE
def test_what_changed_since_stays_and_is_named(crossroads: Crossroads) -> None:
    """A field that was changed after the merge, and an address that was entered, are a person's to place."""
    first, second = two(crossroads)
    by_person(crossroads, first, second)
    crossroads.settle()
    crossroads.a.edit(crossroads.a.by_key(first) or "", last="Lovelace", phone="+39 02 7654321")
    crossroads.settle()
    done = take_back(crossroads, second)
    assert (done.fields, done.addresses) == (["family_name", "given_name"], ["phone||+39027654321"])
    [asked] = crossroads.rows(reviews, kind="unmerge")
    assert json.loads(asked["data"])["fields"] == done.fields
    assert state(crossroads)[first][0]["family_name"] == "Lovelace"
    assert "family_name" not in state(crossroads)[second][0]
    crossroads.settle()
    crossroads.check()


def test_plugins_hear_of_merges_and_unmerges(crossroads: Crossroads) -> None:
    """With both ids; once each."""
    heard: list[tuple[str, str, str]] = []

    @hookimpl
    def crocevia_profiles_merged(survivor: str, merged: str, reason: str) -> None:
        heard.append((reason, survivor, merged))

    @hookimpl
    def crocevia_profiles_unmerged(survivor: str, restored: str) -> None:
        heard.append(("unmerged", survivor, restored))

    crossroads.hooks["ear"] = {
        "crocevia_profiles_merged": crocevia_profiles_merged,
        "crocevia_profiles_unmerged": crocevia_profiles_unmerged,
    }
    first, second = two(crossroads)
    by_person(crossroads, first, second)
    take_back(crossroads, second)
    crossroads.settle()
    assert heard == [("the same person", first, second), ("unmerged", first, second)]


def test_every_row_about_a_customer_carries_his_key_through_a_merge_and_back(crossroads: Crossroads) -> None:
    """While merged, the family's ids find everything; afterwards each profile's rows say nothing of the other."""

    @hookimpl
    def crocevia_interaction_logged(event: Any) -> None:
        """Somebody listens, so that the events are kept."""

    crossroads.hooks["ear"] = {"crocevia_interaction_logged": crocevia_interaction_logged}
    take_in(crossroads, said("ADA 1", phone(), name="ADA"), said("EVE 1", mail(), name="EVE"))
    crossroads.settle()
    ada, eve = living(crossroads)
    by_person(crossroads, ada, eve)
    take_in(crossroads, said("ADA 2", phone()), said("EVE 2", mail()))
    take_in(
        crossroads,
        InteractionRevised(key="edit", of="EVE 1", at=START, text="EVE 1 edited"),
        InteractionRevised(key="edit 2", of="EVE 2", at=START, text="EVE 2 edited"),
    )
    ids = {row["uid"]: row["id"] for row in crossroads.rows(profiles)}
    with crossroads.store.reading() as connection:
        assert merge_store.family(connection, ids[ada]) == [ids[ada], ids[eve]]
    assert about(crossroads, {ids[ada], ids[eve]}) == {"ADA", "EVE"}
    take_back(crossroads, eve)
    crossroads.settle()
    assert about(crossroads, {ids[ada]}) == {"ADA"}
    assert about(crossroads, {ids[eve]}) == {"EVE"}
    linked = {(row["profile_id"], row["raw_id"]) for row in crossroads.rows(journal_subjects)}
    eves = {row["raw_id"] for row in crossroads.rows(interactions, profile_id=ids[eve])}
    assert {(ids[eve], raw) for raw in eves} <= linked


def about(crossroads: Crossroads, ids: set[int]) -> set[str]:
    """Who is named in the rows that carry these profiles' key: decisions about both, which name both, apart."""
    found = set()
    for table in metadata.sorted_tables:
        if "profile_id" not in table.c or table.name == "decisions":
            continue
        said_ = json.dumps([row for row in crossroads.rows(table) if row["profile_id"] in ids], default=str)
        found |= {name for name in ("ADA", "EVE") if name in said_}
    return found


def test_a_merge_at_the_moment_of_a_create_leaves_one_record(crossroads: Crossroads) -> None:
    """While the CRM is asked whether it has the two, a person says that they are one: nothing is made for the other."""
    crossroads.settle()
    take_in(crossroads, said("1", phone(), name="Ada"), said("2", mail(), name="A. Rossi"))
    crossroads.a.trouble.meanwhile(lambda: by_person(crossroads, *living(crossroads)), operation="find")
    crossroads.settle()
    assert len(living(crossroads)) == 1
    assert (len(crossroads.a.records()), len(crossroads.b.records())) == (1, 1)
    assert sorted(text for _, text, _ in crossroads.touches(crossroads.a)) == ["1", "2"]
    crossroads.check()
