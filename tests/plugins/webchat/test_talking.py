"""A visitor and an agent talk: what is written is kept, what is answered is shown, to him and nobody else."""

import json
import threading
import time
import uuid
from typing import Any

import pytest
import requests

from crocevia.store import conversations
from crocevia.store.tables import interactions, journal
from crocevia.sync.intake import take_in

from .conftest import Shop, eventually


def test_a_visitor_writes_an_agent_answers_in_the_crm_and_the_answer_is_there(shop: Shop) -> None:
    """The whole road, both ways, over HTTP and through the core."""
    ada = shop.caller()
    opened = ada.open(language="it")
    assert (opened["known"], opened["open"], opened["title"]) == (False, True, "The Shop")
    assert ada.write("Avete la taglia M?").status_code == 200
    shop.settle()
    assert ada.texts() == [("visitor", "Avete la taglia M?")]
    [person] = shop.crm.records()
    assert [(row["direction"], row["text"]) for row in shop.crm.records("Touch").values()] == [
        ("inbound", "Avete la taglia M?")
    ]
    shop.reply("Sì, due.")
    shop.settle()
    assert [(line["from"], line["text"]) for line in ada.look()] == [("company", "Sì, due.")]
    assert ada.texts() == [("visitor", "Avete la taglia M?"), ("company", "Sì, due.")]
    assert {row["status"] for row in shop.crm.records("Touch").values()} == {"received", "sent"}
    assert [row["person"] for row in shop.crm.records("Touch").values()] == [person, person]
    assert shop.books().balanced
    assert shop.books().quiet


def test_what_was_answered_200_is_on_disk(shop: Shop) -> None:
    """As posted, with what the server knows: the visitor, the site, its own time."""
    ada = shop.caller()
    ada.open()
    key = str(uuid.uuid4())
    answer = ada.write("Ciao 👋", key)
    assert answer.json() == {"key": f"{ada.visitor}:{key}", "open": True}
    [raw] = shop.rows(journal)
    told = json.loads(bytes(raw["body"]))
    assert told == {
        "events": [
            {
                "type": "message",
                "id": key,
                "text": "Ciao 👋",
                "site": "shop.example",
                "visitor": ada.visitor,
                "at": int(shop.clock.now().timestamp() * 1000),
            }
        ]
    }


def test_a_message_posted_again_is_the_same_one(shop: Shop) -> None:
    """The answer was lost; the widget posts it again under its own id."""
    ada = shop.caller()
    ada.open()
    key = str(uuid.uuid4())
    first, again = ada.write("Hello", key), ada.write("Hello", key.upper())
    assert first.json() == again.json()
    shop.settle()
    assert ada.texts() == [("visitor", "Hello")]
    assert (shop.books().incoming.received, shop.books().incoming.superseded) == (2, 1)


def test_an_id_is_a_visitors_own(shop: Shop) -> None:
    """Who uses another's id takes nothing away from him."""
    ada, eve = shop.caller(), shop.caller()
    key = str(uuid.uuid4())
    for caller, text in ((eve, "Eve's"), (ada, "Ada's")):
        caller.open()
        assert caller.write(text, key).status_code == 200
    shop.settle()
    assert (ada.texts(), eve.texts()) == ([("visitor", "Ada's")], [("visitor", "Eve's")])


def test_what_an_agent_offers_to_choose_from_is_shown_as_choices(shop: Shop) -> None:
    """As many as fit, with a subject; more than that became a numbered text, and that is what is shown."""
    ada = shop.caller()
    ada.open()
    ada.write("Hello")
    shop.settle()
    ada.look()
    shop.reply("Which one?", buttons="Red|r\nBlue", subject="Kettles")
    shop.settle()
    [line] = ada.look()
    assert (line["subject"], line["text"]) == ("Kettles", "Which one?")
    assert line["buttons"] == [{"title": "Red", "id": "r"}, {"title": "Blue", "id": "Blue"}]
    shop.reply("Which size?", buttons="\n".join(f"Size {number}" for number in range(11)))
    shop.settle()
    [line] = ada.look()
    assert line["text"].startswith("Which size?\n\n1. Size 0\n2. Size 1\n")
    assert "buttons" not in line


def test_notes_drafts_failures_and_other_conversations_are_never_shown(shop: Shop) -> None:
    """What an agent writes for his colleagues stays with them, also when it names the visitor's conversation."""
    ada, bob = shop.caller(), shop.caller()
    for caller in (ada, bob):
        caller.open()
        caller.write("Hello")
    shop.settle()
    person = next(id_ for id_, row in shop.crm.records("Touch").items() if row["conversation"] == ada.visitor)
    person = shop.crm.records("Touch")[person]["person"]
    named = {"person": person, "conversation": ada.visitor, "connection": "web", "channel": "webchat"}
    shop.crm.create("Touch", direction="internal", text="He is difficult", **named)
    shop.crm.create("Touch", direction="outbound", text="a draft", **named)
    shop.crm.create("Touch", direction="outbound", text="logged by hand", status="sent", message_id="x1", **named)
    shop.crm.create("Touch", direction="inbound", text="logged by hand", **named)
    shop.settle()
    texts = [row["text"] for row in shop.rows(interactions)]
    assert {"He is difficult", "a draft", "logged by hand"} <= set(texts)
    assert ada.texts() == [("visitor", "Hello")]
    shop.reply("For Ada", person)
    shop.settle()
    assert ada.texts() == [("visitor", "Hello"), ("company", "For Ada")]
    assert bob.texts() == [("visitor", "Hello")]


def test_a_reply_lands_with_its_addressee_whatever_conversation_the_record_names(shop: Shop) -> None:
    """A record that names another visitor's conversation shows nothing to that other one."""
    ada, bob = shop.caller(), shop.caller()
    for caller in (ada, bob):
        caller.open()
    ada.write("Hello")
    shop.settle()
    shop.reply("For Ada alone", conversation=bob.visitor)
    shop.settle()
    assert ada.texts() == [("visitor", "Hello"), ("company", "For Ada alone")]
    assert bob.texts() == []


def test_a_reply_that_was_written_first_and_sent_last_is_not_missed(shop: Shop) -> None:
    """Its row is older than the visitor's next line, which he has seen already."""
    ada = shop.caller()
    ada.open()
    ada.write("One")
    shop.settle()
    shop.reply("Answer to one")
    shop.lanes["crm"].poll_now()
    while shop.lanes["crm"].turn() == 0:
        pass
    ada.write("Two")
    assert [line["text"] for line in ada.look()] == ["One"]
    take_in_only(shop)
    assert [line["text"] for line in ada.look()] == ["Two"]
    shop.settle()
    assert [line["text"] for line in ada.look()] == ["One", "Answer to one", "Two"]
    assert ada.look() == []


def take_in_only(shop: Shop) -> None:
    """The lane reads what came, and sends nothing yet."""
    take_in(shop.world, shop.world.lives["web"])


def test_who_waits_hears_at_once(shop: Shop) -> None:
    """The answer is held back until there is something new; a note in between does not end the wait."""
    ada = shop.caller()
    ada.open()
    ada.write("Hello")
    shop.settle()
    ada.look()
    heard: list[Any] = []
    thread = threading.Thread(target=lambda: heard.append(ada.look(wait_s=20)))
    thread.start()
    eventually(lambda: len(shop.visitors.waiting))
    [person] = shop.crm.records()
    shop.crm.create("Touch", person=person, direction="internal", text="a note", conversation=ada.visitor)
    shop.settle()
    assert heard == []
    shop.reply("Here I am")
    shop.settle()
    thread.join(10)
    assert [[line["text"] for line in lines] for lines in heard] == [["Here I am"]]
    assert len(shop.visitors.waiting) == 0


def test_who_waits_for_nothing_is_told_so_in_time(shop: Shop) -> None:
    """Nothing new: an empty answer with the same cursor."""
    ada = shop.caller()
    ada.open()
    began = time.monotonic()
    assert ada.look(wait_s=1) == []
    assert 0.9 < time.monotonic() - began < 8


def test_a_server_that_stops_lets_those_go_who_wait(shop: Shop) -> None:
    """Within moments, not at the end of their time."""
    ada = shop.caller()
    ada.open()
    heard: list[Any] = []
    thread = threading.Thread(target=lambda: heard.append(ada.look(wait_s=25)))
    thread.start()
    eventually(lambda: len(shop.visitors.waiting))
    began = time.monotonic()
    shop.served.stop()
    thread.join(10)
    assert heard == [[]]
    assert time.monotonic() - began < 5


def test_who_goes_away_waits_no_more(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed tab leaves its place to another, and nobody looks for its news any more."""
    looked: list[str] = []
    read = conversations.lines

    def lines(connection: Any, names: Any, name: str, mine: Any) -> Any:
        looked.append(name)
        return read(connection, names, name, mine)

    monkeypatch.setattr(conversations, "lines", lines)
    ada = shop.caller()
    ada.open()
    known = {"authorization": f"Bearer {ada.token}"}
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{ada.url}/messages?wait=25", headers=known, timeout=0.3)
    eventually(lambda: len(shop.visitors.waiting) == 0)
    before = len(looked)
    shop.caller().open()
    assert (before, looked) == (1, ["web"])


@pytest.mark.parametrize("status", ["delivered", "read"])
def test_what_a_visitor_has_read_is_told_to_the_crm(shop: Shop, status: str) -> None:
    """The widget says so by the keys of the lines."""
    ada = shop.caller()
    ada.open()
    ada.write("Hello")
    shop.settle()
    shop.reply("Hello to you")
    shop.settle()
    key = ada.look()[-1]["key"]
    assert ada.call("POST", "statuses", {"status": status, "keys": [key]}).status_code == 200
    shop.settle()
    assert [row["status"] for row in shop.crm.records("Touch").values() if row["direction"] == "outbound"] == [status]
    assert ada.look() == []


def test_nobody_reads_for_another(shop: Shop) -> None:
    """Keys of lines that are not in his own conversation: nothing is kept."""
    ada, eve = shop.caller(), shop.caller()
    for caller in (ada, eve):
        caller.open()
        caller.write("Hello")
    shop.settle()
    person = next(row["person"] for row in shop.crm.records("Touch").values() if row["conversation"] == ada.visitor)
    shop.reply("For Ada", person)
    shop.settle()
    [theirs] = [line["key"] for line in ada.look() if line["from"] == "company"]
    before = len(shop.rows(journal))
    mine = eve.look()[0]["key"]
    for key in (theirs, mine, "no such key"):
        assert eve.call("POST", "statuses", {"status": "read", "keys": [key]}).status_code == 404
    assert len(shop.rows(journal)) == before


def test_what_waited_in_a_browser_keeps_its_time(shop: Shop) -> None:
    """By how long ago it was, whatever the visitor's clock says; never of the future, never older than a week."""
    ada = shop.caller()
    ada.open()
    now = shop.clock.now().timestamp() * 1_000_000
    for age_ms in (60_000, -5_000, 10**15, "soon", True, None):
        assert ada.write(f"{age_ms}", age_ms=age_ms).status_code == 200
    take_in_only(shop)
    ages = {row["text"]: round((now - row["at"]) / 1_000_000) for row in shop.rows(interactions)}
    assert ages == {"60000": 60, "-5000": 0, str(10**15): 7 * 86400, "soon": 0, "True": 0, "None": 0}
