import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crocevia import (
    ContactPoint,
    Event,
    FieldSchema,
    ParseContext,
    Raw,
    RecordChanged,
    RecordDeleted,
    RecordMerged,
    Secret,
    Unrecognised,
)
from crocevia.errors import MalformedError
from crocevia_tryton.connector import Settings, Tryton
from crocevia_tryton.lenses import LANGUAGE, LINE, ContactMechanisms, PartyName, mappings
from crocevia_tryton.rows import contact_changes, to_tryton

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = {
    "__class__": "datetime",
    "year": 2026,
    "month": 11,
    "day": 20,
    "hour": 9,
    "minute": 8,
    "second": 7,
    "microsecond": 65,
}
ROW: dict[str, Any] = {
    "id": 7,
    "_timestamp": "1795165687.000065",
    "last_modified_at": AT,
    "write_uid": 3,
    "create_uid": 1,
}
TRYTON = Tryton(
    Settings(base_url="http://127.0.0.1:9", database="crm", user="u", password=Secret("p")), connection="crm"
)


def parsed(page: Any) -> list[Event]:
    """The events of a page."""
    raw = Raw(connection="crm", kind="tryton", body=json.dumps(page).encode(), received_at=NOW, source="page")
    return list(TRYTON.parse(raw, ParseContext(now=NOW)))


def test_a_row_becomes_a_changed_record() -> None:
    """Links are ids, languages codes, archived contact mechanisms are left out, bookkeeping is no value."""
    contacts = [
        {"id": 1, "type": "mobile", "value_compact": "+393471234567", "active": True},
        {"id": 2, "type": "email", "value_compact": "a@example.com", "active": True},
        {"id": 3, "type": "mobile", "value_compact": "+393470000000", "active": False},
        {"id": 4, "type": "website", "value_compact": "https://a.example", "active": True},
    ]
    row = {**ROW, "name": "Ada", "lang.": {"id": 4, "code": "it"}, "contact_mechanisms.": contacts, "owner.": {"id": 9}}

    assert parsed({"object": "party.party", "rows": [row], "deletions": []}) == [
        RecordChanged(
            object="party.party",
            id="7",
            values={
                "name": "Ada",
                "lang": "it",
                "contact_mechanisms": [["email", "a@example.com"], ["mobile", "+393471234567"]],
                "owner": "9",
            },
            at=datetime(2026, 11, 20, 9, 8, 7, 65, tzinfo=UTC),
            version="1795165687.000065",
            by="3",
            leaf="/rows/0",
        )
    ]


def test_values_of_other_types_become_plain_json() -> None:
    """Dates, decimals, durations, empty links."""
    row = {
        **ROW,
        "write_uid": None,
        "born": {"__class__": "date", "year": 1990, "month": 2, "day": 3},
        "credit": {"__class__": "Decimal", "decimal": "12.50"},
        "waited": {"__class__": "timedelta", "seconds": 90.0},
        "seen": AT,
        "lang.": None,
    }
    [event] = parsed({"object": "party.party", "rows": [row]})

    assert isinstance(event, RecordChanged)
    assert event.values == {
        "born": "1990-02-03",
        "credit": "12.50",
        "waited": 90.0,
        "seen": "2026-11-20T09:08:07.000Z",
        "lang": None,
    }
    assert event.by == "1"


def test_merges_and_deletions_are_told_as_such() -> None:
    """A replaced party names its survivor; a row of the log of deletions is a deleted record."""
    at = datetime(2026, 11, 20, 9, 8, 7, 65, tzinfo=UTC)
    page = {
        "object": "party.party",
        "rows": [{**ROW, "replaced_by": 12}],
        "deletions": [{"id": 1, "record": 8, "_timestamp": "1", "last_modified_at": AT}],
    }

    assert parsed(page) == [
        RecordMerged(object="party.party", id="7", into="12", at=at, leaf="/rows/0"),
        RecordDeleted(object="party.party", id="8", at=at, leaf="/deletions/0"),
    ]


@pytest.mark.parametrize("row", [None, [], {}, {**ROW, "id": "x"}, {**ROW, "last_modified_at": {"year": 1}}])
def test_a_row_of_another_shape_is_unrecognised_alone(row: Any) -> None:
    """It is counted and kept; its neighbours are read."""
    first, second = parsed({"object": "party.party", "rows": [row, ROW]})

    assert isinstance(first, Unrecognised)
    assert first.leaf == "/rows/0"
    assert isinstance(second, RecordChanged)


@pytest.mark.parametrize("page", [[], {}, {"object": 3}, {"object": "party.party", "rows": {}}])
def test_what_is_no_page_is_refused(page: Any) -> None:
    """As a whole, with the connection's name."""
    with pytest.raises(MalformedError, match="crm"):
        parsed(page)


# The first text that hypothesis draws makes it read the Unicode tables.
_patient = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


@_patient
@given(st.dictionaries(st.sampled_from(["given_name", "family_name", "display_name"]), st.text() | st.none()))
def test_a_name_is_one_line_and_round_trips(canonical: dict[str, str | None]) -> None:
    """Tryton refuses line breaks and tabs in a name; what comes back unchanged changes nothing."""
    lens = PartyName(field="name", placeholder="")
    encoded = lens.encode(canonical)

    assert not set(encoded["name"]) & set("\t\n\r\x0b\x0c\0")
    assert lens.decode(encoded, canonical) == {}


@_patient
@given(st.text())
def test_a_line_keeps_everything_but_breaks(text: str) -> None:
    """As long as it was, but for NUL, which PostgreSQL cannot hold."""
    assert len(LINE.to_remote(text)) == len(text.replace("\0", ""))


def test_contact_mechanisms_are_written_as_tryton_keeps_them() -> None:
    """E.164 for numbers, lower case for an e-mail's domain, so that what is read back is what was written."""
    lens = ContactMechanisms(
        field="contact_mechanisms",
        types={"mobile": ("phone", "mobile"), "phone": ("phone", "work"), "email": ("email", "main")},
    )
    points = (
        ContactPoint("phone", "", "+393471234567", shown="347 123 4567"),
        ContactPoint("phone", "", "+390118192730", slot="work"),
        ContactPoint("email", "", "ada@example.com", shown="Ada@Example.COM"),
        ContactPoint("whatsapp", "page", "39347"),
    )
    canonical = {"contact_points": points}
    rows = [["email", "Ada@example.com"], ["mobile", "+393471234567"], ["phone", "+390118192730"]]

    assert lens.encode(canonical) == {"contact_mechanisms": rows}
    assert lens.decode({"contact_mechanisms": rows}, canonical) == {}
    changed = lens.decode({"contact_mechanisms": [*rows[:2], ["phone", "+390110000000"]]}, canonical)
    assert changed["contact_points"] == (
        points[0],
        points[2],
        points[3],
        ContactPoint("phone", "", "+390110000000"),
    )
    assert changed["contact_points"][0].shown == "347 123 4567"
    assert lens.encode({}) == {}


@pytest.mark.parametrize(
    ("tag", "code"), [("it", "it"), ("it-IT", "it"), ("es-419", "es_419"), ("zh-CN", "zh_CN"), ("tlh", None)]
)
def test_a_language_is_the_closest_that_tryton_has(tag: str, code: str | None) -> None:
    """One it does not have is not written."""
    assert LANGUAGE.to_remote(tag) == code


def test_a_status_is_trytons_word_both_ways() -> None:
    """Ours has a blank, Tryton's selection an underscore."""
    [interactions] = [mapping for mapping in mappings() if mapping.of == "interaction"]
    [status] = [lens for lens in interactions.lenses if lens.fields == ("status",)]

    assert status.encode({"status": "to send"}) == {"status": "to_send"}
    assert status.decode({"status": "to_send"}, {}) == {"status": "to send"}
    assert status.encode({"status": "delivered"}) == {"status": "delivered"}


def test_contact_changes_do_the_least() -> None:
    """Keep, activate again, add, archive; nothing to do gives nothing."""
    rows = [
        {"id": 1, "type": "mobile", "value_compact": "+391", "active": True},
        {"id": 2, "type": "email", "value_compact": "a@b.c", "active": False},
        {"id": 3, "type": "phone", "value_compact": "+392", "active": True},
        {"id": 4, "type": "sip", "value_compact": "x", "active": True},
    ]

    assert contact_changes(rows, [["mobile", "+391"], ["phone", "+392"]]) == []
    assert contact_changes(rows, [["mobile", "+391"], ["email", "a@b.c"], ["mobile", "+393"]]) == [
        ["write", [3], {"active": False}],
        ["write", [2], {"active": True}],
        ["create", [{"type": "mobile", "value": "+393"}]],
    ]


def test_a_language_that_tryton_does_not_have_is_refused_not_cleared() -> None:
    """A hook may have put it there; clearing the field would be silent."""
    language = FieldSchema(name="lang", type="many2one")

    assert to_tryton("it", language, {"it": 4}) == 4
    assert to_tryton(None, language, {"it": 4}) is None
    with pytest.raises(LookupError):
        to_tryton("tlh", language, {"it": 4})
