"""Meeting a CRM that already has records: read first, link, never double, ask when in doubt."""

from datetime import timedelta
from typing import Any

import pytest

from crocevia.config.options import Options
from crocevia.errors import RetryableError
from crocevia.store.tables import bindings, claims, connections, profiles, reviews
from crocevia.testing import FaultPoints, KilledError, MemoryCRM
from tests.core.conftest import Crossroads

PHONE = "+39 333 123 4567"


def lasts(crm: MemoryCRM) -> list[str]:
    """Family names in a CRM."""
    return sorted(row["last"] for row in crm.records().values())


def test_nothing_is_created_before_everything_that_is_there_was_read(crossroads: Crossroads) -> None:
    """The baseline stops half-way: customers wait; the other CRM does not."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, page_limit=2)
    for number in range(5):
        crossroads.a.create(last=f"Old {number}", mobile=f"+39 333 000 000{number}")
    crossroads.a.trouble.meanwhile(
        lambda: crossroads.a.trouble.fail(RetryableError("down"), operation="changes", times=3), operation="changes"
    )
    crossroads.chat.write("ada", "Hello", name="Ada", phone=PHONE)
    for _ in range(2):
        crossroads.round()
        assert not any(change.operation == "create" and change.by == "api" for change in crossroads.a.mutations)
    assert "Ada" in lasts(crossroads.b)
    crossroads.settle()
    assert lasts(crossroads.a) == ["Ada", *(f"Old {number}" for number in range(5))]
    assert len(crossroads.b.records()) == 6
    crossroads.check()


def test_a_baseline_of_more_pages_than_a_turn_reads_is_finished_first(crossroads: Crossroads) -> None:
    """The last page holds the customer who writes."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, page_limit=1)
    for number in range(25):
        crossroads.a.create(last=f"Old {number}")
        crossroads.clock.advance(1)
    there = crossroads.a.create(last="Ada", email="ada@example.com")
    crossroads.chat.write("eve", "Hello", name="Eve")
    crossroads.start()
    crossroads.deliver()
    crossroads.turn("chat")
    assert crossroads.lanes["a"].turn() == 0, "there is more to read"
    creates = [m for m in crossroads.a.mutations if m.operation == "create" and m.by == "api"]
    assert creates == []
    crossroads.settle()
    assert lasts(crossroads.a) == sorted(["Ada", "Eve", *(f"Old {number}" for number in range(25))])
    assert there in crossroads.a.records()
    crossroads.check()


def test_a_customer_who_is_there_is_linked_by_his_number_and_stamped_by_id(crossroads: Crossroads) -> None:
    """However it is written; what he has there fills what we lack, and the other way round."""
    there = crossroads.a.create(first="Ada", last="King", mobile="333 1234567", email="Ada@Example.com")
    crossroads.chat.write("ada", "Hello", name="ada_99", phone=PHONE)
    crossroads.settle()
    assert list(crossroads.a.records()) == [there]
    person = crossroads.a.record(there)
    assert person["crocevia_key"]
    assert (person["first"], person["last"], person["mobile"]) == ("Ada", "King", "333 1234567")
    other = crossroads.person(crossroads.b)
    assert (other["first"], other["last"], other["email"]) == ("Ada", "King", "Ada@Example.com")
    assert len(crossroads.rows(profiles)) == 1
    crossroads.check()


def test_the_same_customer_in_both_crms_is_one(crossroads: Crossroads) -> None:
    """Before any message; sets are joined, an empty field is filled, and by priority the rest."""
    crossroads.options["b"] = Options(priority=5)
    crossroads.a.create(first="Ada", last="Kingg", mobile=PHONE, tags="vip")
    crossroads.b.create(first="Ada", last="King", mobile="+393331234567", email="ada@example.com")
    crossroads.settle()
    for crm in (crossroads.a, crossroads.b):
        person = crossroads.person(crm)
        assert (person["last"], person["email"], person["tags"]) == ("King", "ada@example.com", "vip")
    crossroads.check()


def test_records_that_carry_our_key_are_linked_by_it(crossroads: Crossroads) -> None:
    """A create whose answer was lost in a crash, of a customer without any address that a CRM knows."""
    crossroads.settle()
    crossroads.chat.write("ada", "Hello", name="Ada")
    crossroads.deliver()
    crossroads.turn("chat")
    with FaultPoints() as points:
        points.kill("push.called")
        with pytest.raises(KilledError):
            crossroads.turn("a")
    crossroads.start()
    crossroads.settle()
    assert lasts(crossroads.a) == ["Ada"]
    assert len(crossroads.rows(profiles)) == 1
    crossroads.check()


def test_several_candidates_are_not_chosen_from(crossroads: Crossroads) -> None:
    """Number of the one, address of the other: nothing is linked or made; a person looks."""
    for name, number in (("Ada", "+393331234567"), ("Bob", "+393337654321")):
        crossroads.chat.write(name.lower(), "Hello", name=name, phone=number)
    crossroads.settle()
    crossroads.a.create(last="Both", mobile="+393331234567", phone="+393337654321")
    crossroads.settle()
    assert len(crossroads.rows(profiles)) == 2
    assert len(crossroads.rows(bindings, connection="a", of="profile")) == 2
    assert len(crossroads.rows(reviews, kind="adoption")) == 1
    crossroads.check()


def test_doubles_in_a_crm_are_not_both_linked_and_not_made_three(crossroads: Crossroads) -> None:
    """The first is the customer's; the second goes to a person; the other CRM has one."""
    for last in ("First", "Second"):
        crossroads.a.create(last=last, mobile=PHONE)
    crossroads.chat.write("ada", "Hello", name="Ada", phone=PHONE)
    crossroads.settle()
    assert lasts(crossroads.a) == ["First", "Second"]
    assert len(crossroads.b.records()) == 1
    assert len(crossroads.rows(reviews, kind="adoption")) == 1
    crossroads.check()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_number_that_two_share_links_neither_to_the_other(crossroads: Crossroads) -> None:
    """A couple's landline: in the second CRM only she is known, and is not taken for him."""
    crossroads.a.create(last="He", phone=PHONE, email="he@example.com")
    crossroads.a.create(last="She", phone=PHONE, email="she@example.com")
    hers = crossroads.b.create(last="She", phone=PHONE, email="she@example.com")
    crossroads.settle()
    assert crossroads.rows(bindings, connection="b", remote_id=hers) == []
    assert {(row["connection"], row["subject"]) for row in crossroads.rows(reviews, kind="adoption")} >= {
        ("a", "Person P000002"),
        ("b", f"Person {hers}"),
    }
    assert crossroads.b.record(hers)["last"] == "She"


def test_a_crm_whose_records_are_not_customers_gives_no_profiles_but_is_not_doubled(crossroads: Crossroads) -> None:
    """A supplier list: only who writes is linked, when he writes."""
    crossroads.options["a"] = Options(customers=False)
    there = crossroads.a.create(first="Ada", last="King", mobile=PHONE)
    crossroads.a.create(last="Supplier", phone="+39 02 7654321")
    crossroads.settle()
    assert crossroads.rows(profiles) == []
    assert crossroads.b.records() == {}
    crossroads.chat.write("ada", "Hello", name="ada_99", phone=PHONE)
    crossroads.settle()
    assert lasts(crossroads.a) == ["King", "Supplier"]
    assert crossroads.a.record(there)["crocevia_key"]
    assert crossroads.person(crossroads.b)["last"] == "King"
    crossroads.check()


def test_a_record_that_somebody_made_since_the_last_round_is_found_before_a_create(crossroads: Crossroads) -> None:
    """A colleague types the customer in just before we would."""
    crossroads.settle()
    crossroads.chat.write("ada", "Hello", name="Ada", phone=PHONE)
    crossroads.deliver()
    crossroads.turn("chat")
    there = crossroads.a.create(first="Ada", last="King", mobile="333 123 4567")
    lane = crossroads.lanes["a"]
    lane._poll_at_s = lane.world.clock.monotonic_s() + 20  # noqa: SLF001 - the round comes later
    while lane.turn() == 0:
        pass
    assert list(crossroads.a.records()) == [there]
    crossroads.settle()
    assert crossroads.person(crossroads.b)["last"] == "King"
    crossroads.check()


def test_several_candidates_without_a_record_are_not_chosen_from(crossroads: Crossroads) -> None:
    """Neither has a record there yet, and none is linked or made."""
    for name, number in (("Ada", "+393331234567"), ("Bob", "+393337654321")):
        crossroads.chat.write(name.lower(), "Hello", name=name, phone=number)
    crossroads.deliver()
    crossroads.turn("chat")
    both = crossroads.a.create(last="Both", mobile="+393331234567", phone="+393337654321")
    crossroads.settle()
    assert len(crossroads.rows(profiles)) == 2
    assert crossroads.rows(bindings, connection="a", remote_id=both) == []
    assert len(crossroads.rows(reviews, kind="adoption", subject=f"Person {both}")) == 1


def test_an_untrusted_crms_record_is_not_linked_by_its_number(crossroads: Crossroads) -> None:
    """A record that is met with the number of a customer, who has none there yet, is not taken for his."""
    crossroads.options["a"] = Options(trusts_contact_points=False)
    crossroads.chat.write("ada", "Hello", name="Ada", phone=PHONE)
    crossroads.deliver()
    crossroads.turn("chat")
    there = crossroads.a.create(last="King", mobile=PHONE)
    crossroads.settle()
    [ada] = {row["profile_id"] for row in crossroads.rows(claims) if row["verified"]}
    assert ada not in {row["subject_id"] for row in crossroads.rows(bindings, connection="a", remote_id=there)}


def test_an_untrusted_crm_identifies_nobody(crossroads: Crossroads) -> None:
    """Its numbers are shown, not believed: the writer is somebody new, and a person compares."""
    crossroads.options["a"] = Options(trusts_contact_points=False)
    crossroads.a.create(last="King", mobile=PHONE)
    crossroads.settle()
    assert [row["verified"] for row in crossroads.rows(claims)] == [0]
    crossroads.chat.write("ada", "Hello", name="Ada", phone=PHONE)
    crossroads.settle()
    assert len(crossroads.rows(profiles)) == 2
    assert len(crossroads.rows(reviews, kind="identity")) == 1


@pytest.mark.parametrize(
    ("store", "point", "on"),
    [
        *(
            ("sqlite", point, on)
            for point in ("pull.committed", "intake.before_commit", "intake.committed", "push.called")
            for on in (1, 2, 3)
        ),
        ("postgresql", "intake.before_commit", 2),
    ],
    indirect=["store"],
)
def test_a_crash_in_the_middle_of_adoption_doubles_nobody(crossroads: Crossroads, point: str, on: int) -> None:
    """Between page and page, between link and stamp."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, page_limit=2)
    for number in range(4):
        crossroads.a.create(last=f"Old {number}", mobile=f"+39 333 000 000{number}")
    crossroads.chat.write("old", "Hello", name="Writes", phone="+393330000002")
    with FaultPoints() as points:
        points.kill(point, on=on)
        for _ in range(3):
            try:
                crossroads.round()
            except KilledError:
                crossroads.start()
    crossroads.settle()
    assert lasts(crossroads.a) == lasts(crossroads.b) == [f"Old {number}" for number in range(4)]
    assert len(crossroads.rows(profiles)) == 4
    crossroads.check()


def test_a_mass_deletion_stops_the_connection_and_asks_and_loses_nobodys_edit(crossroads: Crossroads) -> None:
    """Above the cap: nothing is let go, a person is asked; an edit in the same page is taken."""
    crossroads.options["a"] = Options(delete_cap=2)
    ids = [crossroads.a.create(last=f"Old {number}", mobile=f"+39 333 000 000{number}") for number in range(5)]
    crossroads.settle()
    for id_ in ids[:3]:
        crossroads.a.delete(id_)
    crossroads.a.edit(ids[4], last="New")
    writes = crossroads.writes()
    crossroads.round()
    [row] = crossroads.rows(connections, name="a")
    assert row["state"] == "paused"
    assert {row["state"] for row in crossroads.rows(bindings, connection="a")} == {"linked"}
    assert len(crossroads.rows(reviews, kind="mass delete")) == 1
    assert sum(call.operation == "write" for call in crossroads.a.calls) <= writes
    crossroads.clock.advance(timedelta(minutes=5))
    crossroads.round()
    assert "New" in lasts(crossroads.b)
    assert crossroads.rows(connections, name="a")[0]["state"] == "paused"
    assert all(crossroads.books(name).balanced for name in ("a", "b", "chat"))


def test_an_outage_that_ends_with_a_mass_deletion_stays_paused(crossroads: Crossroads) -> None:
    """To be well again is not to go on."""
    crossroads.options["a"] = Options(delete_cap=1)
    ids = [crossroads.a.create(last=f"Old {number}") for number in range(3)]
    crossroads.settle()
    crossroads.a.trouble.fail(RetryableError("down"), operation="changes", times=2)
    crossroads.round()
    for id_ in ids:
        crossroads.a.delete(id_)
    for _ in range(6):
        crossroads.clock.advance(61)
        crossroads.round()
    assert crossroads.rows(connections, name="a")[0]["state"] == "paused"


def test_who_is_no_customer_there_is_left_alone(crossroads: Crossroads) -> None:
    """The mapping tells customers from other records of the same object."""
    crossroads.start()
    found = crossroads.world.lives["a"]
    from attrs import evolve  # noqa: PLC0415 - only here

    def is_customer(values: Any) -> bool:
        return bool(values.get("tags") != "employee")

    found.mappings["Person"] = evolve(found.mappings["Person"], is_customer=is_customer)
    crossroads.a.create(last="Employee", tags="employee", mobile=PHONE)
    crossroads.a.create(last="Customer", mobile="+39 333 765 4321")
    crossroads.settle()
    assert lasts(crossroads.b) == ["Customer"]
    assert crossroads.books("a").incoming.balanced


def test_a_customer_whose_number_stands_on_somebody_elses_record_is_not_created_but_shown(
    crossroads: Crossroads,
) -> None:
    """The look-up before the create found it and could not link it: a person says whether he is another one."""
    held = crossroads.a.create(last="King", email="king@example.com")
    crossroads.settle()
    crossroads.chat.write("ada", "Hello", name="Ada", phone=PHONE)
    crossroads.deliver()
    crossroads.turn("chat")
    crossroads.a.trouble.meanwhile(lambda: crossroads.a.edit(held, mobile=PHONE), operation="find")
    crossroads.settle()
    assert list(crossroads.a.records()) == [held]
    assert [row["kind"] for row in crossroads.rows(reviews, connection="a", state="open")] == ["adoption"]
