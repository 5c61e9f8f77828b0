"""Contact points without a field of their own: child rows, both ways."""

from typing import Any

import pytest

from crocevia import ContactPoint, Write, Written
from crocevia.errors import RejectedError, RetryableError
from crocevia_salesforce import Salesforce
from crocevia_salesforce.identities import Identities
from crocevia_salesforce.mappings import PLACES
from crocevia_salesforce.simulator import Simulator
from tests.plugins.salesforce.org_records import api_calls, contact_write, last_call

LENS = Identities(places=PLACES["Contact"])
MOBILE = ContactPoint("phone", "", "+393331234567", slot="mobile")
SECOND = ContactPoint("phone", "", "+393337654321", slot="mobile")
OTHER = ContactPoint("phone", "", "+390111234567", slot="other")
CHAT = ContactPoint("messenger", "page 1", "77")
MAIL = ContactPoint("email", "", "ada@example.org", slot="main")


def rows(*points: ContactPoint) -> list[list[str]]:
    """What the lens writes of these points."""
    return list(LENS.encode({"contact_points": points})["Identities__r"])


def after(*changes: list[str], points: tuple[ContactPoint, ...]) -> list[tuple[str, str]]:
    """Addresses and slots of the points once a person has made the rows these."""
    found = LENS.decode({"Identities__r": list(changes)}, {"contact_points": points})
    return [(point.address, point.slot) for point in found.get("contact_points", points)]


def test_points_that_a_field_shows_have_no_row() -> None:
    """A second mobile, a number without a place and a channel's own id have."""
    assert rows(MOBILE, MAIL) == []
    assert rows(MOBILE, SECOND, OTHER, CHAT, MAIL) == [
        ["messenger", "page 1", "77"],
        ["phone", "", "+390111234567"],
        ["phone", "", "+393337654321"],
    ]


def test_points_that_nobody_has_asked_for_are_no_opinion() -> None:
    """Absent is not empty: an empty set clears the rows."""
    assert LENS.encode({}) == {}
    assert LENS.encode({"contact_points": None}) == {"Identities__r": []}


def test_a_row_that_a_person_adds_or_removes_is_a_point_more_or_less() -> None:
    """A new number stands in no field, so nobody's mobile moves."""
    held = (MOBILE, CHAT)

    assert after(["messenger", "page 1", "77"], ["phone", "", "+390111234567"], points=held) == [
        ("phone||+393331234567", "mobile"),
        ("messenger|page%201|77", ""),
        ("phone||+390111234567", "other"),
    ]
    assert after(points=held) == [("phone||+393331234567", "mobile")]


def test_a_row_beside_the_field_that_shows_the_same_number_is_kept_and_can_be_removed() -> None:
    """The field is not emptied with it."""
    both = after(["phone", "", "+393331234567"], points=(MOBILE,))
    shown = ContactPoint("phone", "", "+393331234567", slot="mobile other")

    assert both == [("phone||+393331234567", "mobile other")]
    assert rows(shown) == [["phone", "", "+393331234567"]]
    assert after(points=(shown,)) == [("phone||+393331234567", "mobile")]


def identities(org: Simulator) -> list[tuple[Any, ...]]:
    """Living rows: contact's last name, kind, scope, address."""
    names = "Contact__r.LastName, Kind__c, Scope__c, Address__c"
    found = org.admin.query(f"SELECT {names} FROM Identity__c ORDER BY Address__c, Id")
    return [(row["Contact__r"]["LastName"], row["Kind__c"], row["Scope__c"], row["Address__c"]) for row in found]


def update(contact: str, *held: list[str], **values: Any) -> Write:
    """A change of a contact that is there, to these rows."""
    given = {**values, "Identities__r": list(held)}
    return Write(object="Contact", operation="update", key="profile-00001", id=contact, values=given)


def test_new_contacts_and_their_rows_are_one_call(org: Simulator, salesforce: Salesforce) -> None:
    """Parents before children, by reference to their key, in one Composite; made again, nothing doubles."""
    batch = [contact_write(n, Identities__r=[["messenger", "page 1", str(n)], ["telegram", "", "x"]]) for n in (1, 2)]

    outcomes = salesforce.write(batch)
    calls = api_calls(org)
    salesforce.write([contact_write(n, Identities__r=[["messenger", "page 1", str(n)]]) for n in (1, 2)])

    assert [getattr(outcome, "created", None) for outcome in outcomes] == [True, True]
    assert calls == ["POST composite"]
    assert identities(org) == [
        ("Rossi 1", "messenger", "page 1", "1"),
        ("Rossi 2", "messenger", "page 1", "2"),
        ("Rossi 1", "telegram", None, "x"),
        ("Rossi 2", "telegram", None, "x"),
    ]


def test_a_thousand_new_contacts_with_a_row_each_are_two_calls(org: Simulator, salesforce: Salesforce) -> None:
    """Five Collections of contacts, five of rows."""
    salesforce.write([contact_write(n, Identities__r=[["messenger", "page 1", str(n)]]) for n in range(1_000)])

    assert api_calls(org) == ["POST composite", "POST composite"]
    assert (org.admin.count("Contact"), org.admin.count("Identity__c")) == (1_000, 1_000)


def test_a_changed_set_writes_only_what_differs(org: Simulator, salesforce: Salesforce) -> None:
    """What a person typed stays his own record; what left the profile is deleted, a double too."""
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})
    kept, gone, double = org.admin.create(
        "Identity__c",
        [
            {"Contact__c": contact, "Kind__c": "messenger", "Address__c": "1"},
            {"Contact__c": contact, "Kind__c": "messenger", "Address__c": "2"},
            {"Contact__c": contact, "Kind__c": "messenger", "Address__c": "1"},
        ],
    )
    before = last_call(org)

    (outcome,) = salesforce.write([update(contact, ["messenger", "", "1"], ["telegram", "", "3"], FirstName="Ada")])

    left = [row["Id"] for row in org.admin.query("SELECT Id FROM Identity__c ORDER BY Id")]
    assert outcome == Written(id=contact)
    assert api_calls(org, before) == ["GET query", "POST composite"]
    assert identities(org) == [("Rossi", "messenger", None, "1"), ("Rossi", "telegram", None, "3")]
    assert kept in left
    assert gone not in left
    assert double not in left


def test_a_contact_whose_rows_are_not_mapped_is_not_looked_at(org: Simulator, salesforce: Salesforce) -> None:
    """Its rows are read and written only when they change."""
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})
    org.admin.create("Identity__c", {"Contact__c": contact, "Kind__c": "messenger", "Address__c": "1"})
    before = last_call(org)

    salesforce.write([Write(object="Contact", operation="update", key="k", id=contact, values={"FirstName": "Ada"})])

    assert api_calls(org, before) == ["PATCH composite/sobjects"]
    assert len(identities(org)) == 1


@pytest.mark.parametrize(
    ("code", "expected"), [("UNABLE_TO_LOCK_ROW", RetryableError), ("FIELD_CUSTOM_VALIDATION_EXCEPTION", RejectedError)]
)
def test_a_contact_is_written_when_its_rows_are(
    org: Simulator, salesforce: Salesforce, code: str, expected: type[Exception]
) -> None:
    """Else the row that failed would look as if a person had taken it away. The next try completes it."""
    org.admin.fault("row_error", "create Identity__c", code=code, times=1)
    batch = [contact_write(n, Identities__r=[["messenger", "", str(n)]]) for n in (1, 2)]

    outcomes = salesforce.write(batch)
    again = salesforce.write(batch)

    assert [type(outcome) for outcome in outcomes] == [expected, Written]
    assert [type(outcome) for outcome in again] == [Written, Written]
    assert len(identities(org)) == 2
