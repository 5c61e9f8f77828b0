"""At rest the org holds what the lenses say: what is written reads back as the same, whatever a customer sent."""

from datetime import UTC, datetime
from typing import Any

import pytest

from crocevia import ContactPoint, RecordChanged, Write, Written
from crocevia.mapping import ObjectMapping
from crocevia_salesforce import Salesforce
from crocevia_salesforce.simulator import Simulator
from tests.plugins.salesforce.org_records import CONTEXT, raw_page

AT = datetime(2026, 11, 2, 9, 0, 1, 987_654, tzinfo=UTC)
MOBILE = ContactPoint("phone", "", "+393331234567", slot="mobile", shown="333 1234567")

CONTACTS: dict[str, dict[str, Any]] = {
    "whole": {"given_name": "Ada", "family_name": "Bianchi", "contact_points": (MOBILE,), "language": "it"},
    "blank around": {"given_name": " Ada\t", "family_name": "  ", "display_name": "Ada", "contact_points": ()},
    "only shown": {"display_name": "🐈 il Gatto ", "contact_points": None},
    "too long": {"given_name": "A" * 200, "family_name": "b " * 200},
    "nothing": {},
}
INTERACTIONS: dict[str, dict[str, Any]] = {
    "message": {
        "at": AT,
        "direction": "inbound",
        "status": "received",
        "kind": "message",
        "text": "  ciao\r\nè pronto? \U0001f469\u200d\U0001f467 ",
        "message_key": "wamid.HBgM==",
        "duration_s": None,
    },
    "call": {"at": AT, "direction": "outbound", "status": "to send", "kind": "call", "duration_s": 61.0},
    "odd": {"at": AT, "text": "null\x00 and half a pair \ud83d", "subject": "\r\n", "status": "removed"},
    "long": {"at": AT, "text": "à" * 40_000, "conversation": "c" * 900},
    "time as text": {"at": AT, "text": "2026-11-02T09:00:00.000+0000"},
}
CASES = [("Contact", name) for name in CONTACTS] + [("Interaction__c", name) for name in INTERACTIONS]


def mapping_of(salesforce: Salesforce, object_name: str) -> ObjectMapping:
    """The default mapping with the org's limits, as the core uses it."""
    mapping = next(found for found in salesforce.mappings() if found.object == object_name)
    return mapping.fit(salesforce.describe(object_name))


@pytest.mark.parametrize(("object_name", "name"), CASES)
def test_what_is_written_reads_back_as_the_same(salesforce: Salesforce, object_name: str, name: str) -> None:
    """By fetch and by changes, value for value: nothing is written again, nothing looks like a person's change."""
    mapping = mapping_of(salesforce, object_name)
    values = mapping.encode((CONTACTS if object_name == "Contact" else INTERACTIONS)[name])
    write = Write(object=object_name, operation="upsert", key="k", values={**values, "Crocevia_Key__c": "k"})

    (written,) = salesforce.write([write])
    assert isinstance(written, Written)
    (fetched,) = salesforce.fetch(object_name, [written.id], mapping.remote_fields)
    (event,) = salesforce.parse(raw_page(salesforce.changes(object_name, None, mapping.remote_fields)), CONTEXT)

    assert isinstance(event, RecordChanged)
    assert fetched.values == event.values
    assert {field: value for field, value in fetched.values.items() if value is not None and field in values} == {
        field: value for field, value in values.items() if value is not None
    }


def test_an_answer_written_in_salesforce_is_read_whole(org: Simulator, salesforce: Salesforce) -> None:
    """The lenses go to the CRM only; of a record born there each still says what it means."""
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})
    given = {"Contact__c": contact, "Direction__c": "Outbound", "Status__c": "To Send", "Body__c": "Sì, è pronto."}
    org.admin.create("Interaction__c", {**given, "Occurred_At__c": "2026-11-02T09:00:00.000+0000"})
    mapping = mapping_of(salesforce, "Interaction__c")
    (event,) = salesforce.parse(raw_page(salesforce.changes("Interaction__c", None, mapping.remote_fields)), CONTEXT)
    assert isinstance(event, RecordChanged)

    canonical: dict[str, Any] = {}
    for lens in mapping.lenses:
        canonical.update(lens.read(event.values, {}))

    assert {name: value for name, value in canonical.items() if value is not None} == {
        "profile": contact,
        "direction": "outbound",
        "status": "to send",
        "text": "Sì, è pronto.",
        "at": datetime(2026, 11, 2, 9, tzinfo=UTC),
    }


def test_a_corrected_number_is_the_profiles_number(salesforce: Salesforce) -> None:
    """Set by set: the wrong one leaves."""
    mapping = mapping_of(salesforce, "Contact")
    canonical = CONTACTS["whole"]
    slots = next(lens for lens in mapping.lenses if lens.is_set)

    found = slots.decode({"MobilePhone": "333 7654321", "Phone": None, "HomePhone": None, "Email": None}, canonical)

    assert [point.text for point in found["contact_points"]] == ["333 7654321"]
