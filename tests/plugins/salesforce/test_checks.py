"""`check`: what an org can lack, and the step that mends it."""

from crocevia import Finding, Secret
from crocevia_salesforce import Salesforce, Settings, crocevia_register_connectors
from crocevia_salesforce.simulator import Options, Simulator, running_simulator
from crocevia_salesforce.tasks import TaskAnswers
from tests.plugins.salesforce.conftest import Connect


def problems(salesforce: Salesforce) -> dict[str, str]:
    """What is not right, with what to do."""
    return {finding.what: finding.do for finding in salesforce.check() if finding.level == "problem"}


def test_an_org_with_the_package_is_right(salesforce: Salesforce) -> None:
    """One line for each thing looked at."""
    findings = list(salesforce.check())

    assert {finding.level for finding in findings} == {"ok"}
    assert [finding.what for finding in findings[:4]] == [
        "login by client credentials",
        "api_version 62.0",
        "Contact",
        "Interaction__c",
    ]
    assert findings[4].what.startswith("API calls of the day: ")


def test_an_org_without_the_package_wants_it() -> None:
    """The object, and the fields on Contact."""
    with running_simulator(Options(packages=())) as org:
        given = Settings(instance_url=org.url, client_id="crocevia", client_secret=Secret("simulated-secret"))
        found = problems(Salesforce(given))

    assert "deploy the package" in found["Interaction__c"]
    assert "deploy the package" in found["Contact.Crocevia_Key__c"]
    assert "Contact.LastName" not in found


def test_a_hidden_field_and_a_key_that_may_not_be_written_want_the_permission_set(
    org: Simulator, salesforce: Salesforce
) -> None:
    """Field-level security shows as a field that is not there."""
    org.admin.set_rules({"hidden": ["Interaction__c.Body__c"], "readonly": ["Contact.Crocevia_Key__c"]})

    found = problems(salesforce)

    assert set(found) == {"Interaction__c.Body__c", "Contact.Crocevia_Key__c"}
    assert all("permission set Crocevia" in step for step in found.values())


def test_a_key_that_is_not_unique_is_a_problem(connect: Connect) -> None:
    """An upsert by it could make doubles."""
    found = problems(connect(key_field="Title"))

    assert "External ID and Unique" in found["Contact.Title"]


def test_a_version_that_is_not_served_names_the_newest(connect: Connect) -> None:
    """Pinned versions retire."""
    assert problems(connect(api_version="28.0")) == {"api_version": "the org does not serve 28.0: set 66.0"}


def test_a_login_that_fails_ends_the_check(connect: Connect) -> None:
    """With what to mend."""
    assert "client_secret is wrong" in problems(connect(client_secret=Secret("x")))["login by client credentials"]


def test_a_session_that_is_not_accepted_is_no_login(connect: Connect) -> None:
    """A session id costs no call to get; it is tried."""
    found = problems(connect(login="session id", session_id=Secret("00D!x"), client_id=None, client_secret=None))

    assert list(found) == ["login by session id"]


def test_a_day_that_is_nearly_spent_is_a_warning() -> None:
    """Before the org refuses the rest."""
    with running_simulator(Options(daily_limit=20)) as org:
        given = Settings(instance_url=org.url, client_id="crocevia", client_secret=Secret("simulated-secret"))
        salesforce = Salesforce(given)
        for _ in range(14):
            salesforce.describe("Contact")
        findings = list(salesforce.check())

    assert findings[-1].level == "warning"
    assert isinstance(findings[-1], Finding)


def test_a_package_of_before_is_no_problem(org: Simulator, salesforce: Salesforce) -> None:
    """What it lacks is left out, and said."""
    newer = ("Outcome__c", "Purpose__c", "Template__c", "Buttons__c", "Task_Id__c", "Public__c", "Automated__c")
    org.admin.set_rules({"hidden": [f"Interaction__c.{name}" for name in newer]})

    findings = {finding.what: finding for finding in salesforce.check()}

    assert problems(salesforce) == {}
    for name in newer:
        found = findings[f"Interaction__c.{name}"]
        assert (found.level, "left out" in found.do) == ("warning", True)


def test_what_answers_as_tasks_need_is_looked_for(org: Simulator, connect: Connect) -> None:
    """The value that is waited for, the fields that are told, and a mark against a second Task."""
    by_type = TaskAnswers(field="Type", equals="Send", statuses={"sent": "Gone out"}, road_field="Road__c")
    hidden = {"hidden": ["Interaction__c.Task_Id__c"], "readonly": ["Task.Description"]}
    right = problems(connect(replies_from_tasks=TaskAnswers(field="Type", equals="email")))
    org.admin.set_rules(hidden)
    salesforce = connect(replies_from_tasks=by_type, mirror="task")
    warnings = {finding.what: finding.do for finding in salesforce.check() if finding.level == "warning"}

    assert right == {}
    assert set(problems(salesforce)) == {
        "Task.Type",
        "Task.Road__c",
        "Task.Description",
        "Interaction__c.Task_Id__c",
    }
    assert "has no value 'Gone out'" in warnings["Task.Status"]


def test_the_plugin_registers_the_connector() -> None:
    """Kind `salesforce`."""
    assert [connector.kind for connector in crocevia_register_connectors()] == ["salesforce"]
