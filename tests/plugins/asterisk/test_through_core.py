"""The whole road: what an exchange tells ends as touches in the CRMs, and a call asked for there is made, once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crocevia import Message, Raw, Receipt
from crocevia.errors import OutcomeUnknownError
from crocevia.store import journal, open_store
from crocevia.store.tables import interactions
from crocevia.testing import FakeClock, MemoryChannel, MemoryCRM
from crocevia_asterisk import Asterisk
from crocevia_asterisk.ledger import Leaf, Ledger
from tests.core.conftest import Crossroads
from tests.plugins.asterisk.recording import five_calls
from tests.plugins.asterisk.story import inbound, make_settings, talk
from tests.plugins.asterisk.test_calls import originated

ADA = "+393331112233"


class Exchange(Asterisk):
    """The connector, with an exchange that takes orders in memory."""

    def __init__(self, **changed: Any) -> None:
        super().__init__(make_settings(internal="log", agents={"Anna Neri": "PJSIP/201"}, **changed), connection="pbx")
        self.ordered: list[Message] = []
        self.silent = False

    def send(self, message: Message) -> Receipt:
        """Keep the order; when silent, nobody says whether it was taken."""
        self.ordered.append(message)
        if self.silent:
            raise OutcomeUnknownError("pbx: Originate was sent and not answered")
        return Receipt(key=f"crocevia-{message.id}")


class Office(Crossroads):
    """A crossroads with an exchange."""

    exchange: Exchange

    def hear(self, *leaves: Leaf, times: int = 1) -> None:
        """Journal what was heard, as the listener does, each by itself, and settle."""
        now = self.clock.now()
        bodies = [json.dumps({"calls": [leaf]}).encode() for leaf in leaves for _ in range(times)]
        raws = [
            Raw(connection="pbx", kind="asterisk", body=body, received_at=now, source="stream", stream="listening")
            for body in bodies
        ]
        with self.store.writing() as transaction:
            journal.append(transaction, raws)
        self.settle()

    def calls(self) -> list[dict[str, Any]]:
        """The log's calls, oldest first, with what is rarely searched for."""
        rows = self.rows(interactions, kind="call")
        return [{**row, **json.loads(row["detail"])} for row in sorted(rows, key=lambda row: row["at"])]


@pytest.fixture
def office(tmp_path: Path, clock: FakeClock) -> Iterator[Office]:
    """With an empty store."""
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    made = Office(store, clock, MemoryChannel(clock=clock), MemoryCRM(clock=clock), MemoryCRM(clock=clock))
    made.exchange = Exchange()
    made.more["pbx"] = lambda: made.exchange
    made.start()
    yield made
    store.close()


@pytest.fixture
def clock() -> FakeClock:
    """A clock that moves only when told."""
    return FakeClock()


def test_five_recorded_calls_are_five_touches(office: Office) -> None:
    """One interaction a call, Ada's four at one profile, each once in each CRM; heard twice, they are no more."""
    settings = make_settings(internal="log", trunks=())
    ledger = Ledger.at(None, settings)
    leaves: list[Leaf] = []
    for told in five_calls().told():
        leaves.extend(ledger.sweep(told.at))
        leaves.extend(ledger.hear(told))
    leaves.extend(ledger.sweep(told.at + 1))
    office.hear(*leaves, times=2)
    calls = office.calls()
    assert [(call["direction"], call.get("outcome"), call.get("duration_s")) for call in calls] == [
        ("inbound", "answered", 2),
        ("inbound", "answered", 2),
        ("inbound", "busy", None),
        ("inbound", "missed", None),
        ("internal", "answered", 3),
    ]
    assert len({call["profile_id"] for call in calls[:4]}) == 1
    assert all(call["profile_id"] for call in calls)
    for crm in (office.a, office.b):
        keys = [touch["crocevia_key"] for touch in crm.records("Touch").values()]
        assert sorted(keys) == sorted(call["uid"] for call in calls)
    office.check()


def test_a_call_is_told_before_and_completed_after(office: Office) -> None:
    """Also when the end is read first."""
    story = talk(inbound(ADA)).hangup("1.2", "1.1").then(1)
    began, ended = story.leaves
    office.hear(ended)
    assert office.calls() == []
    office.hear(began)
    [call] = office.calls()
    assert (call["outcome"], call["duration_s"]) == ("answered", 30)
    [person] = office.a.records().values()
    assert "Anna Neri" in person.values()
    office.check()


def wanted(office: Office) -> Message:
    """Somebody who has spoken with the customer wants to call her from CRM `a`; what the exchange is asked."""
    office.hear(*talk(inbound(ADA)).hangup("1.2", "1.1").then(1).leaves)
    person = office.person_id(office.a)
    office.a.create("Touch", person=person, direction="outbound", status="to send", kind="call", author="Anna Neri")
    office.settle()
    [order] = office.exchange.ordered
    return order


def made(message: Message) -> list[Leaf]:
    """What the exchange tells of the call that it was asked for."""
    story = originated(answered=True).dialled("crocevia-u1", "1.2", "ANSWER").bridge("b", "1.2", "crocevia-u1")
    leaves = story.then(50).hangup("1.2", "crocevia-u1").then(1).leaves
    found: list[Leaf] = json.loads(json.dumps(leaves).replace("crocevia-u1", f"crocevia-{message.id}"))
    return found


def test_a_call_asked_for_in_a_crm_is_made_and_is_that_very_touch(office: Office) -> None:
    """It carries who wants it, and what becomes of it is told where it was asked for."""
    order = wanted(office)
    assert (order.kind, order.author, order.to.value) == ("call", "Anna Neri", ADA)
    office.hear(*made(order), times=2)
    [call] = [call for call in office.calls() if call["direction"] == "outbound"]
    assert (call["status"], call["outcome"], call["duration_s"]) == ("delivered", "answered", 50)
    assert [len(office.calls()), *(len(crm.records("Touch")) for crm in (office.a, office.b))] == [2, 2, 2]
    office.check()


def test_an_order_whose_answer_was_lost_is_settled_by_the_call_itself(office: Office) -> None:
    """It is parked, never repeated; the events carry our id."""
    office.exchange.silent = True
    order = wanted(office)
    assert office.books("pbx").commands.unknown == 1
    office.hear(*made(order))
    assert office.books("pbx").commands.unknown == 0
    assert len(office.exchange.ordered) == 1
    assert [call.get("outcome") for call in office.calls()] == ["answered", "answered"]


def test_an_answer_in_writing_does_not_ring_a_telephone(office: Office) -> None:
    """The customer called last, and somebody writes to her: no road carries that, and the record says so."""
    office.hear(*talk(inbound(ADA)).hangup("1.2", "1.1").then(1).leaves)
    person = office.person_id(office.a)
    office.a.create("Touch", person=person, direction="outbound", status="to send", text="Until seven.")
    office.settle()
    assert office.exchange.ordered == []
    assert [status for direction, _, status in office.touches(office.a) if direction == "outbound"] == ["failed"]
