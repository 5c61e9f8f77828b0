# ruff: noqa: E501  # a table of refusals reads best one a line
"""Single records: create, read, change, upsert, delete, and everything that is refused."""

from typing import Any

import pytest

from tests.plugins.salesforce_simulator.conftest import Api

CONTACT = {"LastName": "Rossi"}


@pytest.mark.behaviour("recorded", "A created record answers 201 with id, success and no errors")
def test_a_record_is_created_and_read(api: Api) -> None:
    """What is created can be read by id, with the whole name made by the org."""
    record_id = api.create("Contact", FirstName="Ada", LastName="Rossi", Email="ada@example.com")
    found = api.call("GET", f"sobjects/Contact/{record_id}?fields=Name,Email").json()
    assert found == {
        "attributes": {"type": "Contact", "url": f"/services/data/v60.0/sobjects/Contact/{record_id}"},
        "Name": "Ada Rossi",
        "Email": "ada@example.com",
        "Id": record_id,
    }


REFUSED: list[tuple[str, str, str, dict[str, Any], str, str, list[str] | None]] = [
    ("recorded", "unknown field", "Contact", {**CONTACT, "Foo": 1}, "INVALID_FIELD", "No such column 'Foo' on sobject of type Contact", None),
    ("documented", "missing required field", "Contact", {"FirstName": "A"}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"]),
    ("documented", "text that is too long", "Contact", {**CONTACT, "FirstName": "x" * 41}, "STRING_TOO_LONG", f"First Name: data value too large: {'x' * 41} (max length=40)", ["FirstName"]),
    ("documented", "value outside a restricted picklist", "Interaction__c", {"Direction__c": "Up"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Direction: bad value for restricted picklist field: Up", ["Direction__c"]),
    ("documented", "malformed e-mail address", "Contact", {**CONTACT, "Email": "not an address"}, "INVALID_EMAIL_ADDRESS", "Email: invalid email address: not an address", ["Email"]),
    ("documented", "id of no shape", "Contact", {**CONTACT, "AccountId": "abc"}, "MALFORMED_ID", "Account ID: id value of incorrect type: abc", ["AccountId"]),
    ("assumed", "id of another object", "Contact", {**CONTACT, "AccountId": "003Cv0000000009IAA"}, "FIELD_INTEGRITY_EXCEPTION", "Account ID: id value of incorrect type: 003Cv0000000009IAA", ["AccountId"]),
    ("documented", "id of nothing", "Contact", {**CONTACT, "AccountId": "001Cv0000000009IAA"}, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", []),
    ("documented", "field that only the org sets", "Contact", {**CONTACT, "SystemModstamp": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: SystemModstamp. Please check the security settings of this field and verify that it is read/write for your profile or permission set.", ["SystemModstamp"]),
    ("assumed", "text in the place of a date", "Contact", {**CONTACT, "Birthdate": "soon"}, "JSON_PARSER_ERROR", "Cannot deserialize instance of date from VALUE_STRING value soon or request may be missing a required field at [line:1, column:1]", None),
    ("assumed", "text in the place of a number", "Interaction__c", {"Duration_Seconds__c": "long"}, "JSON_PARSER_ERROR", "Cannot deserialize instance of double from VALUE_STRING value long or request may be missing a required field at [line:1, column:1]", None),
    ("documented", "number out of range", "Interaction__c", {"Duration_Seconds__c": 10**18}, "NUMBER_OUTSIDE_VALID_RANGE", "Duration (Seconds): value outside of valid range on numeric field: 1000000000000000000", ["Duration_Seconds__c"]),
    ("documented", "id given to a new record", "Contact", {**CONTACT, "Id": "003Cv0000000009IAA"}, "INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ["Id"]),
]  # fmt: skip


@pytest.mark.behaviour(
    "documented",
    "Refusals of fields, with code, message and fields: unknown, required, length, type, picklist, e-mail, ids, read-only, range",
)
@pytest.mark.parametrize(
    ("evidence", "what", "name", "record", "code", "message", "fields"), REFUSED, ids=[row[1] for row in REFUSED]
)
def test_a_wrong_record_is_refused(
    api: Api,
    evidence: str,
    what: str,
    name: str,
    record: dict[str, Any],
    code: str,
    message: str,
    fields: list[str] | None,
) -> None:
    """A record that the org would not take is refused with the org's code, words and fields, and nothing is kept."""
    answer = api.call("POST", f"sobjects/{name}", json=record)
    expected = {"message": message, "errorCode": code, **({} if fields is None else {"fields": fields})}
    assert (answer.status_code, answer.json()) == (400, [expected])
    assert api.sim.admin.count(name) == 0


@pytest.mark.behaviour("documented", "Unique fields: DUPLICATE_VALUE names the field and the other record")
def test_a_unique_value_is_taken_once(api: Api) -> None:
    """A second record with the same key is refused; a key of another case is another key."""
    first = api.create("Contact", LastName="A", Crocevia_Key__c="k")
    error = api.error("POST", "sobjects/Contact", json={"LastName": "B", "Crocevia_Key__c": "k"})
    assert error == (
        400,
        "DUPLICATE_VALUE",
        f"duplicate value found: Crocevia_Key__c duplicates value on record with id: {first[:15]}",
    )
    assert api.create("Contact", LastName="C", Crocevia_Key__c="K") != first


@pytest.mark.behaviour(
    "documented",
    "Names of objects, fields and relationships in any case; ids of 15 and 18 characters, mended by their checksum",
)
def test_names_have_no_case_and_ids_two_lengths(api: Api) -> None:
    """Object and field names are known in any case; an id in short, long and lower-cased form is one record."""
    record_id = api.create("contact", LASTNAME="Rossi")
    for shown in (record_id, record_id[:15]):
        assert api.call("GET", f"sobjects/CONTACT/{shown}?fields=lastname").json()["LastName"] == "Rossi"
    # a lower-cased id keeps its checksum's letters, from which its capitals can be found again
    lowered = record_id[:15].lower() + record_id[15:]
    assert api.call("GET", f"sobjects/Contact/{lowered}?fields=LastName").json()["LastName"] == "Rossi"
    assert api.error("GET", f"sobjects/Contact/{record_id[:15]}AAB")[:2] == (404, "NOT_FOUND")


@pytest.mark.behaviour("assumed", "Text is kept without the spaces around it; text of nothing is null")
def test_text_is_trimmed_and_empty_text_is_null(api: Api) -> None:
    """Spaces around text are not kept, and empty text is no value."""
    record_id = api.create("Contact", LastName="  Rossi ", FirstName="", Title="   ")
    assert api.query(f"SELECT LastName, FirstName, Title FROM Contact WHERE Id = '{record_id}'") == [
        {"LastName": "Rossi", "FirstName": None, "Title": None},
    ]


@pytest.mark.behaviour("documented", "PATCH by id: 204, null clears, required fields cannot be cleared")
def test_an_update_changes_what_it_names(api: Api) -> None:
    """Fields that are not named stay; null clears; a required field stays required."""
    record_id = api.create("Contact", LastName="Rossi", Phone="1", Title="Dr")
    assert api.call("PATCH", f"sobjects/Contact/{record_id}", json={"Phone": None}).status_code == 204
    assert api.query("SELECT LastName, Phone, Title FROM Contact") == [
        {"LastName": "Rossi", "Phone": None, "Title": "Dr"}
    ]
    assert api.error("PATCH", f"sobjects/Contact/{record_id}", json={"LastName": None})[:2] == (
        400,
        "REQUIRED_FIELD_MISSING",
    )


@pytest.mark.behaviour(
    "recorded",
    "Upsert by external id: 201 and 200 with created since v46.0, 300 with addresses, 404 for a field that is no key",
)
def test_upsert_creates_updates_and_chooses(api: Api) -> None:
    """One address creates, then changes; with two records of one e-mail it answers with both addresses."""
    created = api.call("PATCH", "sobjects/Contact/Crocevia_Key__c/a%2Fb%3Fc", json=CONTACT)
    updated = api.call("PATCH", "sobjects/Contact/Crocevia_Key__c/a%2Fb%3Fc", json={"Title": "Dr"})
    assert (created.status_code, created.json()["created"]) == (201, True)
    assert (updated.status_code, updated.json()["created"], updated.json()["id"]) == (200, False, created.json()["id"])
    assert api.query("SELECT Crocevia_Key__c FROM Contact") == [{"Crocevia_Key__c": "a/b?c"}]
    ids = [api.create("Contact", LastName="Twin", Email="twin@example.com") for _ in range(2)]
    several = api.call("PATCH", "sobjects/Contact/Email/twin@example.com", json={"Title": "x"})
    assert several.status_code == 300
    assert several.json() == [f"/services/data/v60.0/sobjects/Contact/{record_id}" for record_id in ids]
    assert api.error("PATCH", "sobjects/Contact/Phone/1", json=CONTACT) == (
        404,
        "NOT_FOUND",
        "Provided external ID field does not exist or is not accessible: Phone",
    )
    assert (
        api.error("PATCH", "sobjects/Contact/Crocevia_Key__c/k", json={**CONTACT, "Crocevia_Key__c": "k"})[1]
        == "INVALID_FIELD"
    )


@pytest.mark.behaviour("documented", "updateOnly=true keeps an upsert from creating")
def test_update_only_does_not_create(api: Api) -> None:
    """An upsert that may only update answers 404 where there is nothing to update."""
    assert api.error("PATCH", "sobjects/Contact/Crocevia_Key__c/k?updateOnly=true", json=CONTACT)[:2] == (
        404,
        "NOT_FOUND",
    )
    assert api.sim.admin.count("Contact") == 0


@pytest.mark.behaviour("documented", "Deleted records answer 404 ENTITY_IS_DELETED and stay in queryAll")
def test_a_deleted_record_is_in_the_recycle_bin(api: Api) -> None:
    """A deleted record is gone for query and there for queryAll."""
    record_id = api.create("Contact", **CONTACT)
    assert api.call("DELETE", f"sobjects/Contact/{record_id}").status_code == 204
    assert api.error("PATCH", f"sobjects/Contact/{record_id}", json={"Title": "x"}) == (
        404,
        "ENTITY_IS_DELETED",
        "entity is deleted",
    )
    assert api.query("SELECT Id FROM Contact") == []
    everything = api.call("GET", "queryAll?q=SELECT Id, IsDeleted FROM Contact").json()["records"]
    assert [(row["Id"], row["IsDeleted"]) for row in everything] == [(record_id, True)]


@pytest.mark.behaviour("recorded", "A parent named by its external id; the recorded words when there is none")
def test_a_parent_is_named_by_its_key(api: Api) -> None:
    """A lookup can be set by the parent's external id in the same body."""
    contact = api.create("Contact", LastName="A", Crocevia_Key__c="p1")
    api.create("Interaction__c", Contact__r={"Crocevia_Key__c": "p1"}, Body__c="hello")
    assert api.query("SELECT Contact__c FROM Interaction__c") == [{"Contact__c": contact}]
    error = api.error("POST", "sobjects/Interaction__c", json={"Contact__r": {"Crocevia_Key__c": "p2"}})
    assert error == (
        400,
        "INVALID_FIELD",
        "Foreign key external ID: p2 not found for field Crocevia_Key__c in entity Contact",
    )


@pytest.mark.behaviour("documented", "Unknown addresses, methods, versions and broken JSON have the org's own errors")
def test_what_is_not_there_is_said(api: Api) -> None:
    """404, 405, 400 and 415 come with JSON errors in the org's shape."""
    assert api.error("GET", "nowhere") == (404, "NOT_FOUND", "The requested resource does not exist")
    assert api.error("GET", "/services/data/v30.0/limits")[:2] == (404, "NOT_FOUND")
    assert api.error("DELETE", "limits")[:2] == (405, "METHOD_NOT_ALLOWED")
    json_type = {"Content-Type": "application/json"}
    assert api.error("POST", "sobjects/Contact", data=b"{", headers=json_type)[:2] == (400, "JSON_PARSER_ERROR")
    assert api.error("POST", "sobjects/Contact", data=b"[" * 100_000, headers=json_type)[:2] == (
        400,
        "JSON_PARSER_ERROR",
    )
    assert api.error("POST", "sobjects/Contact", data=b"x", headers={"Content-Type": "text/plain"})[:2] == (
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    )
