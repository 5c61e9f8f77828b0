"""Answers that people write as Tasks: sent once, told on the Task, kept as an interaction."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import crocevia_salesforce
from crocevia import Secret
from crocevia.config import load_settings
from crocevia.errors import ConfigError
from crocevia.plugins import load_plugins
from crocevia.store import cursors
from crocevia.sync.audit import Audit
from crocevia.testing import FaultPoints, KilledError
from crocevia_salesforce.settings import Settings
from crocevia_salesforce.simulator import Simulator
from crocevia_salesforce.tasks import TaskAnswers
from tests.plugins.salesforce.crossroads import Crossroads, contacts, crossroads, interactions

__all__ = ["crossroads"]

BY_STATUS = {"replies_from_tasks": TaskAnswers(field="Status", equals="Send")}
BY_SUBJECT = {
    "replies_from_tasks": TaskAnswers(
        field="Subject", starts_with="Reply: ", sends_subject=True, result_field="CallDisposition"
    )
}
MIRRORED = {"replies_from_tasks": TaskAnswers(field="Type", equals="Email"), "mirror": "task"}
by_status = pytest.mark.parametrize("crossroads", [BY_STATUS], indirect=True)


def tasks(org: Simulator) -> list[dict[str, Any]]:
    """Every Task, oldest first."""
    names = "Id, Status, Subject, Description, WhatId, WhoId, CallDisposition"
    return list(org.admin.query(f"SELECT {names} FROM Task ORDER BY CreatedDate, Id"))


def written(crossroads: Crossroads, org: Simulator) -> str:
    """A customer has written; the id of his contact."""
    crossroads.chat.write("ada", "Open today?", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [contact] = contacts(org)
    found: str = contact["Id"]
    return found


@by_status
def test_a_task_that_is_set_to_be_sent_is_sent_once(crossroads: Crossroads, org: Simulator) -> None:
    """It says what became of it; the answer is an interaction of the log, which names its Task."""
    contact = written(crossroads, org)
    draft = {"WhoId": contact, "Subject": "Hours", "Description": "Until seven.", "Status": "In Progress"}
    (task,) = org.admin.create("Task", draft)
    crossroads.settle()
    before = list(crossroads.chat.sent)
    org.admin.update("Task", task, {"Status": "Send"})
    crossroads.settle()
    crossroads.settle()

    [message] = crossroads.chat.sent
    [told] = tasks(org)
    [answer] = org.admin.query("SELECT Status__c, Body__c, Direction__c FROM Interaction__c WHERE Task_Id__c != null")
    assert before == []
    assert (message.text, message.to.value) == ("Until seven.", "ada")
    assert (told["Status"], told["Description"]) == ("Completed", "Until seven.\n\n[Crocevia: delivered]")
    assert (answer["Status__c"], answer["Body__c"], answer["Direction__c"]) == ("Delivered", "Until seven.", "Outbound")
    assert len(interactions(org)) == 2


@by_status
def test_a_task_that_is_set_to_be_sent_again_is_not(crossroads: Crossroads, org: Simulator) -> None:
    """A customer does not get one message twice; the Task is put back to what became of it."""
    contact = written(crossroads, org)
    (task,) = org.admin.create("Task", {"WhoId": contact, "Description": "Until seven.", "Status": "Send"})
    crossroads.settle()
    org.admin.advance(timedelta(minutes=5))
    org.admin.update("Task", task, {"Status": "Send", "Description": "Until eight."})
    crossroads.settle()

    assert [message.text for message in crossroads.chat.sent] == ["Until seven."]
    assert [told["Status"] for told in tasks(org)] == ["Completed"]


@by_status
def test_what_nobody_can_be_told_says_so_on_the_task(crossroads: Crossroads, org: Simulator) -> None:
    """No road leads to this customer."""
    written(crossroads, org)
    (stranger,) = org.admin.create("Contact", {"LastName": "Neri", "Email": "neri@example.com"})
    org.admin.create("Task", {"WhoId": stranger, "Description": "Hello", "Status": "Send"})
    crossroads.settle()

    [told] = tasks(org)
    assert crossroads.chat.sent == []
    assert told["Status"] == "Deferred"
    assert told["Description"].startswith("Hello\n\n[Crocevia: failed: no channel reaches this customer")


@by_status
@pytest.mark.parametrize(
    "place",
    [
        "pull.before_commit",
        "pull.committed",
        "intake.before_commit",
        "intake.committed",
        "send.called",
        "send.recorded",
    ],
)
def test_a_daemon_that_dies_on_the_way_sends_it_once(crossroads: Crossroads, org: Simulator, place: str) -> None:
    """Wherever it dies: the page is read again, and what was sent stays sent."""
    contact = written(crossroads, org)
    org.admin.create("Task", {"WhoId": contact, "Description": "Until seven.", "Status": "Send"})
    with FaultPoints() as points:
        points.kill(place)
        with pytest.raises(KilledError):
            crossroads.settle()
    crossroads.settle()
    crossroads.settle()

    assert [message.text for message in crossroads.chat.sent] == ["Until seven."]
    assert [told["Status"] for told in tasks(org)] == ["Completed"]
    assert len(interactions(org)) == 2


@by_status
def test_a_page_that_is_read_again_sends_nothing_again(crossroads: Crossroads, org: Simulator) -> None:
    """The cursor is set back to before the Task, and the Task to be as it was."""
    contact = written(crossroads, org)
    with crossroads.world.store.reading() as connection:
        before = cursors.read(connection, "crm", "Task")
    (task,) = org.admin.create("Task", {"WhoId": contact, "Description": "Until seven.", "Status": "Send"})
    crossroads.settle()
    org.admin.update("Task", task, {"Status": "Send"})
    with crossroads.world.store.writing() as connection:
        cursors.write(crossroads.world.store, connection, "crm", "Task", before, crossroads.world.now_us())
    crossroads.settle()

    assert [message.text for message in crossroads.chat.sent] == ["Until seven."]


@pytest.mark.parametrize("crossroads", [BY_SUBJECT], indirect=True)
def test_how_a_subject_begins_may_say_it(crossroads: Crossroads, org: Simulator) -> None:
    """The rest of it is the message's own; the result may stand in a field of its own."""
    contact = written(crossroads, org)
    org.admin.create("Task", {"WhoId": contact, "Subject": "Call Ada", "Description": "Ask about the shoes"})
    org.admin.create("Task", {"WhoId": contact, "Subject": "REPLY: hours", "Description": "Until seven."})
    crossroads.settle()

    [message] = crossroads.chat.sent
    [answer] = org.admin.query("SELECT Subject__c FROM Interaction__c WHERE Direction__c = 'Outbound'")
    assert (message.text, answer["Subject__c"]) == ("hours\n\nUntil seven.", "hours")  # a chat has no subjects
    assert [(told["Description"], told["Status"], told["CallDisposition"]) for told in tasks(org)] == [
        ("Ask about the shoes", "Not Started", None),
        ("Until seven.", "Completed", "[Crocevia: delivered]"),
    ]


@pytest.mark.parametrize("crossroads", [MIRRORED], indirect=True)
def test_the_mirrors_own_tasks_are_never_answers(crossroads: Crossroads, org: Simulator) -> None:
    """Not when somebody opens one again, either; and an answer that was a Task gets no second one."""
    contact = written(crossroads, org)
    [mirrored] = tasks(org)
    org.admin.update("Task", mirrored["Id"], {"Status": "Not Started", "Type": "Email"})
    crossroads.settle()
    before = list(crossroads.chat.sent)
    org.admin.create("Task", {"WhoId": contact, "Description": "Until seven.", "Type": "Email"})
    crossroads.settle()

    assert before == []
    assert [message.text for message in crossroads.chat.sent] == ["Until seven."]
    assert len(interactions(org)) == 2
    assert [told["WhatId"] for told in tasks(org)] == [mirrored["WhatId"], None]


@pytest.mark.parametrize("crossroads", [{"objects": ("Lead", "Contact"), **BY_STATUS}], indirect=True)
def test_a_lead_is_answered_by_a_task(crossroads: Crossroads, org: Simulator) -> None:
    """He may be whom a Task is with, too."""
    crossroads.chat.write("ada", "Open today?", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [lead] = org.admin.query("SELECT Id FROM Lead")
    org.admin.create("Task", {"WhoId": lead["Id"], "Description": "Until seven.", "Status": "Send"})
    crossroads.settle()

    assert [message.text for message in crossroads.chat.sent] == ["Until seven."]


@by_status
def test_an_audit_finds_what_became_of_it_on_the_task(crossroads: Crossroads, org: Simulator) -> None:
    """What is told there is held to as any other field."""
    contact = written(crossroads, org)
    (task,) = org.admin.create("Task", {"WhoId": contact, "Description": "Until seven.", "Status": "Send"})
    crossroads.settle()
    world = crossroads.world
    right = Audit(world, world.lives["crm"]).run()
    org.admin.update("Task", task, {"Status": "Deferred"})
    wrong = Audit(world, world.lives["crm"]).run()

    assert (right["differs"], right["missing"], right["looked at"]) == (0, 0, 4)
    assert wrong["differs"] == 1


@by_status
def test_tasks_of_before_are_nobodys_answers(crossroads: Crossroads, org: Simulator) -> None:
    """The first look is at what comes from then on."""
    (ada,) = org.admin.create("Contact", {"LastName": "Rossi", "MobilePhone": "+393471234567"})
    org.admin.create("Task", {"WhoId": ada, "Description": "Of last year", "Status": "Send"})
    written(crossroads, org)
    org.admin.create("Task", {"WhoId": ada, "Description": "Of today", "Status": "Send"})
    crossroads.settle()

    assert [message.text for message in crossroads.chat.sent] == ["Of today"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"field": "Status"}, "equals"),
        ({"field": "Status", "equals": "Send", "starts_with": "x"}, "equals"),
        ({"field": "a b", "equals": "Send"}, "field"),
        ({"field": "Status", "equals": "Send", "statuses": {"gone": "x"}}, "statuses.gone"),
    ],
)
def test_a_rule_that_says_nothing_is_refused(given: dict[str, Any], problem: str) -> None:
    """Before anything is read by it."""
    with pytest.raises(ConfigError) as refused:
        TaskAnswers(**given)
    assert refused.value.problems[0].startswith(f"{problem}: expected ")


def test_a_value_is_a_text_in_the_query_whatever_it_holds() -> None:
    """Quotes end no text, and nothing stands for anything else."""
    assert TaskAnswers(field="Type", equals="d'or\\").condition == "Type = 'd\\'or\\\\' AND IsClosed = false"
    assert TaskAnswers(field="Subject", starts_with="100%_").condition == (
        "Subject LIKE '100\\%\\_%' AND IsClosed = false"
    )
    assert TaskAnswers(field="Send__c", equals=True).condition == "Send__c = true AND IsClosed = false"


def test_answers_as_tasks_need_the_package() -> None:
    """Each of them is an interaction of the org's log."""
    with pytest.raises(ConfigError, match="replies_from_tasks: expected package = true"):
        Settings(
            instance_url="https://acme.my.salesforce.com",
            login="session id",
            session_id=Secret("x"),
            package=False,
            replies_from_tasks=TaskAnswers(field="Status", equals="Send"),
        )


def test_the_rule_stands_in_the_settings(tmp_path: Path) -> None:
    """As a table of its own; what is wrong in it is told with its place."""
    text = """
    [connections.crm]
    kind = "salesforce"
    instance_url = "https://acme.my.salesforce.com"
    client_id = "3MVG9"
    client_secret = "x"
    [connections.crm.replies_from_tasks]
    field = "Send__c"
    equals = true
    statuses = { sent = "Done" }
    """
    (tmp_path / "crocevia.toml").write_text(text)
    (tmp_path / "wrong.toml").write_text(text.replace("true", "3"))
    plugins = load_plugins(entry_points=(), builtin=(crocevia_salesforce,))
    plugins.collect_connectors()
    read: Any = load_settings(tmp_path / "crocevia.toml", plugins).connections["crm"].settings

    assert read.replies_from_tasks == TaskAnswers(field="Send__c", equals=True, statuses={"sent": "Done"})
    with pytest.raises(ConfigError, match=r"connections\.crm\.replies_from_tasks\.equals"):
        load_settings(tmp_path / "wrong.toml", plugins)
