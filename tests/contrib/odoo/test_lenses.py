from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crocevia_odoo.html import clean, to_html, to_text
from crocevia_odoo.lenses import Author, Body, Heading, Language, Origin, is_customer
from crocevia_odoo.numbers import says

CONTACT = {"active": True, "type": "contact", "partner_share": True, "own_company": False}


@pytest.mark.parametrize(
    ("change", "customer"),
    [
        ({}, True),
        ({"type": None}, True),
        ({"active": False}, False),
        ({"type": "delivery"}, False),
        ({"partner_share": False}, False),
        ({"own_company": True}, False),
    ],
)
def test_customers_are_told_from_other_contacts(change: dict[str, Any], customer: bool) -> None:  # noqa: FBT001 - a case
    """Archived ones, addresses, colleagues and the company itself are none."""
    assert is_customer({**CONTACT, **change}) == customer


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("it", "it_IT"),
        ("it-IT", "it_IT"),
        ("pt-BR", "pt_BR"),
        ("pt-PT", "pt_BR"),
        ("sr-x-latin", "sr@latin"),
        ("en", "en_GB"),
    ],
)
def test_a_language_is_the_closest_that_is_switched_on(tag: str, code: str) -> None:
    """One that has none near is not written, and a cleared one is."""
    lens = Language(name="language", field="lang", known=("en_GB", "it_IT", "pt_BR", "sr@latin"))

    assert lens.encode({"language": tag}) == {"lang": code}
    assert lens.encode({"language": "tlh"}) == lens.encode({}) == {}
    assert lens.encode({"language": None}) == {"lang": None}
    assert lens.decode({"lang": code}, {"language": tag}) == {}


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(st.text(max_size=40))
def test_a_text_is_read_as_it_was_written(text: str) -> None:
    """Lines and words; blanks at their ends and between them are how HTML has them."""
    lines = [" ".join(line.split()) for line in clean(text).split("\n")]
    assert to_text(to_html(text)) == "\n".join(lines).strip("\n")


def test_what_a_person_wrote_is_read_without_its_looks() -> None:
    """An image alone has no text, and is not written over for that."""
    html = "<div>Dear <i>all</i>,<ul><li>one</li><li>two &amp; three</li></ul><style>p {}</style></div>"
    lens = Body(direction="to crm")

    assert to_text(html) == "Dear all,\none\ntwo & three"
    assert lens.read({"body": html}, {}) == {"text": "Dear all,\none\ntwo & three"}
    assert lens.same("body", '<p><img src="/web/image/1"></p>', None)
    assert lens.encode({"text": "Hi", "attachments": "image photo.jpg"}) == {"body": "<p>Hi</p><p>image photo.jpg</p>"}
    assert lens.encode({"text": None}) == {"body": None}


def test_a_heading_says_how_a_message_fares() -> None:
    """Of what came over a channel; what was born in a CRM keeps its own."""
    lens = Heading(direction="to crm")
    call = {"channel": "asterisk", "kind": "call", "direction": "inbound", "duration_s": 63, "status": "received"}
    sent = {"channel": "mail", "kind": "email", "direction": "outbound", "subject": "Order\n12", "status": "failed"}

    assert lens.encode(call) == {"subject": "asterisk call, inbound (63 s)"}
    assert lens.encode({**sent, "status_detail": "no such box"}) == {
        "subject": "mail email, outbound: Order 12 (failed, no such box)"
    }
    assert lens.encode({"subject": "Re: quote", "kind": "email", "direction": "inbound"}) == {"subject": "Re: quote"}
    assert lens.read({"subject": "Re: quote"}, {}) == {"subject": "Re: quote"}


def test_what_was_born_in_odoo_is_a_note_or_a_mail() -> None:
    """It is never something to be sent; only what came in over a channel is shown as the customer's."""
    origin, author = Origin(), Author(direction="to crm")

    assert origin.read({"message_type": "comment", "author_id": "3", "res_id": "8"}, {}) == {
        "kind": "note",
        "direction": "internal",
    }
    assert origin.read({"message_type": "email", "author_id": "8", "res_id": "8"}, {})["direction"] == "inbound"
    assert origin.read({"message_type": "email", "author_id": None, "res_id": None}, {})["direction"] == "internal"
    assert author.encode({"profile": "8", "direction": "inbound", "channel": "whatsapp"}) == {"author_id": "8"}
    assert author.encode({"profile": "8", "direction": "inbound"}) == {}
    assert author.encode({"profile": "8", "direction": "outbound", "channel": "whatsapp"}) == {}


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("011 562 1234", True),
        ("+39 011 562 1234", True),
        ("0039 011 5621234", True),
        ("562 1234", True),
        ("21234", False),
        ("+1 011 562 1234", False),
        ("011 562 1235", False),
        ("", False),
    ],
)
def test_a_number_is_known_however_it_was_typed(written: str, same: bool) -> None:  # noqa: FBT001 - a case
    """With its country it must be the same; without, it ends alike and is no extension."""
    assert says(written, "+390115621234") == same
