"""Customers as person accounts: accounts that are people, beside those that are companies."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crocevia import ContactPoint, RecordChanged, Secret, Write, Written
from crocevia_salesforce import Salesforce, Settings
from crocevia_salesforce.simulator import Options, Simulator, running_simulator
from crocevia_salesforce.tasks import TaskAnswers
from tests.plugins.salesforce.org_records import CONTEXT, raw_page

FIELDS = ("LastName", "PersonMobilePhone", "Crocevia_Key__c", "Identities__r")


@pytest.fixture
def people(corpus: Path) -> Iterator[Simulator]:
    """An org with person accounts, by its recorded describe."""
    path = corpus / "salesforce" / "cumulusci" / "GET_sobjects_Account_PersonAccount_describe.json"
    recorded: Any = json.loads(path.read_text())
    with running_simulator(Options(describes=(recorded[0]["body"],))) as simulator:
        yield simulator


@pytest.fixture
def connector(people: Simulator) -> Salesforce:
    """Logged in there."""
    return of_accounts(people)


def of_accounts(org: Simulator, rule: TaskAnswers | None = None) -> Salesforce:
    """A connector whose customers are accounts."""
    given = Settings(
        instance_url=org.url,
        client_id="crocevia",
        client_secret=Secret("simulated-secret"),
        objects=("Account",),
        replies_from_tasks=rule,
    )
    return Salesforce(given)


def test_a_customer_is_an_account_that_is_a_person(people: Simulator, connector: Salesforce) -> None:
    """Companies are neither read nor found, though they lie in the same object."""
    company = {"Name": "ACME", "Phone": "+393331234567"}
    people.admin.create("Account", company)
    values = {"LastName": "Rossi", "PersonMobilePhone": "+393331234567", "Identities__r": [["chat", "", "1"]]}

    (written,) = connector.write([Write(object="Account", operation="upsert", key="k1", values=values)])
    page = connector.changes("Account", None, FIELDS)
    (event,) = connector.parse(raw_page(page, "Account"), CONTEXT)
    wanted = ContactPoint("phone", "", "+393331234567")
    found = connector.find("Account", [wanted], FIELDS)

    assert isinstance(written, Written)
    assert isinstance(event, RecordChanged)
    assert event.id == written.id
    assert (event.values["LastName"], event.values["Identities__r"]) == ("Rossi", [["chat", "", "1"]])
    assert [record.id for record in found[wanted]] == [written.id]


def test_an_interaction_hangs_on_the_account(people: Simulator, connector: Salesforce) -> None:
    """By a lookup of its own, as a contact id would be refused."""
    (person,) = people.admin.create("Account", {"LastName": "Rossi"})
    mapping = next(found for found in connector.mappings() if found.object == "Interaction__c")
    values = mapping.encode({"profile": person, "text": "Hello", "direction": "inbound"})

    (written,) = connector.write([Write(object="Interaction__c", operation="upsert", key="k1", values=values)])

    assert isinstance(written, Written)
    assert people.admin.query("SELECT Account__c, Body__c FROM Interaction__c")[0]["Account__c"] == person


def test_an_org_without_person_accounts_says_so(people: Simulator, connector: Salesforce, org: Simulator) -> None:
    """Before anything is written into company accounts."""
    other = of_accounts(org)

    right = [finding for finding in connector.check() if finding.level != "ok"]
    wrong = [finding.do for finding in other.check() if finding.level == "problem" and finding.what == "Account"]

    assert right == []
    assert wrong == ["person accounts are not enabled in this org: leave Account out of objects"]


def test_a_task_about_a_person_account_answers_him(people: Simulator) -> None:
    """By the account of the Task, as no contact of ours stands on it."""
    salesforce = of_accounts(people, TaskAnswers(field="Status", equals="Send"))
    (person,) = people.admin.create("Account", {"LastName": "Rossi"})
    mapping = salesforce.mappings()[-1].fit(salesforce.describe("Task"))
    start = salesforce.changes("Task", None, mapping.remote_fields).cursor
    people.admin.create("Task", {"WhatId": person, "Description": "Until seven.", "Status": "Send"})

    page = salesforce.changes("Task", start, mapping.remote_fields)
    (event,) = salesforce.parse(raw_page(page, "Task"), CONTEXT)

    assert isinstance(event, RecordChanged)
    read = {name: value for lens in mapping.lenses for name, value in lens.read(event.values, {}).items()}
    assert (read["profile"], read["text"], read["status"]) == (person, "Until seven.", "to send")
