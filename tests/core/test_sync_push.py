"""Desired state to a CRM whose every call may go wrong: retried by class, never doubled, never stuck."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from crocevia import ContactPoint, InteractionSeen, Party
from crocevia.config.options import Options
from crocevia.errors import (
    AuthError,
    GoneError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryableError,
    SchemaDriftError,
)
from crocevia.model import Write
from crocevia.store import bindings, dead
from crocevia.store.tables import bindings as table
from crocevia.store.tables import connections, reviews
from crocevia.sync.replay import replay
from crocevia.testing import FaultPoints, KilledError, MemoryCRM
from crocevia.testing.clock import START
from tests.core.conftest import Crossroads, Script, scripted

PHONE = "+393331234567"


def write(crossroads: Crossroads, who: str = "ada", text: str = "Hello", phone: str = PHONE) -> None:
    """A customer writes."""
    crossroads.chat.write(who, text, name=who.title(), phone=phone)


def customers(crossroads: Crossroads, count: int) -> None:
    """So many customers write."""
    for number in range(count):
        write(crossroads, f"p{number}", phone=f"+3933312345{number:02}")


def states(crossroads: Crossroads, connection: str = "a") -> dict[str, int]:
    """How many bindings of a connection are in each state."""
    found: dict[str, int] = {}
    for row in crossroads.rows(table, connection=connection):
        found[row["state"]] = found.get(row["state"], 0) + 1
    return found


def refused(predicate: Callable[[Write], bool], error: RemoteError) -> Callable[[Write], RemoteError | None]:
    """A refusal of some writes."""
    return lambda given: error if predicate(given) else None


# --- failures of a whole call


@pytest.mark.parametrize(
    "error",
    [
        RetryableError("the CRM is down"),
        RetryableError("come back", after=timedelta(seconds=90)),
        OutcomeUnknownError("the answer was lost"),
        AuthError("the token is void"),
    ],
    ids=lambda error: f"{type(error).__name__}{getattr(error, 'after', '') or ''}",
)
def test_a_call_that_fails_is_made_again_and_everything_arrives_once(
    crossroads: Crossroads, error: RemoteError
) -> None:
    """Three times in a row, whatever the reason; the other CRM is not held up."""
    customers(crossroads, 3)
    crossroads.a.trouble.fail(error, operation="write", times=3)
    crossroads.round()
    assert len(crossroads.b.records()) == 3
    crossroads.settle()
    assert len(crossroads.a.records()) == len(crossroads.a.records("Touch")) == 3
    crossroads.check()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_long_outage_costs_no_attempts_and_ends_in_no_dead_letter(crossroads: Crossroads) -> None:
    """A weekend without the write API; on Monday the backlog drains in minutes, by itself."""
    customers(crossroads, 4)
    crossroads.settle()
    crossroads.a.trouble.fail(RetryableError("the CRM is down"), operation="write", times=10**6)
    for number in range(4):
        write(crossroads, f"p{number}", "more", phone=f"+3933312345{number:02}")
    for _ in range(60):
        crossroads.round()
        crossroads.clock.advance(timedelta(minutes=16))
    assert states(crossroads) == {"new": 4, "linked": 8}
    crossroads.a.trouble.clear()
    crossroads.clock.advance(timedelta(minutes=16))
    for _ in range(4):
        crossroads.round()
        crossroads.clock.advance(31)
    assert len(crossroads.a.records("Touch")) == 8
    crossroads.settle()
    crossroads.check()


def test_throttling_makes_the_whole_connection_wait_and_counts_as_no_attempt(crossroads: Crossroads) -> None:
    """Nothing is called before the time that the vendor asked for."""
    customers(crossroads, 3)
    crossroads.a.trouble.throttle(after=timedelta(seconds=120), operation="write", times=1)
    crossroads.round()
    calls = len(crossroads.a.calls)
    crossroads.clock.advance(60)
    crossroads.round()
    assert len(crossroads.a.calls) == calls
    assert {row["attempts"] for row in crossroads.rows(table, connection="a")} == {0}
    crossroads.clock.advance(61)
    crossroads.settle()
    assert len(crossroads.a.records()) == 3
    crossroads.check()


def test_a_connection_without_credentials_pauses_says_so_and_comes_back(crossroads: Crossroads) -> None:
    """Its queue is kept, input is still taken in, and the others go on."""
    crossroads.settle()
    crossroads.a.trouble.fail(AuthError("the token is void: log in again"), times=10**6)
    customers(crossroads, 2)
    for _ in range(5):
        crossroads.round()
        crossroads.clock.advance(600)
    [row] = crossroads.rows(connections, name="a")
    assert (row["state"], row["reason"]) == ("unhealthy", "the token is void: log in again")
    assert crossroads.lanes["a"].unwell == "unauthorised"
    assert len(crossroads.b.records()) == 2
    assert states(crossroads) == {"new": 4}
    crossroads.a.trouble.clear()
    crossroads.clock.advance(1000)
    crossroads.settle()
    assert crossroads.rows(connections, name="a")[0]["state"] == "running"
    assert len(crossroads.a.records()) == 2
    crossroads.check()


# --- failures of some records


def test_a_record_that_is_refused_is_a_dead_letter_and_the_others_go_on(crossroads: Crossroads) -> None:
    """Mended there, it is replayed, as it should be then."""
    customers(crossroads, 5)
    crossroads.a.trouble.refuse(refused(lambda w: w.values.get("last") == "P2", RejectedError("no P2", code="RULE")))
    crossroads.settle()
    assert sorted(row["last"] for row in crossroads.a.records().values()) == ["P0", "P1", "P3", "P4"]
    assert states(crossroads) == {"linked": 8, "dead": 1, "blocked": 1}
    with crossroads.store.reading() as connection:
        found = dead.listed(connection, "a")
    assert [(row["what"], row["error"]) for row in found] == [("binding", "RejectedError RULE")]
    assert found[0]["profile_id"] is not None
    crossroads.check()
    crossroads.a.trouble.clear()
    crossroads.chat.write("p2", "again", name="Paula")
    crossroads.settle()
    replay(crossroads.store, found)
    crossroads.settle()
    assert sorted(row["last"] for row in crossroads.a.records().values()) == ["P0", "P1", "P3", "P4", "Paula"]
    assert len(crossroads.a.records("Touch")) == 6
    assert states(crossroads) == {"linked": 11}
    crossroads.check()


def test_the_poison_of_a_batch_that_is_refused_as_a_whole_is_found(crossroads: Crossroads) -> None:
    """Halved until it is alone; what a connector's bug breaks is found in the same way."""
    for error in (RejectedError("one of them is bad"), LookupError("a bug")):
        who = type(error).__name__

        def poisoned(self: Any, batch: Any, *, error: Exception = error, who: str = who) -> Any:
            if any(write.values.get("last") == f"{who} 3" for write in batch):
                raise error
            return crossroads.a.write(batch)

        crossroads.start()
        type(crossroads.world.lives["a"].connector).write = poisoned  # type: ignore[attr-defined]  # the class is this test's own
        for number in range(7):
            crossroads.chat.write(f"{who}{number}", "Hello", name=f"{who} {number}")
        crossroads.settle()
        assert sorted(row["last"] for row in crossroads.a.records().values() if who in row["last"]) == [
            f"{who} {number}" for number in (0, 1, 2, 4, 5, 6)
        ]
    assert states(crossroads)["dead"] == 2
    assert all(crossroads.books(name).balanced for name in ("chat", "a", "b"))


def test_a_lost_answer_is_asked_for_again_under_the_same_key(crossroads: Crossroads) -> None:
    """All of it, or half of it, was done; nothing is doubled."""
    for rows in (None, 2):
        customers(crossroads, 5)
        crossroads.a.trouble.lose_answer(rows=rows, times=2)
        crossroads.settle()
        assert len(crossroads.a.records()) == 5
    assert len(crossroads.a.records("Touch")) == 10
    crossroads.check()


def test_a_customer_whose_answer_was_lost_and_who_is_then_read_keeps_his_touches(crossroads: Crossroads) -> None:
    """The baseline's next round finds the record before the retry does; what waited for it goes on."""
    crossroads.settle()
    write(crossroads)
    crossroads.deliver()
    crossroads.turn("chat")
    crossroads.a.trouble.lose_answer(times=1)
    crossroads.turn("a")
    crossroads.turn("a")
    crossroads.settle()
    assert states(crossroads) == {"linked": 2}
    assert crossroads.touches(crossroads.a) == [("inbound", "Hello", "received")]
    crossroads.check()


def test_a_crm_that_can_keep_no_key_is_not_written_twice_blindly(crossroads: Crossroads) -> None:
    """What may have happened there is unknown, and parked; nothing is doubled, also after a crash."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, keyed=False)
    crossroads.chat.write("ada", "Hello", name="Ada")
    crossroads.a.trouble.lose_answer(times=1)
    crossroads.settle()
    assert len(crossroads.a.records()) == 1
    books = crossroads.books("a")
    assert books.balanced
    assert (books.records.unknown, books.records.blocked) == (1, 1)

    crossroads.chat.write("bob", "Hello", name="Bob")
    crossroads.deliver()
    crossroads.turn("chat")
    with FaultPoints() as points:
        points.kill("push.called")
        with pytest.raises(KilledError):
            crossroads.turn("a")
    assert len(crossroads.a.records()) == 2
    crossroads.start()
    crossroads.settle()
    assert len(crossroads.a.records()) == 2
    assert crossroads.books("a").balanced


def test_a_bug_on_a_crm_without_keys_is_not_written_twice_either(crossroads: Crossroads) -> None:
    """The connector failed after the call: nobody knows, and nobody tries again."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, keyed=False)
    crossroads.start()

    def late_bug(self: Any, batch: Any) -> Any:
        crossroads.a.write(batch)
        raise KeyError("id")

    type(crossroads.world.lives["a"].connector).write = late_bug  # type: ignore[attr-defined]  # the class is this test's own
    crossroads.chat.write("ada", "Hello", name="Ada")
    crossroads.chat.write("bob", "Hello", name="Bob")
    crossroads.settle()
    assert len(crossroads.a.records()) == 2
    assert crossroads.books("a").records.unknown == 2


# --- gone, merged, doubled


def test_what_a_person_deletes_is_not_revived(crossroads: Crossroads) -> None:
    """Neither by a message nor by an edit elsewhere; whether the feed or the write tells it first."""
    for told in ("feed", "write"):
        who = told
        write(crossroads, who, phone="+3933312345" + ("01" if told == "feed" else "02"))
        crossroads.settle()
        id_ = next(id_ for id_, row in crossroads.a.records().items() if row["last"] == who.title())
        other = next(id_ for id_, row in crossroads.b.records().items() if row["last"] == who.title())
        crossroads.a.delete(id_)
        if told == "write":
            crossroads.b.edit(other, last="Edited")
            crossroads.turn("b")
            crossroads.lanes["a"]._poll_at_s = 1e9  # noqa: SLF001 - the write comes first
            while crossroads.lanes["a"].turn() == 0:
                pass
        write(crossroads, who, "more")
        crossroads.settle()
        assert who.title() not in {row["last"] for row in crossroads.a.records().values()}
    assert states(crossroads)["gone"] == 2
    crossroads.check()


@pytest.mark.parametrize("first", ["feed", "write"])
@pytest.mark.parametrize("known", [True, False])
def test_a_binding_moves_to_the_survivor_of_a_merge_and_takes_what_that_holds(
    crossroads: Crossroads,
    first: str,
    known: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Whether the feed tells it first or a write does; and whether the survivor is a customer of ours or not."""
    crossroads.options["a"] = crossroads.options["b"] = Options(customers=known)
    write(crossroads)
    crossroads.settle()
    mine = crossroads.person_id(crossroads.a)
    survivor = crossroads.a.create(first="Augusta", last="King", email="ada@example.com")
    if known:
        crossroads.settle()
    crossroads.a.merge(mine, into=survivor)
    if first == "write":
        other = next(id_ for id_, row in crossroads.b.records().items() if row["last"] == "Ada")
        crossroads.b.edit(other, tags="vip")
        crossroads.turn("b")
        lane = crossroads.lanes["a"]
        lane._poll_at_s = lane.world.clock.monotonic_s() + 20  # noqa: SLF001 - the write comes first
        while lane.turn() == 0:
            pass
        assert lane.unwell == ""
    crossroads.settle()
    held = crossroads.a.record(survivor)
    assert (held["first"], held["last"], held["email"]) == ("Augusta", "King", "ada@example.com")
    assert held["mobile"] == PHONE
    crossroads.check()


def test_a_double_that_the_crm_sees_is_linked_or_shown_to_a_person(crossroads: Crossroads) -> None:
    """The connector names the candidate; one that cannot be linked is not tried for ever."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, refuses_doubles=True, customers=False)
    crossroads.a.create(last="Ada", email="ada@example.com")
    crossroads.more["script"] = lambda: Script(Script.settings_type()(), connection="script")
    crossroads.settle()
    points = [ContactPoint("phone", "", PHONE), ContactPoint("email", "", "ada@example.com", verified=False)]
    seen = InteractionSeen(key="m1", author=Party(points, name="Augusta"), at=START, text="Hello")
    crossroads.post(scripted(seen), connection="script")
    crossroads.settle()
    assert [row["last"] for row in crossroads.a.records().values()] == ["Ada"]
    assert states(crossroads) == {"review": 1, "blocked": 1}
    assert len(crossroads.rows(reviews, kind="adoption", connection="a")) == 2
    crossroads.check()


# --- fields


def test_a_field_that_drifted_away_is_left_out_and_the_rest_is_written(crossroads: Crossroads) -> None:
    """The sync goes on; it does not turn in circles."""
    write(crossroads)
    crossroads.settle()
    schema = crossroads.a.schemas["Person"]
    left = {name: field for name, field in schema.fields.items() if name != "tags"}
    crossroads.a.schemas = {**crossroads.a.schemas, "Person": evolve(schema, fields=left)}
    other = crossroads.person_id(crossroads.b)
    crossroads.b.edit(other, first="Ada", last="King", tags="vip")
    crossroads.settle()
    person = crossroads.person(crossroads.a)
    assert (person["first"], person["last"]) == ("Ada", "King")
    assert all(crossroads.books(name).quiet and crossroads.books(name).balanced for name in ("a", "b"))


def test_a_field_that_cannot_be_left_out_is_a_dead_letter_not_a_circle(crossroads: Crossroads) -> None:
    """A CRM that names the same field for ever."""
    error = SchemaDriftError("there is no such field", fields=["crocevia_key"])
    crossroads.a.trouble.refuse(refused(lambda w: w.object == "Person", error))
    write(crossroads)
    crossroads.settle()
    assert states(crossroads) == {"dead": 1, "blocked": 1}


# --- races


def test_an_edit_during_the_call_stays_wanted(crossroads: Crossroads) -> None:
    """A customer edits while the first text is on its way."""
    message = crossroads.chat.write("ada", "first", name="Ada", phone=PHONE)
    crossroads.deliver()
    crossroads.turn("chat")

    def meanwhile() -> None:
        crossroads.chat.edit(message, "second")
        crossroads.deliver()
        crossroads.turn("chat")

    crossroads.turn("a")
    crossroads.chat.edit(message, "one and a half")
    crossroads.deliver()
    crossroads.turn("chat")
    crossroads.a.trouble.meanwhile(meanwhile)
    crossroads.turn("a")
    crossroads.settle()
    assert [row["text"] for row in crossroads.a.records("Touch").values()] == ["second"]
    crossroads.check()


def test_a_persons_edit_of_another_field_during_the_call_survives_and_travels(crossroads: Crossroads) -> None:
    """Only what differs is written."""
    write(crossroads)
    crossroads.settle()
    mine, theirs = crossroads.person_id(crossroads.a), crossroads.person_id(crossroads.b)
    crossroads.b.edit(theirs, first="Ada", last="King")
    crossroads.turn("b")
    crossroads.a.trouble.meanwhile(lambda: crossroads.a.edit(mine, email="ada@example.com"))
    crossroads.turn("a")
    crossroads.settle()
    for person in (crossroads.person(crossroads.a), crossroads.person(crossroads.b)):
        assert (person["first"], person["last"], person["email"]) == ("Ada", "King", "ada@example.com")
    crossroads.check()


def test_a_conditional_write_that_lost_the_race_is_judged_and_made_again(crossroads: Crossroads) -> None:
    """The newer version is read first."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, conditional_write=True)
    write(crossroads)
    crossroads.settle()
    mine, theirs = crossroads.person_id(crossroads.a), crossroads.person_id(crossroads.b)
    crossroads.b.edit(theirs, tags="vip")
    crossroads.turn("b")
    crossroads.a.trouble.meanwhile(lambda: crossroads.a.edit(mine, email="ada@example.com"))
    crossroads.turn("a")
    crossroads.settle()
    for person in (crossroads.person(crossroads.a), crossroads.person(crossroads.b)):
        assert (person["tags"], person["email"]) == ("vip", "ada@example.com")
    crossroads.check()


def test_an_edit_just_before_a_conditional_write_is_not_written_over(crossroads: Crossroads) -> None:
    """Both changed the name; theirs came last, while our write was on its way."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, conditional_write=True)
    write(crossroads)
    crossroads.settle()
    mine, theirs = crossroads.person_id(crossroads.a), crossroads.person_id(crossroads.b)
    crossroads.b.edit(theirs, last="King")
    crossroads.turn("b")
    crossroads.clock.advance(600)
    crossroads.a.trouble.meanwhile(lambda: crossroads.a.edit(mine, last="Lovelace"))
    crossroads.turn("a")
    crossroads.settle()
    assert [crossroads.person(crm)["last"] for crm in crossroads.crms.values()] == ["Lovelace", "Lovelace"]


def test_an_older_revision_of_ours_that_comes_back_is_pushed_again(crossroads: Crossroads) -> None:
    """A worker that slept through its lease wakes and writes what it had: nobody edited anything."""
    write(crossroads)
    crossroads.settle()
    mine, theirs = crossroads.person_id(crossroads.a), crossroads.person_id(crossroads.b)
    stale = {name: crossroads.a.record(mine)[name] for name in ("first", "last", "crocevia_revision", "crocevia_key")}
    crossroads.b.edit(theirs, first="Ada", last="King")
    crossroads.settle()
    slept = Write(object="Person", operation="update", key=stale["crocevia_key"], id=mine, values=stale)
    crossroads.a.connector("a").write([slept])
    assert crossroads.a.record(mine)["last"] == "Ada"
    crossroads.settle()
    for person in (crossroads.person(crossroads.a), crossroads.person(crossroads.b)):
        assert (person["first"], person["last"]) == ("Ada", "King")
    crossroads.check()


def test_a_version_that_was_passed_is_not_gone_back_to(crossroads: Crossroads) -> None:
    """An old page that is replayed after a newer one changes nothing (invariant C)."""
    write(crossroads)
    crossroads.settle()
    mine = crossroads.person_id(crossroads.a)
    crossroads.a.edit(mine, last="Old")
    real = type(crossroads.world.lives["a"].connector).parse

    def broken(self: Any, raw: Any, context: Any) -> Any:
        if raw.stream == "Person" and b"Old" in raw.body:
            raise LookupError
        return real(self, raw, context)

    type(crossroads.world.lives["a"].connector).parse = broken  # type: ignore[method-assign]  # the class is this test's own
    crossroads.settle()
    crossroads.a.edit(mine, last="New")
    crossroads.settle()
    assert crossroads.person(crossroads.b)["last"] == "New"
    crossroads.start()
    with crossroads.store.reading() as connection:
        replay(crossroads.store, dead.listed(connection))
    crossroads.settle()
    assert [crossroads.person(crm)["last"] for crm in (crossroads.a, crossroads.b)] == ["New", "New"]
    crossroads.check()


def test_a_record_that_is_gone_by_its_outcome_says_so_only_for_itself(crossroads: Crossroads) -> None:
    """One of many."""
    customers(crossroads, 3)
    crossroads.settle()
    gone = next(iter(crossroads.a.records()))
    crossroads.a.trouble.refuse(refused(lambda w: w.id == gone, GoneError("gone")))
    for id_ in list(crossroads.b.records()):
        crossroads.b.edit(id_, tags="vip")
    crossroads.settle()
    assert [row["tags"] for id_, row in crossroads.a.records().items() if id_ != gone] == ["vip", "vip"]
    with crossroads.store.reading() as connection:
        assert bindings.by_remote(connection, "a", "Person", [gone])[gone].state == "gone"
