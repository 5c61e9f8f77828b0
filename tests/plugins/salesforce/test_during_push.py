"""What people do in the org during a write ends in the right place, and a create that was cut off is found."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from crocevia.store.tables import bindings
from crocevia.sync.lane import Lane
from crocevia.testing import FaultPoints, KilledError
from crocevia_salesforce.simulator import Simulator
from tests.plugins.salesforce.conftest import Connect
from tests.plugins.salesforce.crossroads import Crossroads, contacts, crossroads, interactions
from tests.plugins.salesforce.org_records import api_calls, contact_write, last_call

__all__ = ["crossroads"]

LEADS = pytest.mark.parametrize("crossroads", [{"objects": ("Lead", "Contact")}], indirect=True)


def goes_on(crossroads: Crossroads) -> None:
    """To rest, and once more after all that waits for its next try has come to it."""
    for _ in range(3):
        crossroads.settle()
        with crossroads.world.store.writing() as connection:
            connection.execute(sa.update(bindings).values(due_at=0))
    crossroads.settle()


def while_writing(crossroads: Crossroads, *actions: tuple[str, Callable[[], Any]]) -> None:
    """Ada, who is known, writes under a new name; people act in the org at these places of the push."""
    crossroads.chat.write("ada", "Are you there?", name="Ada Rossi Verdi")
    with FaultPoints() as points:
        for place, action in actions:
            points.do(place, action)
        crossroads.settle()
    goes_on(crossroads)


def known(crossroads: Crossroads) -> None:
    """Ada has written once."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()


def test_a_merge_during_a_push(crossroads: Crossroads, org: Simulator) -> None:
    """Everything is on the survivor, once, and has the name that was on its way."""
    known(crossroads)
    [contact] = contacts(org)
    (kept,) = org.admin.create("Contact", {"LastName": "Rossi"})

    while_writing(crossroads, ("push.claimed", lambda: org.admin.merge("Contact", kept, contact["Id"])))

    assert [found["Id"] for found in contacts(org)] == [kept]
    assert sorted((row["Body__c"], row["Contact__c"]) for row in interactions(org)) == [
        ("Are you there?", kept),
        ("Hello", kept),
    ]
    assert len(crossroads.crm.records("Person")) == 1


def test_a_delete_during_a_push(crossroads: Crossroads, org: Simulator) -> None:
    """Nobody is revived; the other CRM has it all."""
    known(crossroads)
    [contact] = contacts(org)

    while_writing(crossroads, ("push.claimed", lambda: org.admin.delete("Contact", contact["Id"])))

    assert contacts(org) == []
    assert len(crossroads.crm.records("Person")) == 1
    assert len(crossroads.crm.records("Touch")) == 2


def test_an_undelete_during_a_push(crossroads: Crossroads, org: Simulator) -> None:
    """Deleted just before the call and brought back just after it: the same contact goes on, and nothing is missing."""
    known(crossroads)
    [contact] = contacts(org)

    def bring_back() -> None:
        org.admin.advance(timedelta(seconds=2))  # stamps have whole seconds, and nobody restores within one
        org.admin.undelete("Contact", contact["Id"])

    while_writing(
        crossroads,
        ("push.claimed", lambda: org.admin.delete("Contact", contact["Id"])),
        ("push.called", bring_back),
    )
    crossroads.chat.write("ada", "I am back")
    goes_on(crossroads)

    assert [found["Id"] for found in contacts(org)] == [contact["Id"]]
    assert sorted((row["Body__c"], row["Contact__c"]) for row in interactions(org)) == [
        ("Are you there?", contact["Id"]),
        ("Hello", contact["Id"]),
        ("I am back", contact["Id"]),
    ]


@LEADS
def test_a_conversion_during_a_push(crossroads: Crossroads, org: Simulator) -> None:
    """The lead is left alone; its contact has every interaction."""
    known(crossroads)
    [lead] = org.admin.query("SELECT Id FROM Lead")
    made: list[Any] = []

    while_writing(crossroads, ("push.claimed", lambda: made.append(org.admin.convert_lead(lead["Id"]))))

    contact = made[0].contact_id
    assert [found["Id"] for found in contacts(org)] == [contact]
    assert sorted((row["Body__c"], row["Contact__c"]) for row in interactions(org)) == [
        ("Are you there?", contact),
        ("Hello", contact),
    ]
    assert len(crossroads.crm.records("Person")) == 1


def test_a_create_whose_answer_was_lost_is_found_by_our_key(crossroads: Crossroads, org: Simulator) -> None:
    """Cut off between the org's commit and ours: before the next try it is looked up, linked, and not made again."""
    crossroads.settle()
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    lane = Lane(crossroads.world, crossroads.world.lives["crm"], "test")
    lane.turn()  # the poll: what follows is found by none
    crossroads.take_in()
    with FaultPoints() as points:
        points.kill("push.called")
        with pytest.raises(KilledError):
            lane.turn()
    [contact] = contacts(org)
    before = last_call(org)
    while lane.turn() == 0:
        pass
    calls = api_calls(org, before)
    lane.release()

    by_key, by_phone, write = calls
    assert by_key == by_phone == "GET query"
    assert write == "PATCH composite/sobjects/Interaction__c/Crocevia_Key__c"
    assert [row["Contact__c"] for row in interactions(org)] == [contact["Id"]]
    assert [found["Id"] for found in contacts(org)] == [contact["Id"]]


def test_records_are_found_by_our_key(org: Simulator, connect: Connect) -> None:
    """1,000 keys a call, the deleted left out; an org without the package has no key to be searched by."""
    salesforce = connect()
    salesforce.write([contact_write(number) for number in range(300)])
    [first] = org.admin.query("SELECT Id FROM Contact WHERE Crocevia_Key__c = 'profile-00000'")
    org.admin.delete("Contact", first["Id"])
    salesforce.describe("Contact")
    before = last_call(org)

    found = salesforce.find_keys("Contact", [f"profile-{number:05d}" for number in range(320)], ("Crocevia_Key__c",))

    assert {record.values["Crocevia_Key__c"] for record in found} == {f"profile-{n:05d}" for n in range(1, 300)}
    assert len(found) == 299
    assert api_calls(org, before) == ["POST composite"]
    assert (salesforce.finds_keys, connect(package=False).finds_keys) == (True, False)
