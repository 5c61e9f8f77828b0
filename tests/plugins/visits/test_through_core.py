"""The whole road: receipts into the log, the profiles and the CRM."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crocevia import Connector
from crocevia.store.tables import interactions, profiles
from crocevia.testing import FakeClock
from tests.plugins.road import Hub
from tests.plugins.visits.conftest import HEAD, make, receipt

Plug = Callable[[Connector[Any]], Hub]


def shop(hub: Plug, **settings: Any) -> Hub:
    """A core with a shop."""
    return hub(make(FakeClock(), **settings))


def posted(*rows: dict[str, Any]) -> bytes:
    """A list, as a till posts it."""
    return json.dumps([{"shop": "Milano", "till": 1, "date": "20/11/2026 10:00", **row} for row in rows]).encode()


def test_one_card_is_one_customer_and_each_receipt_one_touch(hub: Plug) -> None:
    """However often a till sends them."""
    made = shop(hub)
    twice = posted({"receipt": 1, "amount": 5, "loyalty": "29"}, {"receipt": 2, "amount": 6, "loyalty": "29"})
    made.post(twice, twice)
    made.settle()
    assert [text for _, text, _ in made.touches()] == ["5.00 EUR", "6.00 EUR"]
    assert len(made.crm.records()) == 1
    assert len(made.rows(profiles)) == 1


def test_visits_of_nobody_are_in_the_log_and_fill_no_crm(hub: Plug) -> None:
    """A thousand receipts without a card would be a thousand customers without a name."""
    made = shop(hub)
    made.post(posted(*({"receipt": number, "amount": 5} for number in range(5))))
    made.settle()
    assert len(made.rows(interactions)) == 5
    assert (made.crm.records(), made.crm.records("Touch")) == ({}, {})


def test_a_card_that_is_linked_later_brings_the_visit_to_its_customer(hub: Plug) -> None:
    """To who has the card already, or to somebody new; the CRM has the visit then."""
    made = shop(hub)
    made.post(
        posted({"receipt": 1, "amount": 5, "loyalty": "29"}, {"receipt": 2, "amount": 6}, {"receipt": 3, "amount": 7})
    )
    made.settle()
    assert len(made.crm.records("Touch")) == 1
    made.post(posted({"type": "link", "of": 2, "loyalty": "29"}, {"type": "link", "of": 3, "loyalty": "30"}))
    made.settle()
    assert [text for _, text, _ in made.touches()] == ["5.00 EUR", "6.00 EUR", "7.00 EUR"]
    of = sorted(row["person"] for row in made.crm.records("Touch").values())
    assert len(set(of)) == 2
    assert len(made.crm.records()) == 2


def test_a_receipt_taken_back_is_removed_also_where_that_is_told_first(hub: Plug) -> None:
    """The log keeps that it was, not what was bought."""
    made = shop(hub)
    made.post(posted({"type": "void", "of": 1}))
    made.settle()
    made.post(posted({"receipt": 1, "amount": 5, "items": "Tazza", "loyalty": "29"}))
    made.settle()
    [row] = made.rows(interactions)
    assert (bool(row["removed"]), row["text"]) == (True, None)


def test_an_address_that_was_typed_at_a_till_takes_over_nobody(hub: Plug) -> None:
    """Two cards that give one e-mail address stay two customers."""
    made = shop(hub)
    for number, card in ((1, "29"), (2, "30")):
        made.post(posted({"receipt": number, "amount": 5, "loyalty": card, "email": "anna@example.com"}))
        made.settle()
    assert len(made.crm.records()) == 2


def test_a_file_is_read_by_the_daemon_each_receipt_once(hub: Plug, tmp_path: Path) -> None:
    """By the lane's own polls; a file that was written anew with old and new receipts tells the new ones."""
    path = tmp_path / "till.csv"
    path.write_text(HEAD + receipt(1, "5,00", "29"))
    made = shop(hub, files=tmp_path / "*.csv")
    made.settle()
    path.write_text(HEAD + receipt(2, "6,00", "29") + receipt(1, "5,00", "29"))
    made.settle()
    assert [text for _, text, _ in made.touches()] == ["5.00 EUR, 1 item", "6.00 EUR, 1 item"]
