"""Customers as leads: made, logged on, converted, and followed to the contact that they become."""

from typing import Any

import pytest

from crocevia_salesforce.simulator import Simulator
from tests.plugins.salesforce.crossroads import Crossroads, contacts, crossroads, interactions

__all__ = ["crossroads"]

pytestmark = pytest.mark.parametrize("crossroads", [{"objects": ("Lead", "Contact")}], indirect=True)


def leads(org: Simulator) -> list[dict[str, Any]]:
    """Every living lead, oldest first."""
    names = "Id, LastName, Company, MobilePhone, IsConverted, Crocevia_Key__c"
    return list(org.admin.query(f"SELECT {names} FROM Lead ORDER BY CreatedDate, Id"))


def whose(org: Simulator) -> list[tuple[str, str | None, str | None]]:
    """Text, lead and contact of every interaction."""
    rows = org.admin.query("SELECT Body__c, Lead__c, Contact__c FROM Interaction__c ORDER BY CreatedDate, Id")
    return [(row["Body__c"], row["Lead__c"], row["Contact__c"]) for row in rows]


def test_a_customer_who_writes_is_a_lead_with_an_interaction(crossroads: Crossroads, org: Simulator) -> None:
    """With the company that Salesforce itself writes where there is none."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()

    [lead] = leads(org)
    assert (lead["LastName"], lead["Company"], lead["MobilePhone"]) == ("Ada Rossi", "[not provided]", "+393471234567")
    assert whose(org) == [("Hello", lead["Id"], None)]
    assert contacts(org) == []


def test_a_converted_lead_goes_on_as_its_contact(crossroads: Crossroads, org: Simulator) -> None:
    """Also what was on its way: one contact, with our key, every interaction on it, and the lead is left alone."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [lead] = leads(org)
    made = org.admin.convert_lead(lead["Id"])
    crossroads.chat.write("ada", "Are you there?")
    crossroads.settle()
    crossroads.chat.write("ada", "Thank you", name="Ada Rossi Verdi")
    crossroads.settle()

    [contact] = contacts(org)
    assert contact["Id"] == made.contact_id
    assert {contact for _, _, contact in whose(org)} == {made.contact_id}
    assert sorted(text for text, _, _ in whose(org)) == ["Are you there?", "Hello", "Thank you"]
    assert len(crossroads.crm.records("Person")) == 1
    (key,) = [row["Crocevia_Key__c"] for row in org.admin.query("SELECT Crocevia_Key__c FROM Contact")]
    assert key == lead["Crocevia_Key__c"]


def test_a_lead_converted_into_a_contact_that_is_known_makes_one_customer_of_two(
    crossroads: Crossroads, org: Simulator
) -> None:
    """The person who converts has said so."""
    (known,) = org.admin.create("Contact", {"LastName": "Rossi", "Email": "ada@example.org"})
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [lead] = leads(org)
    account = org.admin.create("Account", {"Name": "ACME"})[0]
    org.admin.update("Contact", known, {"AccountId": account})

    org.admin.convert_lead(lead["Id"], account_id=account, contact_id=known)
    crossroads.settle()
    crossroads.chat.write("ada", "Still me")
    crossroads.settle()

    assert [found["Id"] for found in contacts(org)] == [known]
    assert {contact for _, _, contact in whose(org)} == {known}


def test_an_answer_on_a_lead_reaches_him(crossroads: Crossroads, org: Simulator) -> None:
    """By the lookup that is filled."""
    crossroads.chat.write("ada", "Open today?", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [lead] = leads(org)
    answer = {"Direction__c": "Outbound", "Status__c": "To Send", "Body__c": "Until seven."}
    org.admin.create("Interaction__c", {**answer, "Lead__c": lead["Id"]})
    crossroads.settle()

    [message] = crossroads.chat.sent
    assert (message.text, message.to.value) == ("Until seven.", "ada")
    assert {row["Status__c"] for row in interactions(org)} == {"Received", "Delivered"}
