"""Collections and Composite: many records, many requests, one call."""

from typing import Any

import pytest

from tests.plugins.salesforce_simulator.conftest import Api

BASE = "/services/data/v60.0"
UPSERT = "composite/sobjects/Contact/Crocevia_Key__c"


def person(number: int, **more: Any) -> dict[str, Any]:
    """Return a contact with a key."""
    return {"Crocevia_Key__c": f"k{number}", "LastName": f"N{number}", **more}


@pytest.mark.behaviour(
    "recorded", "Collections: one result per row in order; failures have no id; upsert results say created"
)
def test_rows_succeed_and_fail_each_for_itself(api: Api) -> None:
    """A wrong row fails alone; the others are saved; results stand in the order of the rows."""
    api.create("Contact", **person(0))
    found = api.rows(
        "PATCH", UPSERT, "Contact", [person(0, Title="x"), person(1, Email="bad"), person(2), person(3, Foo=1)]
    )
    assert [(row["success"], row["created"]) for row in found] == [
        (True, False),
        (False, False),
        (True, True),
        (False, False),
    ]
    assert "id" not in found[1]
    assert [row["errors"][0]["statusCode"] for row in (found[1], found[3])] == [
        "INVALID_EMAIL_ADDRESS",
        "INVALID_FIELD",
    ]
    assert found[3]["errors"][0] == {
        "statusCode": "INVALID_FIELD",
        "message": "No such column 'Foo' on sobject of type Contact",
        "fields": [],
    }


@pytest.mark.behaviour("documented", "allOrNone rolls everything back and says so on the rows that were right")
def test_all_or_none(api: Api) -> None:
    """With allOrNone, one wrong row undoes the batch, ledger included."""
    found = api.rows("PATCH", UPSERT, "Contact", [person(1), person(2, Email="bad")], allOrNone=True)
    assert [row["errors"][0]["statusCode"] for row in found] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "INVALID_EMAIL_ADDRESS",
    ]
    assert api.sim.admin.count("Contact") == 0
    assert api.sim.admin.mutations() == []


@pytest.mark.behaviour("documented", "Equal keys in one batch: every such row fails with DUPLICATE_VALUE")
def test_equal_keys_fail_together(api: Api) -> None:
    """Rows that share a key all fail, whichever came first."""
    found = api.rows("PATCH", UPSERT, "Contact", [person(1), person(2), person(1)])
    assert [row["success"] for row in found] == [False, True, False]
    assert found[0]["errors"] == [
        {"statusCode": "DUPLICATE_VALUE", "message": "Duplicate external id specified: k1", "fields": []}
    ]


@pytest.mark.behaviour("documented", "200 rows a call, one type an upsert, ten runs of types a create")
def test_the_limits_of_a_call(api: Api) -> None:
    """More rows, another type in an upsert or too many changes of type refuse the whole call."""
    many = [{"attributes": {"type": "Contact"}, **person(n)} for n in range(201)]
    error = api.error("PATCH", UPSERT, json={"records": many})
    assert error == (
        400,
        "EXCEEDED_ID_LIMIT",
        "record limit reached. cannot submit more than 200 records into this call",
    )
    other = {"attributes": {"type": "Lead"}, "Crocevia_Key__c": "x"}
    assert api.error("PATCH", UPSERT, json={"records": [many[0], other]})[:2] == (400, "INVALID_TYPE")
    mixed = [{"attributes": {"type": ("Account", "Contact")[n % 2]}, "Name": "A", "LastName": "B"} for n in range(12)]
    assert api.error("POST", "composite/sobjects", json={"records": mixed})[:2] == (400, "INVALID_OPERATION")
    assert api.sim.admin.count("Contact") == 0


@pytest.mark.behaviour(
    "documented", "Collections update, retrieve by GET and POST (null for what is not there), delete"
)
def test_rows_by_id(api: Api) -> None:
    """Records are changed, read in the order asked for, and deleted by their ids."""
    one, two = (api.create("Contact", **person(n)) for n in range(2))
    changed = api.rows(
        "PATCH", "composite/sobjects", "Contact", [{"Id": one, "Title": "A"}, {"id": two[:15], "Title": "B"}]
    )
    assert [row["id"] for row in changed] == [one, two]
    nobody = "003Cv0000000zzzIAB"[:15]
    read = api.call("POST", "composite/sobjects/Contact", json={"ids": [two, nobody, one], "fields": ["Title"]}).json()
    assert [row and row["Title"] for row in read] == ["B", None, "A"]
    assert api.call("GET", f"composite/sobjects/Contact?ids={one}&fields=Title").json()[0]["Title"] == "A"
    gone = api.call("DELETE", f"composite/sobjects?ids={one},{two},{nobody}&allOrNone=false").json()
    assert [row["success"] for row in gone] == [True, True, False]


@pytest.mark.behaviour(
    "recorded", "Composite: results by reference, Location of what was created, errors of each for itself"
)
def test_composite_hands_on_what_it_made(api: Api) -> None:
    """A later subrequest uses what an earlier one made, in its address and in its body."""
    parts = [
        {"method": "POST", "url": f"{BASE}/sobjects/Contact", "referenceId": "who", "body": {"LastName": "A"}},
        {
            "method": "POST",
            "url": f"{BASE}/sobjects/Interaction__c",
            "referenceId": "what",
            "body": {"Contact__c": "@{who.id}"},
        },
        {
            "method": "GET",
            "url": f"{BASE}/query?q=SELECT Contact__c FROM Interaction__c WHERE Id = '@{{what.id}}'",
            "referenceId": "read",
        },
        {
            "method": "GET",
            "url": f"{BASE}/sobjects/Contact/@{{read.records[0].Contact__c}}?fields=LastName",
            "referenceId": "back",
        },
        {"method": "GET", "url": f"{BASE}/sobjects/Nothing", "referenceId": "none"},
        {"method": "GET", "url": f"{BASE}/sobjects/Contact/@{{none.id}}", "referenceId": "halted"},
    ]
    found = api.call("POST", "composite", json={"compositeRequest": parts}).json()["compositeResponse"]
    assert [part["httpStatusCode"] for part in found] == [201, 201, 200, 200, 404, 400]
    assert found[0]["httpHeaders"] == {"Location": f"{BASE}/sobjects/Contact/{found[0]['body']['id']}"}
    assert found[3]["body"]["LastName"] == "A"
    assert found[5]["body"] == [
        {
            "errorCode": "PROCESSING_HALTED",
            "message": "Execution halted as previous operation (none) was not successful.",
        }
    ]


@pytest.mark.behaviour("recorded", "Composite with allOrNone: PROCESSING_HALTED on all but the one that failed")
def test_composite_rolls_back(api: Api) -> None:
    """With allOrNone a failing subrequest undoes those before it."""
    parts = [
        {"method": "POST", "url": f"{BASE}/sobjects/Contact", "referenceId": "a", "body": {"LastName": "A"}},
        {"method": "POST", "url": f"{BASE}/sobjects/Contact", "referenceId": "b", "body": {}},
    ]
    found = api.call("POST", "composite", json={"allOrNone": True, "compositeRequest": parts}).json()[
        "compositeResponse"
    ]
    assert [part["body"][0]["errorCode"] for part in found] == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING"]
    assert api.sim.admin.mutations() == []


@pytest.mark.behaviour("documented", "Composite: 25 subrequests, of which 5 Collections or queries; one API call")
def test_the_limits_of_a_composite(api: Api) -> None:
    """A 26th subrequest or a sixth query refuses the call; a whole Composite counts once."""
    light = [{"method": "GET", "url": f"{BASE}/limits", "referenceId": f"r{n}"} for n in range(26)]
    heavy = [
        {"method": "GET", "url": f"{BASE}/query?q=SELECT Id FROM Contact", "referenceId": f"q{n}"} for n in range(6)
    ]
    assert api.call("POST", "composite", json={"compositeRequest": light}).status_code == 400
    assert api.call("POST", "composite", json={"compositeRequest": heavy}).status_code == 400
    before = api.sim.org.usage.used()
    assert api.call("POST", "composite", json={"compositeRequest": light[:20] + heavy[:5]}).status_code == 200
    assert api.sim.org.usage.used() - before == 1


@pytest.mark.behaviour("recorded", "Graphs are all or none each; batch requests count one by one")
def test_graph_and_batch(api: Api) -> None:
    """One graph that fails leaves the other standing; a batch's subrequests each cost a call."""

    def graph(name: str, **body: str) -> dict[str, Any]:
        node = {"method": "POST", "url": f"{BASE}/sobjects/Contact", "referenceId": "c", "body": body}
        return {"graphId": name, "compositeRequest": [node]}

    found = api.call("POST", "composite/graph", json={"graphs": [graph("good", LastName="A"), graph("bad")]}).json()[
        "graphs"
    ]
    assert [(part["graphId"], part["isSuccessful"]) for part in found] == [("good", True), ("bad", False)]
    assert api.sim.admin.count("Contact") == 1
    before = api.sim.org.usage.used()
    batch = api.call(
        "POST", "composite/batch", json={"batchRequests": [{"method": "GET", "url": "v60.0/limits"}] * 3}
    ).json()
    assert [part["statusCode"] for part in batch["results"]] == [200, 200, 200]
    assert api.sim.org.usage.used() - before == 4


def test_ten_runs_of_types_and_no_eleventh(api: Api) -> None:
    """Ten changes from one type to another are taken, eleven are refused."""
    values = {"Account": {"Name": "A"}, "Contact": {"LastName": "C"}}
    names = [("Account", "Contact")[number % 2] for number in range(11)]
    records = [{"attributes": {"type": name}, **values[name]} for name in names]
    taken = api.call("POST", "composite/sobjects", json={"records": records[:10]})
    assert [row["success"] for row in taken.json()] == [True] * 10
    assert api.error("POST", "composite/sobjects", json={"records": records})[:2] == (400, "INVALID_OPERATION")


@pytest.mark.behaviour("documented", "External ids that are case-sensitive tell k from K, alone and in a batch")
def test_keys_have_their_case(api: Api) -> None:
    """Two keys that differ in case alone are two records."""
    records = [{"Crocevia_Key__c": key, "LastName": key} for key in ("k", "K")]
    path = "composite/sobjects/Contact/Crocevia_Key__c"
    for created in (True, False):
        assert [row["created"] for row in api.rows("PATCH", path, "Contact", records)] == [created] * 2
    assert api.call("GET", "sobjects/Contact/Crocevia_Key__c/K").json()["LastName"] == "K"
