"""What each Salesforce error means: every row of the table, and what its message may show."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crocevia import Answer, Written
from crocevia.errors import (
    AuthError,
    DuplicateError,
    GoneError,
    RejectedError,
    RemoteError,
    RetryableError,
    SchemaDriftError,
    ThrottledError,
)
from crocevia_salesforce import Salesforce
from crocevia_salesforce.refusals import TABLE, Circumstances, LostRaceError, of_answer, of_row
from crocevia_salesforce.simulator import Simulator
from tests.plugins.salesforce.org_records import api_calls, contact_write

WHERE = Circumstances(connection="acme", subject="Contact k1", status=400, key_field="Crocevia_Key__c")
OTHER = "003Cv0000000001IAA"

CASES: list[tuple[str, str, type[RemoteError]]] = [
    ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", RetryableError),
    ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "rollup: UNABLE_TO_LOCK_ROW, unable to obtain", RetryableError),
    ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "rollup: System.NullPointerException", RejectedError),
    ("SERVER_UNAVAILABLE", "", RetryableError),
    ("UNKNOWN_EXCEPTION", "An unexpected error occurred.", RetryableError),
    ("QUERY_TIMEOUT", "Your query request was running for too long.", RetryableError),
    ("REQUEST_RUNNING_TOO_LONG", "", RetryableError),
    ("PROCESSING_HALTED", "Execution halted as previous operation was not successful.", RetryableError),
    ("ALL_OR_NONE_OPERATION_ROLLED_BACK", "", RetryableError),
    ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", ThrottledError),
    ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", ThrottledError),
    ("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", ThrottledError),
    ("INVALID_SESSION_ID", "Session expired or invalid", AuthError),
    ("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", AuthError),
    ("FUNCTIONALITY_NOT_ENABLED", "Feature not enabled for this organization", AuthError),
    ("API_DISABLED_FOR_ORG", "API is not enabled for this Organization", AuthError),
    ("API_CURRENTLY_DISABLED", "API is disabled for this User", AuthError),
    ("CLIENT_NOT_ACCESSIBLE_FOR_USER", "", AuthError),
    ("DUPLICATES_DETECTED", "Use one of these records?", DuplicateError),
    ("DUPLICATE_VALUE", f"duplicate value found: Badge__c duplicates value on record with id: {OTHER}", DuplicateError),
    (
        "DUPLICATE_VALUE",
        f"duplicate value found: Crocevia_Key__c duplicates value on record with id: {OTHER}",
        RetryableError,
    ),
    (
        "DUPLICATE_VALUE",
        "duplicate value found: <unknown> duplicates value on record with id: <unknown>",
        RetryableError,
    ),
    ("DUPLICATE_EXTERNAL_ID", "more than one record found for external id field", DuplicateError),
    ("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", RetryableError),
    ("ENTITY_IS_DELETED", "entity is deleted", GoneError),
    ("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", GoneError),
    ("NOT_FOUND", "The requested resource does not exist", GoneError),
    ("NOT_FOUND", "Provided external ID field does not exist or is not accessible: Key__c", SchemaDriftError),
    ("INVALID_FIELD", "No such column 'Loyalty__c' on sobject of type Contact", SchemaDriftError),
    (
        "INVALID_FIELD",
        "Foreign key external ID: k9 not found for field Crocevia_Key__c in entity Contact",
        RetryableError,
    ),
    ("INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: Name.", SchemaDriftError),
    ("INVALID_TYPE", "sObject type 'Interaction__c' is not supported.", SchemaDriftError),
    ("STRING_TOO_LONG", "First Name: data value too large", RejectedError),
    ("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", RejectedError),
    ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "A VIP needs an owner", RejectedError),
    ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Status: bad value for restricted picklist field: Lost", RejectedError),
    ("INVALID_EMAIL_ADDRESS", "Email: invalid email address: x", RejectedError),
    ("JSON_PARSER_ERROR", "Cannot deserialize instance of double", RejectedError),
    ("MALFORMED_QUERY", "unexpected token: FORM", RejectedError),
    ("MALFORMED_ID", "Contact ID: id value of incorrect type: 42", RejectedError),
    ("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", RejectedError),
    (
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "insufficient access rights on cross-reference id",
        RejectedError,
    ),
    ("CANNOT_EXECUTE_FLOW_TRIGGER", "We can't save this record because a process failed.", RejectedError),
    ("A_CODE_OF_NEXT_YEAR", "no", RejectedError),
]


@pytest.mark.parametrize("spelling", ["errorCode", "statusCode"])
@pytest.mark.parametrize(("code", "message", "expected"), CASES)
def test_a_code_becomes_its_decision(code: str, message: str, expected: type[RemoteError], spelling: str) -> None:
    """In REST's spelling and in that of Collections."""
    error = of_row([{spelling: code, "message": message, "fields": []}], WHERE)

    assert decision(error) is expected
    assert error.code == code
    assert str(error).startswith("acme: Contact k1: ")


def decision(error: object) -> type[object]:
    """What the core makes of it: a lost race is a reason to try again."""
    return RetryableError if isinstance(error, LostRaceError) else type(error)


def of_new(expected: type[RemoteError]) -> type[RemoteError]:
    """What becomes of a record that is not there yet: nothing of it can be gone, so it is looked up and refused."""
    return RejectedError if expected is GoneError else expected


def test_each_row_of_the_table_comes_true_on_a_record(org: Simulator, salesforce: Salesforce) -> None:
    """Each record of one call is refused for a reason of its own; each has its decision, and the last one is saved."""
    cases = [case for case in CASES if case[0] != "DUPLICATE_VALUE"]
    faults = [
        {"kind": "row_error", "route": "create Contact", "code": code, "message": message, "times": 1}
        for code, message, _ in cases
    ]
    org.admin.set_faults(faults)

    outcomes = salesforce.write([contact_write(n) for n in range(len(cases) + 1)])

    refused = [decision(outcome) for outcome in outcomes[:-1]]
    assert list(zip(refused, cases, strict=True)) == [(of_new(case[2]), case) for case in cases]
    assert isinstance(outcomes[-1], Written)
    assert org.admin.count("Contact") == 1


def test_each_row_of_the_table_comes_true_on_a_whole_call(org: Simulator, salesforce: Salesforce) -> None:
    """Whatever the HTTP status: troubles of the connection are raised, the others are the record's outcome."""
    salesforce.describe("Contact")
    found = []
    for code, message, expected in CASES:
        if code == "DUPLICATE_VALUE":
            continue  # a record's, never a call's: below
        for status in (400, 500):
            fault = {"kind": "refused", "route": "PATCH", "code": code, "message": message, "status": status}
            org.admin.set_faults([fault])
            final = code == "A_CODE_OF_NEXT_YEAR" and status == 500
            found.append((_made(salesforce), RetryableError if final else of_new(expected), code, status))

    assert [(made, code, status) for made, _, code, status in found] == [
        (expected, code, status) for _, expected, code, status in found
    ]
    org.admin.set_faults()
    assert isinstance(salesforce.write([contact_write(1)])[0], Written)


def _made(salesforce: Salesforce) -> type[object]:
    try:
        (outcome,) = salesforce.write([contact_write(1)])
    except RemoteError as error:
        return decision(error)
    return decision(outcome)


def test_a_lost_race_is_run_once_more(org: Simulator, salesforce: Salesforce) -> None:
    """In a second call; who loses it again has a conflict, not a retry for ever."""
    told = "duplicate value found: Crocevia_Key__c duplicates value on record with id: <unknown>"
    race = {"kind": "row_error", "route": "create Contact", "code": "DUPLICATE_VALUE", "message": told}
    org.admin.set_faults([{**race, "times": 1}])
    outcomes = salesforce.write([contact_write(1), contact_write(2)])
    once = api_calls(org)
    org.admin.set_faults([race])
    (again,) = salesforce.write([contact_write(3)])

    assert [type(outcome) for outcome in outcomes] == [Written, Written]
    assert once == ["PATCH composite/sobjects/Contact/Crocevia_Key__c"] * 2
    assert isinstance(again, DuplicateError)


def test_an_edge_in_trouble_is_asked_again(org: Simulator, salesforce: Salesforce) -> None:
    """503, 500, 406, 420, a cut answer, a cut connection: each time again, and the record is there once."""
    salesforce.describe("Contact")
    for fault in ("unavailable", "server_error", "not_acceptable", "enhance_calm", "truncate", "commit_then_drop"):
        org.admin.set_faults([{"kind": fault, "route": "PATCH", "times": 1}])
        assert _made(salesforce) is RetryableError, fault
        assert _made(salesforce) is Written, fault

    assert org.admin.count("Contact") == 1


def test_a_scope_that_is_missing_is_named(org: Simulator, salesforce: Salesforce) -> None:
    """The session is good, but not for the API."""
    told = "This session is not valid for use with the REST API"
    org.admin.fault("refused", "limits", code="INVALID_SESSION_ID", message=told, status=403)

    (finding,) = salesforce.check()

    assert "OAuth scope" in finding.do


def test_every_row_of_the_table_has_its_case() -> None:
    """A new row comes with a test."""
    assert set(TABLE) <= {code for code, _, _ in CASES}


def test_the_code_decides_and_not_the_status() -> None:
    """A lock comes as 400, and as 500 too."""
    body = json.dumps([{"errorCode": "UNABLE_TO_LOCK_ROW", "message": ""}]).encode()

    kinds = {type(of_answer(Answer(status=status, headers={}, body=body, url=""), WHERE)) for status in (400, 500)}

    assert kinds == {RetryableError}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (503, b"<html>Down for maintenance</html>", RetryableError),
        (500, b"", RetryableError),
        (406, b"", RetryableError),
        (420, b"Enhance your calm", RetryableError),
        (502, b"[[[", RetryableError),
        (401, b"{}", AuthError),
        (400, b"<html>", RejectedError),
        (400, b"null", RejectedError),
    ],
)
def test_an_edge_without_a_code_is_judged_by_its_status(status: int, body: bytes, expected: type[RemoteError]) -> None:
    """Salesforce's edge answers 406 and 420 without JSON at all."""
    assert type(of_answer(Answer(status=status, headers={}, body=body, url=""), WHERE)) is expected


def test_a_retry_after_is_kept() -> None:
    """Rare here, but it is said."""
    error = of_answer(Answer(status=503, headers={"Retry-After": "7"}, body=b"", url=""), WHERE)

    assert isinstance(error, RetryableError)
    assert error.after == timedelta(seconds=7)


def test_three_hundred_names_the_records() -> None:
    """The body of a 300 is a list of addresses."""
    body = json.dumps([f"/services/data/v62.0/sobjects/Contact/{OTHER}"]).encode()

    error = of_answer(Answer(status=300, headers={}, body=body, url=""), WHERE)

    assert isinstance(error, DuplicateError)
    assert error.candidates == (OTHER,)


@pytest.mark.parametrize("name", ["duplicateResut", "duplicateResult"])
def test_matches_of_a_duplicate_rule_are_read_in_both_spellings(name: str) -> None:
    """The vendor misspells it."""
    result = {"matchResults": [{"matchRecords": [{"record": {"attributes": {"type": "Contact"}, "Id": OTHER}}]}]}

    error = of_row([{"statusCode": "DUPLICATES_DETECTED", "message": "", name: result}], WHERE)

    assert isinstance(error, DuplicateError)
    assert error.candidates == (OTHER,)


def test_drift_names_its_fields() -> None:
    """From the error's own list, else from its text."""
    listed = of_row([{"statusCode": "INVALID_FIELD_FOR_INSERT_UPDATE", "fields": ["FirstName"]}], WHERE)
    told = of_row([{"errorCode": "INVALID_FIELD", "message": "No such column 'A__c' on entity 'Contact'."}], WHERE)

    assert isinstance(listed, SchemaDriftError)
    assert isinstance(told, SchemaDriftError)
    assert (listed.fields, told.fields) == (("FirstName",), ("A__c",))


def test_the_vendors_words_are_quoted_only_where_they_hold_no_value() -> None:
    """A validation rule's text helps; one that repeats the customer's number does not leave."""
    where = Circumstances(connection="acme", subject="Contact k1", values={"Phone": "3331234567"})
    errors = [
        of_row([{"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": text, "fields": []}], where)
        for text in ("A VIP needs an owner", "3331234567 is no number")
    ]

    assert "A VIP needs an owner" in str(errors[0])
    assert "3331234567" not in str(errors[1])


def test_of_several_errors_the_final_one_counts() -> None:
    """Trying again would meet it again."""
    errors: list[dict[str, Any]] = [
        {"statusCode": "UNABLE_TO_LOCK_ROW"},
        {"statusCode": "REQUIRED_FIELD_MISSING", "fields": ["LastName"]},
    ]

    assert type(of_row(errors, WHERE)) is RejectedError


def _recorded(corpus: Path) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for path in sorted((corpus / "salesforce").rglob("*.json")):
        for row in json.loads(path.read_text()):
            found.extend((path.name, error) for error in _errors(row.get("body")) if isinstance(error, dict))
    return found


def _errors(node: Any) -> list[Any]:
    if isinstance(node, dict):
        if "errorCode" in node or ("statusCode" in node and "message" in node):
            return [node]
        return [error for value in node.values() for error in _errors(value)]
    return [error for value in node for error in _errors(value)] if isinstance(node, list) else []


def test_every_recorded_error_is_one_that_the_table_knows(corpus: Path) -> None:
    """Search aside, which is never used."""
    recorded = {error.get("errorCode") or error.get("statusCode") for _, error in _recorded(corpus)}

    assert len(_recorded(corpus)) >= 15
    assert recorded - set(TABLE) == {"MALFORMED_SEARCH"}


def test_the_recorded_duplicate_names_its_match(corpus: Path) -> None:
    """The one whole recorded body of DUPLICATES_DETECTED."""
    (row,) = json.loads((corpus / "salesforce" / "misc" / "duplicates_detected_contact_400.json").read_text())

    error = of_answer(Answer(status=row["status"], headers={}, body=json.dumps(row["body"]).encode(), url=""), WHERE)

    assert isinstance(error, DuplicateError)
    assert error.candidates == ("0031i000013x2TEAAY",)
