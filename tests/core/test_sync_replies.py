"""Replies: to the address where the customer writes, and a person's word where nobody knows whether one went."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from crocevia.cli import main
from crocevia.store import dead
from crocevia.sync.replay import replay
from crocevia.testing import FaultPoints, KilledError
from crocevia.testing.memory_channel import MemoryChannelConnector
from tests.core.conftest import Crossroads

_KILLED = ("send.claimed", "send.called")


@pytest.fixture
def by_phone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The channel sends to phone numbers, as WhatsApp and SMS do."""
    monkeypatch.setattr(MemoryChannelConnector, "address_kinds", lambda _: ("phone",))


def answer(crossroads: Crossroads, text: str = "Until seven.") -> str:
    """Answer the one customer from CRM `a`; return the record."""
    person = crossroads.person_id(crossroads.a)
    return crossroads.a.create("Touch", person=person, direction="outbound", status="to send", text=text)


@pytest.mark.usefixtures("by_phone")
def test_a_number_that_a_person_typed_is_not_written_to(crossroads: Crossroads) -> None:
    """He corrects the mobile number in the CRM; the answer goes to where the customer wrote from all the same."""
    crossroads.chat.write("ada", "Open today?", name="Ada Lovelace", phone="+393331234567")
    crossroads.settle()
    crossroads.clock.advance(60)
    crossroads.a.edit(crossroads.person_id(crossroads.a), mobile="351 987 6543")
    crossroads.settle()
    answer(crossroads)
    crossroads.settle()
    assert [message.to.value for message in crossroads.chat.sent] == ["+393331234567"]
    crossroads.check()


@pytest.mark.usefixtures("by_phone")
def test_an_answer_goes_to_the_number_that_the_customer_wrote_from_last(crossroads: Crossroads) -> None:
    """Of two that are both proven."""
    crossroads.chat.write("ada", "Hello", name="Ada Lovelace", phone="+393331234567")
    crossroads.settle()
    crossroads.clock.advance(60)
    crossroads.chat.write("ada", "My new number", name="Ada Lovelace", phone="+393517654321")
    crossroads.settle()
    answer(crossroads)
    crossroads.settle()
    assert [message.to.value for message in crossroads.chat.sent] == ["+393517654321"]


def interrupted(crossroads: Crossroads, place: str) -> None:
    """An answer during whose sending the daemon is killed; then another one runs."""
    crossroads.chat.write("ada", "Open today?", name="Ada Lovelace", phone="+393331234567")
    crossroads.settle()
    answer(crossroads)
    with FaultPoints() as points:
        points.kill(place)
        with pytest.raises(KilledError):
            crossroads.settle()
    crossroads.start()
    crossroads.settle()


@pytest.mark.parametrize("place", _KILLED)
def test_an_interrupted_send_is_parked_and_a_letter_asks_for_a_person(crossroads: Crossroads, place: str) -> None:
    """It is not repeated, whether it went or not, and the letter names the message."""
    interrupted(crossroads, place)
    with crossroads.store.reading() as connection:
        [letter] = dead.listed(connection)
    assert crossroads.books("chat").commands.unknown == 1
    assert len(crossroads.chat.sent) == (place == "send.called")
    assert (letter["what"], letter["error"]) == ("command", "OutcomeUnknownError")
    assert "i" + letter["message"].split("message i")[1][:26] in {
        row["crocevia_key"] for row in crossroads.a.records("Touch").values()
    }


def test_a_status_settles_it_and_the_letter_is_closed(crossroads: Crossroads) -> None:
    """The channel hands our id back."""
    interrupted(crossroads, "send.called")
    [message] = crossroads.chat.sent
    crossroads.chat.report("m-went", "delivered", callback=message.id)
    crossroads.settle()
    with crossroads.store.reading() as connection:
        assert dead.listed(connection) == []
    assert crossroads.books("chat").commands.unknown == 0
    assert [status for direction, _, status in crossroads.touches(crossroads.a) if direction == "outbound"] == [
        "delivered"
    ]


def test_what_never_went_is_sent_when_a_person_says_so(crossroads: Crossroads) -> None:
    """Under its first id, once."""
    interrupted(crossroads, "send.claimed")
    with crossroads.store.reading() as connection:
        letters = dead.listed(connection)
    replay(crossroads.store, letters)
    crossroads.settle()
    assert [message.text for message in crossroads.chat.sent] == ["Until seven."]
    crossroads.check()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_replaying_everything_leaves_out_what_may_have_gone(
    crossroads: Crossroads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its own id, named, sends it again; the command line is the same on each database."""
    interrupted(crossroads, "send.claimed")
    settings = tmp_path / "crocevia.toml"
    settings.write_text(f'[crocevia]\nstore = "{crossroads.store.url}"\n')

    def run(*words: str) -> str:
        return CliRunner().invoke(main, ["--settings", str(settings), "dead", *words]).stdout

    [letter] = json.loads(run("list", "--json"))
    assert run("replay", "--all", "--yes") == "0 queued again\n"
    assert run("replay", str(letter["id"]), "--yes") == "1 queued again\n"


def test_a_customers_record_found_by_our_key_frees_what_waited_for_it(crossroads: Crossroads) -> None:
    """The create was made and its answer lost; the message waits for the record, which the next pull finds."""
    crossroads.settle()
    crossroads.a.trouble.lose_answer()
    crossroads.chat.write("ada", "Hello", name="Ada Lovelace", phone="+393331234567")
    crossroads.settle()
    assert crossroads.touches(crossroads.a) == [("inbound", "Hello", "received")]
    crossroads.check()
