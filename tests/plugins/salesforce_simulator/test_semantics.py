"""What the org does of its own accord: stamps, recycle bin, merges, rules, flows, permissions, limits."""

from datetime import UTC, datetime, timedelta

import pytest

from crocevia_salesforce.simulator import Options, running_simulator
from crocevia_salesforce.simulator.errors import ApiError
from tests.plugins.salesforce_simulator.conftest import Api

NOW = datetime(2026, 3, 18, 12, 0, 0, 750_000, tzinfo=UTC)


@pytest.mark.behaviour(
    "documented", "SystemModstamp has seconds; every save sets it and LastModifiedById, also one that changes nothing"
)
def test_stamps(api: Api) -> None:
    """Two saves within a second have one stamp; a CRM user's save shows who it was."""
    api.sim.admin.set_clock(NOW)
    record_id = api.create("Contact", LastName="A")
    api.call("PATCH", f"sobjects/Contact/{record_id}", json={"LastName": "A"})
    fields = "SystemModstamp, LastModifiedById, CreatedDate"
    (before,) = api.query(f"SELECT {fields} FROM Contact")
    assert before["SystemModstamp"] == before["CreatedDate"] == "2026-03-18T12:00:00.000+0000"
    api.sim.admin.advance(timedelta(seconds=5))
    api.sim.admin.update("Contact", record_id, {"Title": "x"})
    (after,) = api.query(f"SELECT {fields} FROM Contact")
    assert after["SystemModstamp"] == "2026-03-18T12:00:05.000+0000"
    assert (before["LastModifiedById"], after["LastModifiedById"]) == (
        api.sim.org.integration_user,
        api.sim.org.crm_user,
    )


@pytest.mark.behaviour("documented", "A record can be committed later than its stamp, behind a poll that has passed it")
def test_a_commit_can_be_later_than_its_stamp(api: Api) -> None:
    """A poll that goes by the last stamp it saw misses a record that was committed late."""
    api.sim.admin.set_clock(NOW)
    api.create("Contact", LastName="In time")
    seen = api.query("SELECT SystemModstamp FROM Contact")[0]["SystemModstamp"].replace("+0000", "Z")
    api.sim.admin.fault("late_commit", "POST .*sobjects/Contact", seconds=8)
    api.sim.admin.advance(timedelta(seconds=5))
    api.create("Contact", LastName="Late")
    assert api.query(f"SELECT LastName FROM Contact WHERE SystemModstamp > {seen}") == []
    (late,) = api.query("SELECT SystemModstamp FROM Contact WHERE LastName = 'Late'")
    assert late["SystemModstamp"] == "2026-03-18T11:59:57.000+0000"


@pytest.mark.behaviour("documented", "A merge moves children, deletes the losers and leaves MasterRecordId on them")
def test_a_merge(api: Api) -> None:
    """The loser's interactions go to the master; the loser is in the recycle bin and says who won."""
    master, loser = (api.create("Contact", LastName=name) for name in "AB")
    interaction = api.create("Interaction__c", Contact__c=loser, Message_Id__c="w1")
    assert api.sim.admin.merge("Contact", master, loser) == [interaction]
    assert api.query("SELECT Contact__c FROM Interaction__c") == [{"Contact__c": master}]
    rows = api.call("GET", "queryAll?q=SELECT Id, IsDeleted, MasterRecordId FROM Contact WHERE IsDeleted = true").json()
    assert [(row["Id"], row["MasterRecordId"]) for row in rows["records"]] == [(loser, master)]
    found = [(line["op"], line["id"], line["values"]) for line in api.sim.admin.mutations()[-3:]]
    assert found[0] == ("update", interaction, {"Contact__c": master, "Message_Id__c": "w1"})
    assert found[1] == ("merge", loser, {"MasterRecordId": master})
    with pytest.raises(ApiError, match="UNDELETE_FAILED"):
        api.sim.admin.undelete("Contact", loser)


@pytest.mark.behaviour(
    "documented", "Delete clears lookups, undelete restores them; a key is free again while its record lies in the bin"
)
def test_delete_and_undelete(api: Api) -> None:
    """An undeleted contact has its interactions back, unless somebody took its key."""
    contact = api.create("Contact", LastName="A", Crocevia_Key__c="k")
    api.create("Interaction__c", Contact__c=contact)
    api.sim.admin.delete("Contact", contact)
    assert api.query("SELECT Contact__c FROM Interaction__c") == [{"Contact__c": None}]
    api.sim.admin.undelete("Contact", contact)
    assert api.query("SELECT Contact__c FROM Interaction__c") == [{"Contact__c": contact}]
    api.sim.admin.delete("Contact", contact)
    api.create("Contact", LastName="B", Crocevia_Key__c="k")
    with pytest.raises(ApiError, match="DUPLICATE_VALUE"):
        api.sim.admin.undelete("Contact", contact)


@pytest.mark.behaviour("documented", "updated and deleted: spans cut to minutes, 30 and 15 days back")
def test_replication_spans(api: Api) -> None:
    """Changes of the running minute are not covered yet; those before are."""
    api.sim.admin.set_clock(NOW)
    kept, gone = (api.create("Contact", LastName=name) for name in "AB")
    api.sim.admin.delete("Contact", gone)
    span = {"start": "2026-03-18T11:00:00Z", "end": "2026-03-18T12:00:59Z"}
    api.sim.admin.advance(timedelta(seconds=30))
    assert api.call("GET", "sobjects/Contact/updated", params=span).json()["ids"] == []
    api.sim.admin.advance(timedelta(minutes=2))
    span["end"] = "2026-03-18T12:01:30Z"
    found = api.call("GET", "sobjects/Contact/updated", params=span).json()
    assert found == {"ids": [kept], "latestDateCovered": "2026-03-18T12:01:00.000+0000"}
    assert [row["id"] for row in api.call("GET", "sobjects/Contact/deleted", params=span).json()["deletedRecords"]] == [
        gone
    ]
    api.sim.admin.purge("Contact", gone)
    assert api.query("SELECT Id FROM Contact") == [{"Id": kept}]
    assert [row["id"] for row in api.call("GET", "sobjects/Contact/deleted", params=span).json()["deletedRecords"]] == [
        gone
    ]
    old = {"start": "2026-02-01T00:00:00Z", "end": "2026-03-18T12:00:00Z"}
    assert api.error("GET", "sobjects/Contact/updated", params=old)[:2] == (400, "INVALID_REPLICATION_DATE")


@pytest.mark.behaviour(
    "recorded",
    "Duplicate rules: DUPLICATES_DETECTED with matches under the misspelt duplicateResut; a header overrides alerts",
)
def test_duplicate_rules(api: Api) -> None:
    """An alert can be overridden by the header, a block cannot."""
    first = api.create("Contact", LastName="Twin", Email="twin@example.com")
    twin = {"LastName": "Twin", "Email": "TWIN@example.com"}
    rule = {"object": "Contact", "fields": ["LastName", "Email"], "name": "Contacts_DR"}
    api.sim.admin.set_rules({"duplicates": [rule]})
    body = api.call("POST", "sobjects/Contact", json=twin).json()[0]
    assert body["errorCode"] == "DUPLICATES_DETECTED"
    match = body["duplicateResut"]["matchResults"][0]["matchRecords"][0]["record"]
    assert match["Id"] == first
    allowed = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=true"}
    assert api.call("POST", "sobjects/Contact", json=twin, headers=allowed).status_code == 201
    api.sim.admin.set_rules({"duplicates": [{**rule, "action": "block"}]})
    assert api.error("POST", "sobjects/Contact", json=twin, headers=allowed)[:2] == (400, "DUPLICATES_DETECTED")
    (row,) = api.rows("POST", "composite/sobjects", "Contact", [twin])
    assert row["errors"][0]["statusCode"] == "DUPLICATES_DETECTED"


@pytest.mark.behaviour(
    "documented",
    "Validation rules: FIELD_CUSTOM_VALIDATION_EXCEPTION, one error a rule, on the row as it would be saved",
)
def test_validation_rules(api: Api) -> None:
    """All rules that a record breaks are named, and the record is not saved."""
    rules = [
        {
            "object": "Contact",
            "condition": "Phone = null AND Email = null",
            "message": "A way to reach them, please.",
            "field": "Phone",
        },
        {"object": "Contact", "condition": "LastName LIKE 'Test%'", "message": "No tests here."},
    ]
    api.sim.admin.set_rules({"validation": rules})
    answer = api.call("POST", "sobjects/Contact", json={"LastName": "Tester"})
    assert answer.json() == [
        {
            "message": "A way to reach them, please.",
            "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "fields": ["Phone"],
        },
        {"message": "No tests here.", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": []},
    ]
    assert api.sim.admin.count("Contact") == 0
    record_id = api.create("Contact", LastName="A", Phone="1")
    assert (
        api.error("PATCH", f"sobjects/Contact/{record_id}", json={"Phone": None})[1]
        == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    )


@pytest.mark.behaviour("documented", "Flows set other fields in the same transaction, and are in the mutation's values")
def test_flows(api: Api) -> None:
    """An automation's field is there when the save answers, under the same stamp."""
    flow = {
        "object": "Contact",
        "condition": "Title = 'VIP'",
        "set": {"Description": "{!LastName} is important", "DoNotCall": True},
    }
    api.sim.admin.set_rules({"flows": [flow]})
    api.create("Contact", LastName="Rossi", Title="VIP")
    api.create("Contact", LastName="Bianchi")
    rows = api.query("SELECT LastName, Description, DoNotCall FROM Contact ORDER BY LastName")
    assert [tuple(row.values()) for row in rows] == [("Bianchi", None, False), ("Rossi", "Rossi is important", True)]
    assert api.sim.admin.mutations()[0]["values"]["Description"] == "Rossi is important"


@pytest.mark.behaviour(
    "documented", "Field-level security: hidden fields do not exist for the API user, read-only ones cannot be set"
)
def test_field_level_security(api: Api) -> None:
    """What the API user may not see is as if it were not there; people in the org still see it."""
    api.sim.admin.set_rules({"hidden": ["Contact.Birthdate"], "readonly": ["Contact.Title"]})
    assert api.error("GET", "query?q=SELECT Birthdate FROM Contact")[:2] == (400, "INVALID_FIELD")
    assert (
        api.error("POST", "sobjects/Contact", json={"LastName": "A", "Birthdate": "2000-01-01"})[1] == "INVALID_FIELD"
    )
    assert (
        api.error("POST", "sobjects/Contact", json={"LastName": "A", "Title": "x"})[1]
        == "INVALID_FIELD_FOR_INSERT_UPDATE"
    )
    fields = {field["name"]: field for field in api.call("GET", "sobjects/Contact/describe").json()["fields"]}
    assert "Birthdate" not in fields
    assert fields["Title"]["updateable"] is False
    api.sim.admin.create("Contact", {"LastName": "A", "Birthdate": "2000-01-01", "Title": "x"})


@pytest.mark.behaviour("documented", "EmailMessage: after draft, only IsExternallyVisible and custom fields change")
def test_sent_email_is_immutable(api: Api) -> None:
    """A sent e-mail keeps its words; a draft does not have to."""
    sent = api.create("EmailMessage", Subject="S", Status="3")
    draft = api.create("EmailMessage", Subject="S", Status="5")
    assert (
        api.error("PATCH", f"sobjects/EmailMessage/{sent}", json={"Subject": "T"})[1]
        == "INSUFFICIENT_ACCESS_OR_READONLY"
    )
    assert api.call("PATCH", f"sobjects/EmailMessage/{sent}", json={"IsExternallyVisible": True}).status_code == 204
    assert api.call("PATCH", f"sobjects/EmailMessage/{draft}", json={"Subject": "T"}).status_code == 204


@pytest.mark.behaviour("documented", "Lead conversion: account, contact, opportunity; the lead says what it became")
def test_lead_conversion(api: Api) -> None:
    """A converted lead points to what it became and cannot be converted again."""
    lead = api.create("Lead", LastName="L", Company="C", Email="l@example.com", DoNotCall=True)
    made = api.sim.admin.convert_lead(lead, opportunity="Deal")
    (row,) = api.query("SELECT IsConverted, ConvertedContactId, ConvertedAccountId FROM Lead")
    assert row == {"IsConverted": True, "ConvertedContactId": made.contact_id, "ConvertedAccountId": made.account_id}
    assert api.query("SELECT LastName, Email, DoNotCall, Account.Name FROM Contact")[0]["Email"] == "l@example.com"
    with pytest.raises(ApiError, match="CANNOT_UPDATE_CONVERTED_LEAD"):
        api.sim.admin.convert_lead(lead)


@pytest.mark.behaviour(
    "recorded", "Sforce-Limit-Info: a gauge that wavers; both limit errors are 403 REQUEST_LIMIT_EXCEEDED"
)
def test_limits() -> None:
    """The gauge goes back now and then; when the day's calls are used up, every call is refused."""
    with running_simulator(Options(daily_limit=60, seed=3)) as sim:
        api = Api.of(sim)
        with api.session:
            shown = [api.call("GET", "limits").headers["Sforce-Limit-Info"] for _ in range(50)]
            used = [int(text.removeprefix("api-usage=").removesuffix("/60")) for text in shown]
            assert used != sorted(used)
            sim.admin.fault("concurrent_limit", times=1)
            assert api.error("GET", "limits") == (
                403,
                "REQUEST_LIMIT_EXCEEDED",
                "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
            )
            found = [api.call("GET", "limits").status_code for _ in range(12)]
            assert set(found[-3:]) == {403}
            assert api.error("GET", "limits")[2] == "TotalRequests Limit exceeded."
            sim.admin.advance(timedelta(hours=25))
            assert api.error("GET", "limits")[:2] == (401, "INVALID_SESSION_ID")


@pytest.mark.behaviour("recorded", "recordCount leaves out unknown objects and those that never had records")
def test_record_counts(api: Api) -> None:
    """An object that has lost its records counts nought; one that never had any is left out."""
    api.sim.admin.delete("Contact", api.create("Contact", LastName="A"))
    found = api.call("GET", "limits/recordCount?sObjects=Contact,Lead,Nothing").json()
    assert found == {"sObjects": [{"count": 0, "name": "Contact"}]}
