"""Polling: what it costs at rest, and what no stamp of the record itself tells."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crocevia import Event, RecordChanged, RecordDeleted
from crocevia.errors import SchemaDriftError
from crocevia.testing import FakeClock
from crocevia_salesforce import Salesforce
from crocevia_salesforce.simulator import Simulator
from tests.plugins.salesforce.conftest import Connect
from tests.plugins.salesforce.org_records import CONTEXT, api_calls, contact_write, last_call, raw_page

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
TEN = ("Contact", "Lead", "Account", "Case", "Task", "Event", "Opportunity", "Interaction__c", "Identity__c", "User")
CONTACT = ("LastName", "Identities__r")


def poll(
    salesforce: Salesforce, cursors: dict[str, str | None], fields: Mapping[str, tuple[str, ...]] | None = None
) -> list[Event]:
    """Read what is new of each object, as the core does; the cursors move on."""
    told: list[Event] = []
    for name, cursor in list(cursors.items()):
        at, more = cursor, True
        while more:
            page = salesforce.changes(name, at, (fields or {}).get(name, ("Id",)))
            cursors[name], at, more = page.cursor, page.cursor, page.more
            if page.body:
                told += salesforce.parse(raw_page(page, name), CONTEXT)
    return told


def rows(event: Event) -> Any:
    """The child rows that a change tells."""
    return event.values["Identities__r"] if isinstance(event, RecordChanged) else None


@pytest.mark.parametrize(("objects", "calls"), [(TEN, 2), (TEN[:5], 1), (TEN[:1], 1)])
def test_objects_at_rest_are_five_a_call(
    org: Simulator, salesforce: Salesforce, objects: tuple[str, ...], calls: int
) -> None:
    """Ten polled objects cost two calls a poll, five cost one; an empty object counts as one at rest."""
    org.admin.create("Contact", {"LastName": "Rossi"})
    cursors: dict[str, str | None] = dict.fromkeys(objects)
    poll(salesforce, cursors)
    poll(salesforce, cursors)
    before = last_call(org)

    assert poll(salesforce, cursors) == []
    assert len(api_calls(org, before)) == calls


def test_a_change_of_any_packed_object_is_told_once(org: Simulator, salesforce: Salesforce) -> None:
    """Whichever object's turn the call was made in."""
    cursors: dict[str, str | None] = dict.fromkeys(TEN[:4])
    poll(salesforce, cursors)
    (case,) = org.admin.create("Case", {"Subject": "Broken"})
    (lead,) = org.admin.create("Lead", {"LastName": "Neri", "Company": "ACME"})

    told = poll(salesforce, cursors)

    assert sorted(event.id for event in told if isinstance(event, RecordChanged)) == sorted([case, lead])
    assert poll(salesforce, cursors) == []


def test_an_answer_that_waits_is_not_used_after_a_write_nor_when_it_is_old(org: Simulator, connect: Connect) -> None:
    """What it shows may be older than what was written, or what another reading told."""
    clock = FakeClock()
    salesforce = connect(clock=clock)
    cursors: dict[str, str | None] = {"Contact": None, "Lead": None}
    poll(salesforce, cursors)
    for outdate in (lambda: salesforce.write([contact_write(1)]), lambda: clock.advance(30)):
        poll(salesforce, {"Contact": cursors["Contact"]})
        (lead,) = org.admin.create("Lead", {"LastName": "Neri", "Company": "ACME"})
        outdate()

        told = poll(salesforce, cursors)

        assert lead in [event.id for event in told if isinstance(event, RecordChanged)]


def test_one_object_that_cannot_be_read_does_not_stop_the_others(org: Simulator, salesforce: Salesforce) -> None:
    """Its field has been hidden; it says so in its own turn, and reads on without the field."""
    cursors: dict[str, str | None] = {"Contact": None, "Lead": None}
    fields = {"Lead": ("Company",)}
    poll(salesforce, cursors, fields)
    org.admin.set_rules({"hidden": ["Lead.Company"]})
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})
    (lead,) = org.admin.create("Lead", {"LastName": "Neri", "Company": "ACME"})

    told = poll(salesforce, {"Contact": cursors["Contact"]})
    with pytest.raises(SchemaDriftError) as caught:
        salesforce.changes("Lead", cursors["Lead"], ("Company",))
    again = poll(salesforce, {"Lead": cursors["Lead"]})

    assert [event.id for event in told if isinstance(event, RecordChanged)] == [contact]
    assert caught.value.fields == ("Company",)
    assert [event.id for event in again if isinstance(event, RecordChanged)] == [lead]


def test_an_edit_of_a_child_row_tells_its_parent(org: Simulator, salesforce: Salesforce) -> None:
    """Nothing moves the contact's own stamp: an added, a changed, a deleted row are each told, with later versions."""
    contact, other = org.admin.create("Contact", [{"LastName": "Rossi"}, {"LastName": "Neri"}])
    cursors: dict[str, str | None] = {"Contact": None}
    fields = {"Contact": CONTACT}
    (first, _) = poll(salesforce, cursors, fields)
    stamp = org.admin.record("Contact", contact)["SystemModstamp"]  # type: ignore[index]  # it is there

    (identity,) = org.admin.create("Identity__c", {"Contact__c": contact, "Kind__c": "messenger", "Address__c": "77"})
    (added,) = poll(salesforce, cursors, fields)
    org.admin.update("Identity__c", identity, {"Address__c": "78", "Scope__c": "page 1"})
    (changed,) = poll(salesforce, cursors, fields)
    org.admin.delete("Identity__c", identity)
    (deleted,) = poll(salesforce, cursors, fields)

    told = [first, added, changed, deleted]
    assert [event.id for event in told if isinstance(event, RecordChanged)] == [contact] * 4
    assert [rows(event) for event in told] == [[], [["messenger", "", "77"]], [["messenger", "page 1", "78"]], []]
    versions = [event.version for event in told if isinstance(event, RecordChanged)]
    assert versions == sorted(set(versions))
    assert all(version.startswith(stamp) for version in versions)
    assert poll(salesforce, cursors, fields) == []
    assert other not in [event.id for event in told[1:] if isinstance(event, RecordChanged)]


def test_many_child_rows_of_one_second_are_told_and_come_to_rest(org: Simulator, salesforce: Salesforce) -> None:
    """More than a page of them, within the overlap, under one stamp."""
    contacts = org.admin.create("Contact", [{"LastName": f"Rossi {n}"} for n in range(50)])
    cursors: dict[str, str | None] = {"Contact": None}
    fields = {"Contact": CONTACT}
    poll(salesforce, cursors, fields)
    org.admin.set_clock(datetime.now(UTC))
    given = [{"Contact__c": contacts[n % 50], "Kind__c": "messenger", "Address__c": str(n)} for n in range(1_000)]
    org.admin.create("Identity__c", given)

    told = poll(salesforce, cursors, fields)
    before = last_call(org)
    again = poll(salesforce, cursors, fields)

    assert {event.id: len(rows(event)) for event in told if isinstance(event, RecordChanged)} == dict.fromkeys(
        contacts, 20
    )
    assert again == []
    assert len(api_calls(org, before)) <= 3


def test_a_baseline_reads_child_rows_with_their_parents(org: Simulator, salesforce: Salesforce) -> None:
    """In the same query: old child rows are not read again one by one."""
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})
    org.admin.create("Identity__c", {"Contact__c": contact, "Kind__c": "telegram", "Address__c": "ada"})
    org.admin.advance(timedelta(minutes=5))
    cursors: dict[str, str | None] = {"Contact": None}

    (told,) = poll(salesforce, cursors, {"Contact": CONTACT})

    assert rows(told) == [["telegram", "", "ada"]]
    (fetched,) = salesforce.fetch("Contact", [contact], CONTACT)
    assert fetched.values["Identities__r"] == [["telegram", "", "ada"]]
    assert isinstance(told, RecordChanged)
    assert fetched.version > told.version


def test_a_column_of_the_child_rows_that_is_gone_puts_the_rows_aside(org: Simulator, salesforce: Salesforce) -> None:
    """The mapped field is the relationship: it is what drifts, and the contacts are read on without it."""
    org.admin.create("Contact", {"LastName": "Rossi"})
    cursors: dict[str, str | None] = {"Contact": None}
    poll(salesforce, cursors, {"Contact": CONTACT})
    org.admin.set_rules({"hidden": ["Identity__c.Scope__c"]})

    with pytest.raises(SchemaDriftError) as caught:
        salesforce.changes("Contact", cursors["Contact"], CONTACT)

    assert caught.value.fields == ("Identities__r",)
    assert salesforce.changes("Contact", cursors["Contact"], ("LastName",)).body == b""
    assert "Identities__r" not in salesforce.describe("Contact").fields


def test_what_was_emptied_from_the_recycle_bin_is_told(org: Simulator, connect: Connect) -> None:
    """No query shows it between two polls; the log of deletions does, and names nothing that a query shows."""
    org.admin.set_clock(NOON)
    clock = FakeClock(NOON)
    salesforce = connect(clock=clock)
    purged, binned, kept = org.admin.create("Contact", [{"LastName": name} for name in ("Neri", "Verdi", "Rossi")])
    cursors: dict[str, str | None] = {"Contact": None}
    poll(salesforce, cursors)
    for moving in (org.admin.advance, clock.advance):
        moving(timedelta(minutes=5))
    org.admin.delete("Contact", purged, binned)
    org.admin.purge("Contact", purged)
    told = poll(salesforce, cursors)
    for moving in (org.admin.advance, clock.advance):
        moving(timedelta(minutes=16))

    (event,) = poll(salesforce, cursors)

    assert [found.id for found in told if isinstance(found, RecordDeleted)] == [binned]
    assert isinstance(event, RecordDeleted)
    assert (event.object, event.id, event.at) == ("Contact", purged, NOON + timedelta(minutes=5))
    assert poll(salesforce, cursors) == []
    assert kept


def test_a_log_of_deletions_that_does_not_reach_back_is_passed_over(org: Simulator, connect: Connect) -> None:
    """After fifteen days it is gone; polling goes on, and the log is asked from now."""
    org.admin.set_clock(NOON)
    clock = FakeClock(NOON)
    salesforce = connect(clock=clock)
    cursors: dict[str, str | None] = {"Contact": None}
    poll(salesforce, cursors)
    for moving in (org.admin.advance, clock.advance):
        moving(timedelta(days=20))
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})

    assert [event.id for event in poll(salesforce, cursors) if isinstance(event, RecordChanged)] == [contact]
    before = last_call(org)
    poll(salesforce, cursors)
    poll(salesforce, cursors)
    assert api_calls(org, before)[-1] == "GET queryAll"
