"""SOQL: what is found, in which order, over how many pages, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plugins.salesforce_simulator.conftest import Api

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)


@pytest.fixture
def people(api: Api) -> Api:
    """Four contacts of two accounts, made on four days up to a Wednesday."""
    names = [
        ("Ada", "Rossi", "ada@example.com"),
        ("Bo", "müller", None),
        ("Cy", "O'Neil", "cy@example.com"),
        (None, "Zed", None),
    ]
    accounts = [api.create("Account", Name=name) for name in ("Alfa", "Beta")]
    for number, (first, last, email) in enumerate(names):
        api.sim.admin.set_clock(NOW - timedelta(days=3 - number))
        record: dict[str, Any] = {"FirstName": first, "LastName": last, "Email": email}
        api.create("Contact", **record, AccountId=accounts[number % 2], Crocevia_Revision__c=number)
    return api


FOUND: list[tuple[str, list[str]]] = [
    ("LastName = 'ROSSI'", ["Rossi"]),
    ("LastName = 'MÜLLER'", ["müller"]),
    ("LastName LIKE 'M%' OR LastName LIKE '%ü%'", ["müller"]),
    (r"LastName = 'O\'Neil'", ["O'Neil"]),
    ("FirstName != 'Ada'", ["müller", "O'Neil", "Zed"]),
    ("NOT FirstName = 'Ada'", ["müller", "O'Neil", "Zed"]),
    ("Email = null", ["müller", "Zed"]),
    ("Email != null AND (FirstName = 'Cy' OR FirstName = 'Bo')", ["O'Neil"]),
    ("FirstName IN ('ada', 'CY')", ["Rossi", "O'Neil"]),
    ("FirstName NOT IN ('Ada')", ["müller", "O'Neil", "Zed"]),
    ("Account.Name = 'beta'", ["müller", "Zed"]),
    ("AccountId IN (SELECT Id FROM Account WHERE Name = 'Alfa')", ["Rossi", "O'Neil"]),
    ("Crocevia_Revision__c >= 2", ["O'Neil", "Zed"]),
    ("CreatedDate = TODAY", ["Zed"]),
    ("CreatedDate = YESTERDAY", ["O'Neil"]),
    ("CreatedDate < LAST_N_DAYS:1", ["Rossi", "müller"]),
    ("CreatedDate = THIS_WEEK", ["Rossi", "müller", "O'Neil", "Zed"]),
    ("SystemModstamp >= 2026-03-17T12:00:00Z", ["O'Neil", "Zed"]),
    ("SystemModstamp > 2026-03-17T13:00:00+01:00", ["Zed"]),
    ("IsDeleted = true", []),
]


@pytest.mark.behaviour(
    "documented",
    "SOQL conditions: equality without case, LIKE, null, NOT, IN, parents, semi-joins, dates and date keywords",
)
def test_conditions_find_what_they_say(people: Api) -> None:
    """Each condition finds exactly its people."""
    found = {
        where: [
            row["LastName"] for row in people.query(f"SELECT LastName FROM Contact WHERE {where} ORDER BY CreatedDate")
        ]
        for where, _ in FOUND
    }
    assert found == dict(FOUND)


REFUSED = [
    ("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY"),
    ("SELECT * FROM Contact", "MALFORMED_QUERY"),
    ("SELECT Id FROM Contact WHERE FirstName = 'a' AND LastName = 'b' OR Email = 'c'", "MALFORMED_QUERY"),
    ("SELECT Id FROM Contact FOR UPDATE", "MALFORMED_QUERY"),
    ("SELECT Id FROM Contact USING SCOPE mine", "MALFORMED_QUERY"),
    ("SELECT DISTANCE(MailingAddress, GEOLOCATION(1, 2), 'km') FROM Contact", "MALFORMED_QUERY"),
    ("SELECT Id FROM Contact WHERE CALENDAR_YEAR(CreatedDate) = 2026", "MALFORMED_QUERY"),
    ("SELECT CALENDAR_YEAR(CreatedDate), COUNT(Id) FROM Contact", "MALFORMED_QUERY"),
    ("SELECT toLabel(LeadSource) FROM Contact", "MALFORMED_QUERY"),
    ("SELECT Id, Id FROM Contact", "MALFORMED_QUERY"),
    ("SELECT LastName, COUNT(Id) FROM Contact", "MALFORMED_QUERY"),
    ("SELECT Id FROM Contact WHERE AccountId IN (SELECT Id, Name FROM Account)", "MALFORMED_QUERY"),
    ("SELECT Id FROM Contact LIMIT -1", "MALFORMED_QUERY"),
    ("SELECT Id FROM Contact; DROP TABLE Contact", "MALFORMED_QUERY"),
    ("SELECT Foo FROM Contact", "INVALID_FIELD"),
    ("SELECT Account.Foo FROM Contact", "INVALID_FIELD"),
    ("SELECT Nobody.Name FROM Contact", "INVALID_FIELD"),
    ("SELECT Id FROM Contact WHERE Description = 'long'", "INVALID_FIELD"),
    ("SELECT Id FROM Contact ORDER BY Description", "INVALID_FIELD"),
    ("SELECT Id FROM Contact WHERE CreatedDate = '2026-01-01'", "INVALID_FIELD"),
    ("SELECT Id FROM Contact WHERE LastName = 5", "INVALID_FIELD"),
    ("SELECT Id FROM Contact WHERE Id = 'nope'", "INVALID_QUERY_FILTER_OPERATOR"),
    ("SELECT Id FROM Nothing", "INVALID_TYPE"),
    ("SELECT (SELECT Id FROM Nothings) FROM Contact", "INVALID_TYPE"),
    ("SELECT Id FROM Contact OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
]


@pytest.mark.behaviour(
    "documented", "SOQL that cannot be run is refused: MALFORMED_QUERY, INVALID_FIELD, INVALID_TYPE and their like"
)
@pytest.mark.parametrize(("soql", "code"), REFUSED, ids=[soql for soql, _ in REFUSED])
def test_what_cannot_be_run_is_refused(api: Api, soql: str, code: str) -> None:
    """No statement is run as something else than what it says."""
    assert api.error("GET", "query", params={"q": soql})[:2] == (400, code)


@pytest.mark.behaviour("recorded", "Errors of a statement point at it: caret, row and column")
def test_an_error_points_at_the_place(api: Api) -> None:
    """The message shows the statement, the place and the org's advice, as recorded."""
    _, _, message = api.error("GET", "query", params={"q": "select count() from XYZZY"})
    assert message == (
        "\nselect count() from XYZZY\n                    ^\nERROR at Row:1:Column:21\n"
        "sObject type 'XYZZY' is not supported. If you are attempting to use a custom object, be sure to append the "
        "'__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
    )


@pytest.mark.behaviour(
    "recorded", "Parents nest with their attributes, children as results of their own or null, TYPEOF by type"
)
def test_relations(people: Api) -> None:
    """Parents, children and polymorphic parents come as they are recorded."""
    (contact,) = people.query("SELECT Id FROM Contact WHERE LastName = 'Rossi'")
    people.create("Task", Subject="Call", WhoId=contact["Id"])
    (row,) = people.query(
        "SELECT Id, Account.Name, Account.Owner.Name, (SELECT Subject FROM Tasks) FROM Contact WHERE LastName = 'Rossi'"
    )
    assert (row["Account"]["Name"], row["Account"]["Owner"]["Name"]) == ("Alfa", "Integration User")
    assert (row["Tasks"]["totalSize"], row["Tasks"]["records"][0]["Subject"]) == (1, "Call")
    (task,) = people.query("SELECT Who.Name, Who.Type, TYPEOF Who WHEN Contact THEN LastName ELSE Id END FROM Task")
    assert task["Who"]["LastName"] == "Rossi"
    assert people.query("SELECT (SELECT Id FROM Tasks) FROM Contact WHERE LastName = 'Zed'") == [{"Tasks": None}]


@pytest.mark.behaviour(
    "recorded", "COUNT() has a total and no records; COUNT(field) and groups are AggregateResult with expr0"
)
def test_counts_and_groups(people: Api) -> None:
    """Counts and groups come in the recorded shapes."""
    count = people.call("GET", "query?q=SELECT COUNT() FROM Contact").json()
    assert count == {"totalSize": 4, "done": True, "records": []}
    assert people.query("SELECT COUNT(Id) FROM Contact") == [{"expr0": 4}]
    grouped = "SELECT AccountId, COUNT(Id) c, MAX(Crocevia_Revision__c) FROM Contact GROUP BY AccountId"
    groups = people.query(f"{grouped} HAVING COUNT(Id) > 1 ORDER BY AccountId")
    assert [(row["c"], row["expr0"]) for row in groups] == [(2, 2.0), (2, 3.0)]


@pytest.mark.behaviour("documented", "Nulls come first in both directions unless NULLS LAST is said")
def test_order_of_nulls(people: Api) -> None:
    """ORDER BY puts nulls first, ascending and descending."""
    orders = ("ASC", "DESC", "DESC NULLS LAST")
    found = [
        [row["FirstName"] for row in people.query(f"SELECT FirstName FROM Contact ORDER BY FirstName {order}")]
        for order in orders
    ]
    assert found == [[None, "Ada", "Bo", "Cy"], [None, "Cy", "Bo", "Ada"], ["Cy", "Bo", "Ada", None]]


@pytest.mark.behaviour(
    "documented", "Pages of 200 to 2,000 with locators over the ids found first; a closed locator is refused"
)
def test_pages(api: Api) -> None:
    """All records come once, over pages whose ids were found when the query ran."""
    api.sim.admin.create("Contact", [{"LastName": f"N{n:04d}"} for n in range(450)])
    small = {"Sforce-Query-Options": "batchSize=200"}
    page = api.call("GET", "query?q=SELECT LastName FROM Contact ORDER BY LastName", headers=small).json()
    assert (page["totalSize"], page["done"], len(page["records"])) == (450, False, 200)
    api.sim.admin.create("Contact", {"LastName": "A late one"})
    found = page["records"]
    while not page["done"]:
        page = api.call("GET", page["nextRecordsUrl"], headers=small).json()
        found += page["records"]
    assert [row["LastName"] for row in found] == [f"N{n:04d}" for n in range(450)]
    assert api.error("GET", "query/0r8000000000000AAA-200")[:2] == (400, "INVALID_QUERY_LOCATOR")


WORDS = [
    "SELECT",
    "FROM",
    "WHERE",
    "Id",
    "Name",
    "Contact",
    "(",
    ")",
    ",",
    "=",
    "!=",
    "<",
    "LIKE",
    "IN",
    "NOT",
    "AND",
    "OR",
    "null",
    "'x'",
    "5",
    "2026-01-01",
    "TODAY",
    "COUNT",
    "ORDER",
    "BY",
    "LIMIT",
]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)))
def test_no_statement_breaks_the_org(api: Api, tail: str) -> None:
    """Whatever stands after WHERE, the answer is a result or an error in the org's shape."""
    answer = api.call("GET", "query", params={"q": f"SELECT Id FROM Contact WHERE {tail}"})
    assert answer.status_code in (200, 400)
    assert answer.status_code == 200 or answer.json()[0]["errorCode"]
