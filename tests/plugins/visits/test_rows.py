"""Rows of tills: headings, encodings, amounts, dates; what they mean, and what is odd."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crocevia import (
    ContactPoint,
    Ignored,
    InteractionCompleted,
    InteractionRemoved,
    InteractionSeen,
    PartyIdentified,
    Unrecognised,
)
from crocevia.errors import MalformedError
from crocevia_visits import Settings
from tests.plugins.visits.conftest import HEAD, make, parsed


def seen(text: str | bytes, **settings: Any) -> InteractionSeen:
    """The one visit in it."""
    [event] = parsed(make(**settings), text)
    assert isinstance(event, InteractionSeen), event
    return event


def unread(text: str, **settings: Any) -> str:
    """Why the one row in it is not understood."""
    [event] = parsed(make(**settings), text)
    assert isinstance(event, Unrecognised), event
    return event.what


@pytest.mark.parametrize(
    "table",
    [
        "receipt;till;shop;date;amount\n7;2;Milano;20/11/2026 10:31;49,90\n",
        "receipt,till,shop,date,amount\n7,2,Milano,20/11/2026 10:31,49.90\n",
        "receipt\ttill\tshop\tdate\tamount\r\n7\t2\tMilano\t20/11/2026 10:31\t49.90\r\n",
        "SCONTRINO; Cassa ;Negozio;Data;Ora;Totale\n7;2;Milano;20/11/2026;10:31;49,90 €\n",
        '"receipt";"till";"shop";"date";"amount"\n"7";"2";"Milano";"20/11/2026 10:31:00";"€ 49,90"',
        "\n\nreceipt;till;shop;date;amount\n\n;;;;\n7;2;Milano;2026-11-20T09:31:00Z;49,90\n\n",
        '{"receipt": 7, "till": 2, "shop": "Milano", "date": "2026-11-20T10:31:00+01:00", "amount": 49.9}',
        '[{"receipt": "7", "till": "2", "shop": "Milano", "date": "20/11/2026 10:31", "amount": "49.90"}]',
    ],
)
def test_one_receipt_is_one_visit_however_a_till_writes(table: str) -> None:
    """Commas, semicolons, tabs, quotes, blank lines, Italian headings, JSON."""
    visit = seen(table)
    assert (visit.key, visit.kind, visit.direction) == ("Milano/2/7", "visit", "inbound")
    assert visit.at == datetime(2026, 11, 20, 9, 31, tzinfo=UTC)
    assert (visit.subject, visit.text) == ("Visit at Milano, till 2", "49.90 EUR")
    [file] = visit.attachments
    assert (file.kind, file.name, file.detail) == ("receipt", "7", "49.90 EUR")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "iso8859-15"])
def test_letters_are_read_in_the_encoding_of_the_settings(encoding: str) -> None:
    """With a byte order mark or without; in another encoding it is refused, not guessed."""
    table = "receipt;date;shop\n1;20/11/2026 10:00;Cefalù\n".encode(encoding)
    name = "utf-8-sig" if encoding == "utf-8" else encoding
    assert seen(table, encoding=name).subject == "Visit at Cefalù"
    if not encoding.startswith("utf"):
        with pytest.raises(MalformedError, match="encoding"):
            parsed(make(), table)


@pytest.mark.parametrize(
    ("written", "decimal", "amount"),
    [
        ("1.249,90", ",", "1249.90"),
        ("1249,9", ",", "1249.90"),
        ("-19,90", ",", "-19.90"),
        ("19,90-", ",", "-19.90"),
        ("1 249,90", ",", "1249.90"),
        ("7", ",", "7.00"),
        ("1.234.567", ",", "1234567.00"),
        ("0,1234", ",", "0.1234"),
        ("1,249.90", ".", "1249.90"),
        ("1249.90", ".", "1249.90"),
    ],
)
def test_amounts_are_exact(written: str, decimal: Any, amount: str) -> None:
    """Cents are no floats."""
    table = f'receipt|date|amount\n1|20/11/2026|"{written}"\n'
    assert seen(table, delimiter="|", decimal=decimal).text == f"{amount} EUR"


@pytest.mark.parametrize(
    ("written", "decimal"),
    [("49.90", ","), ("1,50", "."), ("12,34,56", ","), ("free", ","), ("NaN", "."), ("1e9", ".")],
)
def test_an_amount_that_could_be_another_is_not_guessed(written: str, decimal: Any) -> None:
    """49.90 where a comma stands before cents is not 4990."""
    table = f"receipt|date|amount\n1|20/11/2026|{written}\n"
    assert "amount" in unread(table, delimiter="|", decimal=decimal)


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("20/11/2026 10:31", datetime(2026, 11, 20, 9, 31, tzinfo=UTC)),
        ("20/07/2026 10:31", datetime(2026, 7, 20, 8, 31, tzinfo=UTC)),
        ("20/11/2026", datetime(2026, 11, 19, 23, 0, tzinfo=UTC)),
        ("2026-11-20T10:31:00-05:00", datetime(2026, 11, 20, 15, 31, tzinfo=UTC)),
        ("2026-11-20 10:31", datetime(2026, 11, 20, 9, 31, tzinfo=UTC)),
        ("29/03/2026 02:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("25/10/2026 02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_dates_are_the_tills_own_zone_unless_they_say_another(written: str, at: datetime) -> None:
    """Summer and winter, the hour that is not and the one that is twice."""
    assert seen(f"receipt;date\n1;{written}\n").at == at


def test_dates_are_read_by_the_formats_of_the_settings() -> None:
    """American, in another zone."""
    visit = seen(
        "receipt;date\n1;11/20/2026 10:31 PM\n", date_formats=("%m/%d/%Y %I:%M %p",), time_zone="America/New_York"
    )
    assert visit.at == datetime(2026, 11, 21, 3, 31, tzinfo=UTC)


@pytest.mark.parametrize("written", ["tomorrow", "31/02/2026", "20/11/0001 10:00", "11/20/2026", "20-11-26", ""])
def test_a_date_that_cannot_be_read_keeps_the_row(written: str) -> None:
    """It is read again when the settings are mended."""
    assert "date" in unread(f"receipt;date\n1;{written}\n")


def test_headings_of_the_settings_and_columns_that_are_left_out() -> None:
    """Another name for a column; one that means something else there."""
    table = "Nr;When;Type;Card\n1;20/11/2026;cash;29\n"
    columns = {"receipt": "nr", "date": "WHEN", "type": "", "loyalty": "Card"}
    visit = seen(table, columns=columns)
    assert visit.author.points == (ContactPoint("loyalty", "casa", "29"),)
    with pytest.raises(MalformedError, match=r"date.*columns\.date"):
        parsed(make(), table)
    with pytest.raises(MalformedError, match=r"receipt.*columns\.receipt"):
        parsed(make(), "Nr;Data\n1;20/11/2026\n")


def test_who_it_was_and_what_of_that_is_proven() -> None:
    """A card that was read is; what was typed at a till is not, unless the settings say so."""
    table = "receipt;date;loyalty;email;phone;name\n1;20/11/2026;29;anna@example.com;333 1112233;Anna\n"
    points = seen(table).author.points
    assert [(point.address, point.verified) for point in points] == [
        ("loyalty|casa|29", True),
        ("email||anna@example.com", False),
        ("phone||333 1112233", False),
    ]
    assert seen(table).author.name == "Anna"
    trusting = seen(table, trusts_loyalty=False, trusts_contacts=True).author.points
    assert [point.verified for point in trusting] == [False, True, True]


def test_a_visit_of_nobody_needs_no_personal_data() -> None:
    """Not even a name that stands alone."""
    for table in ("receipt;date\n1;20/11/2026\n", "receipt;date;name\n1;20/11/2026;Anna\n"):
        assert (seen(table).author.points, seen(table).author.name) == ((), None)


def test_how_long_and_what() -> None:
    """Minutes, items by name or number."""
    item = {"receipt": 1, "date": "20/11/2026", "minutes": 12.5, "items": ["Tazza", {"name": "Piatto"}, None]}
    visit = seen(json.dumps(item))
    assert (visit.duration, visit.text) == (timedelta(minutes=12, seconds=30), "Tazza, Piatto")
    assert seen(json.dumps({**item, "items": 1})).text == "1 item"
    assert "minutes" in unread(json.dumps({**item, "minutes": "long"}))


def test_a_refund_is_a_visit_that_names_the_first_and_a_void_takes_a_receipt_back() -> None:
    """Words of the settings, in either case."""
    head = "type;receipt;of;shop;till;date;amount\n"
    refund = seen(head + "Reso;9;7;Milano;1;20/11/2026;-4,00\n")
    assert (refund.key, refund.in_reply_to, refund.subject) == ("Milano/1/9", "Milano/1/7", "Refund at Milano, till 1")
    for row in (
        "void;9;7;Milano;1;20/11/2026;\n",
        "ANNULLO;;7;Milano;1;20/11/2026;\n",
        "void;7;;Milano;1;20/11/2026;\n",
    ):
        [void] = parsed(make(), head + row)
        assert isinstance(void, InteractionRemoved)
        assert (void.of, void.key) == ("Milano/1/7", "Milano/1/7:void")
    assert "type" in unread(head + "loan;9;;Milano;1;20/11/2026;\n")


def test_a_card_is_linked_to_a_receipt_or_to_a_person() -> None:
    """Who it was is told later; or who somebody is, without a visit."""
    head = "type;of;till;date;loyalty;email\n"
    [linked] = parsed(make(), head + "link;7;1;20/11/2026;29;\n")
    assert isinstance(linked, InteractionCompleted)
    assert linked.author is not None
    assert (linked.of, linked.author.points[0].address) == ("/1/7", "loyalty|casa|29")
    [person] = parsed(make(), head + "tessera;;;20/11/2026;29;anna@example.com\n")
    assert isinstance(person, PartyIdentified)
    assert [point.address for point in person.party.points] == ["loyalty|casa|29", "email||anna@example.com"]
    assert "card" in unread(head + "link;7;1;20/11/2026;;\n")


def test_numbers_that_begin_again_are_told_apart_by_day_or_year() -> None:
    """As the till's settings have it; the day is the shop's own."""
    for restart, key in (("never", "//7"), ("daily", "//2026-11-20/7"), ("yearly", "//2026/7")):
        assert seen("receipt;date\n7;20/11/2026 00:30\n", receipts_restart=restart).key == key


def test_shops_whose_names_hold_a_slash_are_two() -> None:
    """A/B, till C is not A, till B/C."""
    head = "receipt;date;shop;till\n"
    keys = {seen(head + row).key for row in ("7;20/11/2026;A/B;C\n", "7;20/11/2026;A;B/C\n")}
    assert len(keys) == 2


def test_a_broken_row_harms_no_other() -> None:
    """Too many columns, no receipt; a heading that comes twice is overlooked."""
    rows = (
        "1;1;M;20/11/2026;1,00;1;;\n2;1;M;20/11/2026;1;00;1;;;\n;1;M;20/11/2026;1,00;1;;\n"
        + HEAD
        + "4;1;M;20/11/2026;;;;\n"
    )
    found = parsed(make(), HEAD + rows)
    assert [type(event) for event in found] == [InteractionSeen, Unrecognised, Unrecognised, InteractionSeen]
    [_, (wide, none), _] = [found[0], found[1:3], found[3]]
    assert isinstance(wide, Unrecognised)
    assert isinstance(none, Unrecognised)
    assert (wide.what, none.what) == ("a row of 10 columns under 8 headings", "a row without the number of a receipt")


def test_a_table_without_rows_is_ignored_and_an_odd_list_is_kept() -> None:
    """Headings alone; a list of what is no receipt."""
    assert parsed(make(), HEAD) == [Ignored(reason="a table without rows")]
    assert parsed(make(), "[]") == [Ignored(reason="a table without rows")]
    assert [type(event) for event in parsed(make(), '[1, null, "x", {}]')] == [Unrecognised] * 4


@pytest.mark.parametrize("body", [b"", b"\n\n", b"\0", b"\xff\xfe", b"{", b"hello", b"receipt;amount\n1;2\n"])
def test_what_is_no_table_is_malformed(body: bytes) -> None:
    """Quarantined whole."""
    with pytest.raises(MalformedError):
        parsed(make(), body)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"encoding": "utf-16"}, "encoding"),
        ({"encoding": "klingon"}, "encoding"),
        ({"time_zone": "Europe/Roma"}, "time_zone"),
        ({"columns": {"reciept": "Nr"}}, "reciept"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any], said: str) -> None:
    """When they are read, with the name of the setting."""
    with pytest.raises(ValueError, match=said):
        Settings(**wrong)
