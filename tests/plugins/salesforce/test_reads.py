"""Reads: every change told once, also late ones and those of one second, and nothing told at rest."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crocevia import ContactPoint, Event, RecordChanged, RecordDeleted, RecordMerged, Unrecognised
from crocevia.errors import ConfigError, MalformedError, SchemaDriftError
from crocevia.testing import FakeClock
from crocevia_salesforce import Salesforce
from crocevia_salesforce.simulator import Simulator
from tests.plugins.salesforce.conftest import Connect
from tests.plugins.salesforce.org_records import CONTEXT, api_calls, last_call, raw_page

FIELDS = ("FirstName", "LastName", "Email", "MobilePhone", "Phone", "Crocevia_Key__c", "Crocevia_Revision__c")


def pull(salesforce: Salesforce, cursor: str | None, object_name: str = "Contact") -> tuple[list[Event], str]:
    """Read until nothing more waits, as the core does; give the events and the cursor."""
    events: list[Event] = []
    while True:
        page = salesforce.changes(object_name, cursor, FIELDS if object_name == "Contact" else ("Body__c",))
        cursor = page.cursor
        if page.body:
            events.extend(salesforce.parse(raw_page(page), CONTEXT))
        if not page.more:
            return events, cursor


def changed(events: list[Event]) -> list[tuple[str, Any]]:
    """Id and last name of what changed."""
    return [(event.id, event.values["LastName"]) for event in events if isinstance(event, RecordChanged)]


def test_the_first_pull_tells_everything_and_the_next_nothing(org: Simulator, salesforce: Salesforce) -> None:
    """An idle poll is one call and an empty page: nothing is journaled at rest."""
    ids = org.admin.create("Contact", [{"LastName": f"Rossi {n:04}"} for n in range(4_100)])
    before = last_call(org)

    events, cursor = pull(salesforce, None)
    pages = len([call for call in api_calls(org, before) if "queryAll" in call])
    before = last_call(org)
    again, cursor = pull(salesforce, cursor)

    assert sorted(remote_id for remote_id, _ in changed(events)) == sorted(ids)
    assert pages == 3
    assert again == []
    assert cursor == pull(salesforce, cursor)[1]


def test_an_idle_poll_is_one_call(org: Simulator, salesforce: Salesforce) -> None:
    """Describes are kept."""
    org.admin.create("Contact", [{"LastName": f"Rossi {n}"} for n in range(20)])
    _, cursor = pull(salesforce, None)
    before = last_call(org)

    events, _ = pull(salesforce, cursor)

    assert events == []
    assert api_calls(org, before) == ["GET queryAll"]


def test_ten_thousand_records_of_one_second_are_told_once_each(org: Simulator, salesforce: Salesforce) -> None:
    """A bulk load gives all of its records one stamp."""
    org.admin.set_clock(datetime(2026, 11, 2, 9, tzinfo=UTC))
    ids = org.admin.create("Contact", [{"LastName": "Rossi"} for _ in range(10_000)])

    events, cursor = pull(salesforce, None)
    again, _ = pull(salesforce, cursor)

    told = [remote_id for remote_id, _ in changed(events)]
    assert len(told) == len(set(told)) == 10_000
    assert set(told) == set(ids)
    assert again == []


def test_a_persons_change_comes_with_its_values_and_its_author(org: Simulator, salesforce: Salesforce) -> None:
    """Only the fields asked for; times and numbers in the form that lenses compare."""
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi", "Crocevia_Revision__c": 3})
    _, cursor = pull(salesforce, None)
    org.admin.update("Contact", contact, {"MobilePhone": "333 1234567"})

    (event,), _ = pull(salesforce, cursor)

    assert isinstance(event, RecordChanged)
    assert set(event.values) == set(FIELDS)
    assert event.values["MobilePhone"] == "333 1234567"
    assert event.values["Email"] is None
    assert repr(event.values["Crocevia_Revision__c"]) == "3"
    assert event.by is not None
    assert event.by[:3] == "005"


def test_a_second_change_within_one_second_is_told_with_a_later_version(org: Simulator, salesforce: Salesforce) -> None:
    """SystemModstamp has whole seconds: the values tell that it changed again."""
    org.admin.set_clock(datetime(2026, 11, 2, 9, tzinfo=UTC))
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})
    (first,), cursor = pull(salesforce, None)
    org.admin.update("Contact", contact, {"LastName": "Bianchi"})

    (second,), cursor = pull(salesforce, cursor)

    assert isinstance(first, RecordChanged)
    assert isinstance(second, RecordChanged)
    assert second.values["LastName"] == "Bianchi"
    assert second.at == first.at
    assert second.version > first.version
    assert second.dedupe_key != first.dedupe_key
    assert pull(salesforce, cursor)[0] == []


def test_a_commit_that_comes_late_is_told(org: Simulator, salesforce: Salesforce) -> None:
    """Its stamp is below the highest told; a plain "greater than" would lose it."""
    noon = datetime(2026, 11, 2, 12, tzinfo=UTC)
    org.admin.set_clock(noon)
    org.admin.create("Contact", {"LastName": "Rossi"})
    _, cursor = pull(salesforce, None)
    org.admin.set_clock(noon - timedelta(seconds=40))
    (late,) = org.admin.create("Contact", {"LastName": "Late"})

    events, cursor = pull(salesforce, cursor)

    assert (late, "Late") in changed(events)
    assert pull(salesforce, cursor)[0] == []


def test_nothing_is_looked_at_again_once_nothing_can_be_late(org: Simulator, connect: Connect) -> None:
    """After the overlap the cursor holds a position and no memory, and a poll reads no rows."""
    clock = FakeClock()
    salesforce = connect(clock=clock)
    org.admin.create("Contact", [{"LastName": f"Rossi {n}"} for n in range(100)])
    _, cursor = pull(salesforce, None)
    clock.advance(timedelta(seconds=61))

    _, rested = pull(salesforce, cursor)
    events, after = pull(salesforce, rested)

    assert len(cursor) > 2_000
    assert len(rested) < 200
    assert (events, after) == ([], rested)


def test_deletes_merges_and_undeletes_are_told(org: Simulator, salesforce: Salesforce) -> None:
    """The recycle bin is read too, and a merge names its survivor."""
    deleted, winner, loser = org.admin.create("Contact", [{"LastName": name} for name in ("Neri", "Rossi", "Rossi")])
    _, cursor = pull(salesforce, None)
    org.admin.advance(timedelta(seconds=2))
    org.admin.delete("Contact", deleted)
    org.admin.merge("Contact", winner, loser)

    events, cursor = pull(salesforce, cursor)
    org.admin.advance(timedelta(seconds=2))
    org.admin.undelete("Contact", deleted)
    back, _ = pull(salesforce, cursor)

    gone = {event.id: event for event in events if isinstance(event, RecordDeleted | RecordMerged)}
    assert isinstance(gone[deleted], RecordDeleted)
    assert gone[loser] == RecordMerged(
        object="Contact", id=loser, into=winner, at=gone[loser].at, leaf=gone[loser].leaf
    )
    assert changed(back)[-1] == (deleted, "Neri")


def test_a_custom_object_without_merges_is_read_alike(org: Simulator, salesforce: Salesforce) -> None:
    """MasterRecordId is asked for only where the object has it."""
    (reply,) = org.admin.create("Interaction__c", {"Body__c": "riga 1\r\nriga 2", "Status__c": "To Send"})

    (event,), _ = pull(salesforce, None, "Interaction__c")

    assert isinstance(event, RecordChanged)
    assert event.id == reply
    assert event.values == {"Body__c": "riga 1\nriga 2"}


def test_times_are_read_as_the_datetime_codec_writes_them(org: Simulator, salesforce: Salesforce) -> None:
    """And a text that looks like a time stays as it is."""
    stamp = "2026-11-02T09:00:00.000+0000"
    org.admin.create("Interaction__c", {"Occurred_At__c": stamp, "Subject__c": stamp})
    page = salesforce.changes("Interaction__c", None, ("Occurred_At__c", "Subject__c"))

    (event,) = salesforce.parse(raw_page(page), CONTEXT)

    assert isinstance(event, RecordChanged)
    assert event.values == {"Occurred_At__c": "2026-11-02T09:00:00.000Z", "Subject__c": stamp}


def test_a_field_that_vanished_is_drift_and_the_next_read_looks_anew(org: Simulator, salesforce: Salesforce) -> None:
    """The field is named; without it the object is read on."""
    org.admin.create("Contact", {"LastName": "Rossi"})

    with pytest.raises(SchemaDriftError) as caught:
        salesforce.changes("Contact", None, ("LastName", "Loyalty__c"))

    assert caught.value.fields == ("Loyalty__c",)
    assert salesforce.changes("Contact", None, ("LastName",)).body
    assert api_calls(org).count("GET sobjects/Contact/describe") == 2


def test_an_object_that_is_not_there_is_drift(salesforce: Salesforce) -> None:
    """With the step that brings it."""
    with pytest.raises(SchemaDriftError, match="deploy the package"):
        salesforce.describe("Nothing__c")


def test_a_cursor_of_somebody_else_is_refused(salesforce: Salesforce) -> None:
    """Reading from the start by mistake would cost the org's day."""
    with pytest.raises(ConfigError):
        salesforce.changes("Contact", "2026-11-02", ("LastName",))


def test_records_are_fetched_by_id_in_one_call(org: Simulator, salesforce: Salesforce) -> None:
    """2,000 a call; the deleted and the unknown are left out."""
    ids = org.admin.create("Contact", [{"LastName": f"Rossi {n}"} for n in range(1_500)])
    org.admin.delete("Contact", ids[3])
    salesforce.describe("Contact")
    before = last_call(org)

    records = salesforce.fetch("Contact", [*ids, "003000000000000AAA"], ("LastName",))

    assert {record.id for record in records} == set(ids) - {ids[3]}
    assert api_calls(org, before) == ["POST composite/sobjects/Contact"]


def test_people_are_found_however_their_number_was_typed(org: Simulator, salesforce: Salesforce) -> None:
    """Blanks, dots, a trunk zero or the prefix: the number counts, and not a part of a longer one."""
    typed = ["+39 333 1234567", "333-123.45.67", "0039 3331234567", "+1 333 123 4567", "333 12345678"]
    contacts = org.admin.create("Contact", [{"LastName": "Rossi", "MobilePhone": text} for text in typed])
    wanted = ContactPoint("phone", "", "+393331234567")

    found = salesforce.find("Contact", [wanted], FIELDS)

    assert [record.id for record in found[wanted]] == contacts[:3]


def test_numbers_without_prefix_are_of_the_region_that_settings_name(org: Simulator, connect: Connect) -> None:
    """In a US org, 333 123 4567 is not the Italian's number."""
    org.admin.create("Contact", {"LastName": "Smith", "Phone": "333 123 4567"})
    wanted = ContactPoint("phone", "", "+393331234567")

    assert connect(region="US").find("Contact", [wanted], FIELDS) == {}
    assert list(connect(region="IT").find("Contact", [wanted], FIELDS)) == [wanted]


def test_people_are_found_by_address_whatever_its_case_and_quotes(org: Simulator, salesforce: Salesforce) -> None:
    """What is asked for is escaped."""
    (contact,) = org.admin.create("Contact", {"LastName": "O'Hara", "Email": "Miles.O'Hara@example.org"})
    wanted = ContactPoint("email", "", "miles.o'hara@example.org")
    other = ContactPoint("email", "", "x' OR LastName != '")

    found = salesforce.find("Contact", [wanted, other], FIELDS)

    assert {point: [record.id for record in records] for point, records in found.items()} == {wanted: [contact]}


def test_a_thousand_addresses_are_looked_for_in_few_calls(org: Simulator, salesforce: Salesforce) -> None:
    """Five queries a Composite; kinds that Contact has no field for cost nothing."""
    org.admin.create("Contact", [{"LastName": "R", "Email": f"user{n}@example.org"} for n in range(900)])
    points = [ContactPoint("email", "", f"user{n}@example.org") for n in range(1_000)]
    salesforce.describe("Contact")
    before = last_call(org)

    found = salesforce.find("Contact", [*points, ContactPoint("messenger", "page", "1")], FIELDS)

    assert len(found) == 900
    assert api_calls(org, before) == ["POST composite"]


def test_what_is_no_answer_of_a_query_is_malformed(salesforce: Salesforce) -> None:
    """As `crocevia translate` may be given anything."""
    for body in (b"<html>", b"[]", b'{"error": "invalid_grant"}', b'{"records": {}}'):
        raw = raw_page(salesforce.changes("Contact", None, ("LastName",)))
        with pytest.raises(MalformedError):
            list(
                salesforce.parse(
                    type(raw)(connection="c", kind="salesforce", body=body, received_at=CONTEXT.now), CONTEXT
                )
            )


def test_rows_of_an_unknown_shape_are_counted(salesforce: Salesforce) -> None:
    """An aggregate has no id: unrecognised, each at its own leaf."""
    body = b'{"done": true, "records": [{"attributes": {"type": "AggregateResult"}, "expr0": 5}, 7]}'
    raw = raw_page(salesforce.changes("Contact", None, ("LastName",)))

    events = list(
        salesforce.parse(type(raw)(connection="c", kind="salesforce", body=body, received_at=CONTEXT.now), CONTEXT)
    )

    assert [event.leaf for event in events if isinstance(event, Unrecognised)] == ["/records/0", "/records/1"]
