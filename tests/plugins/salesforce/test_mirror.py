"""One Task beside each interaction, where the settings wish it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from crocevia import Write, Written
from crocevia.errors import RejectedError, RetryableError
from crocevia_salesforce import Salesforce
from crocevia_salesforce.simulator import Options, Simulator, running_simulator
from tests.plugins.salesforce.conftest import Connect
from tests.plugins.salesforce.org_records import api_calls, interaction_write, last_call


@pytest.fixture
def mirrored(connect: Connect) -> Salesforce:
    """A connector that makes Tasks."""
    return connect(mirror="task")


def tasks(org: Simulator, *names: str) -> list[dict[str, Any]]:
    """Every Task, oldest first."""
    rows = org.admin.query(f"SELECT {', '.join(names or ('Id',))} FROM Task ORDER BY CreatedDate, Id")
    return [{name: row[name] for name in names} for row in rows]


def call_write(salesforce: Salesforce, contact: str) -> Write:
    """A call of a minute, as the core writes it."""
    mapping = next(found for found in salesforce.mappings() if found.object == "Interaction__c")
    canonical = {
        "profile": contact,
        "at": datetime(2026, 11, 2, 9, 0, 1, tzinfo=UTC),
        "direction": "inbound",
        "kind": "call",
        "channel": "phone",
        "duration_s": 61,
        "message_key": "pbx-7",
        "status": "received",
        "text": "asked for a table",
    }
    return Write(object="Interaction__c", operation="upsert", key="call-1", values=mapping.encode(canonical))


def test_a_call_is_a_task_with_the_fields_of_calls(org: Simulator, mirrored: Salesforce) -> None:
    """It hangs on the interaction and on the contact."""
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})

    (written,) = mirrored.write([call_write(mirrored, contact)])

    assert isinstance(written, Written)
    assert written.id[:3] not in ("00T", "003")
    names = ("WhoId", "WhatId", "Subject", "Description", "Status", "ActivityDate", "TaskSubtype", "CallType")
    more = ("CallDurationInSeconds", "CallObject", "CallDisposition")
    assert tasks(org, *names, *more) == [
        {
            "WhoId": contact,
            "WhatId": written.id,
            "Subject": "phone call",
            "Description": "asked for a table",
            "Status": "Completed",
            "ActivityDate": "2026-11-02",
            "TaskSubtype": "Call",
            "CallType": "Inbound",
            "CallDurationInSeconds": 61,
            "CallObject": "pbx-7",
            "CallDisposition": "Received",
        }
    ]


def test_a_thousand_interactions_cost_one_call_more(org: Simulator, mirrored: Salesforce) -> None:
    """And an update of one makes no second Task."""
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})
    mirrored.describe("Task")
    before = last_call(org)

    outcomes = mirrored.write([interaction_write(n, contact) for n in range(1_000)])
    calls = api_calls(org, before)
    (first, *_) = outcomes
    assert isinstance(first, Written)
    mirrored.write([Write(object="Interaction__c", operation="update", key="k", id=first.id, values={"Body__c": "x"})])

    assert calls == ["POST composite", "POST composite"]
    assert len(tasks(org)) == 1_000


def test_an_answer_that_is_lost_makes_no_second_task(org: Simulator, mirrored: Salesforce) -> None:
    """Whether the interaction's or the Task's: the repeated write looks for what hangs on it."""
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})
    batch = [interaction_write(n, contact) for n in range(3)]
    for method in ("PATCH", "POST"):
        org.admin.fault("commit_then_drop", f"{method} .*composite/sobjects", times=1)
        with pytest.raises(RetryableError):
            raise next(one for one in mirrored.write(batch) if isinstance(one, Exception))

    assert [type(outcome) for outcome in mirrored.write(batch)] == [Written] * 3
    assert len(tasks(org)) == 3


def test_a_task_that_is_refused_is_told(org: Simulator, mirrored: Salesforce) -> None:
    """The interaction is there, and is written anew once the rule is mended."""
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})
    org.admin.fault("row_error", "create Task", code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="no", times=1)

    (refused,) = mirrored.write([interaction_write(1, contact)])
    (written,) = mirrored.write([interaction_write(1, contact)])

    assert isinstance(refused, RejectedError)
    assert "Task" in str(refused)
    assert isinstance(written, Written)
    assert (org.admin.count("Interaction__c"), len(tasks(org))) == (1, 1)


def test_without_it_there_are_none(org: Simulator, salesforce: Salesforce) -> None:
    """The default: the timeline is that of Interaction__c."""
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})
    salesforce.write([interaction_write(1, contact)])

    assert tasks(org) == []


def test_check_looks_whether_tasks_can_be_made(mirrored: Salesforce, connect: Connect) -> None:
    """An org without the package takes no activities on interactions."""
    right = {finding.what: finding.level for finding in mirrored.check()}
    with running_simulator(Options(packages=())) as bare:
        wrong = {finding.what: finding.level for finding in connect(instance_url=bare.url, mirror="task").check()}

    assert right["Task"] == "ok"
    assert wrong["Task.WhatId"] == "problem"
