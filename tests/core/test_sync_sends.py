"""Sends: order within a conversation, echoes, drafts, and what is announced of them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from crocevia import ContactPoint, InteractionSeen, Party, StatusReported
from crocevia.errors import RetryableError
from crocevia.model import Message, Receipt
from crocevia.store.tables import commands, interactions
from crocevia.testing import FaultPoints, KilledError, MemoryChannel
from tests.core.conftest import Crossroads, Script, scripted

SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
PHONES = {"ada": "+393331234567", "bob": "+393331234568"}


@pytest.fixture
def met(crossroads: Crossroads) -> Crossroads:
    """Ada and Bob have written, and stand in both CRMs."""
    crossroads.chat = MemoryChannel(clock=crossroads.clock, reports=())
    for who, phone in PHONES.items():
        crossroads.chat.write(who, "Hello", name=who.title(), phone=phone)
    crossroads.settle()
    return crossroads


def answer(crossroads: Crossroads, who: str, text: str, status: str | None = "to send", **more: Any) -> str:
    """Somebody writes an answer in A; the id of the record."""
    person = next(id_ for id_, row in crossroads.a.records().items() if row["last"] == who.title())
    made = crossroads.a.create("Touch", person=person, direction="outbound", text=text, status=status, **more)
    crossroads.turn("a")
    return made


def sent(crossroads: Crossroads) -> list[str | None]:
    """The texts that went out."""
    return [message.text for message in crossroads.chat.sent]


def taking(crossroads: Crossroads, first: Callable[[Message], object]) -> None:
    """Something happens before the channel takes each message; what it raises, the channel answers."""
    cls: Any = type(crossroads.world.lives["chat"].connector)  # of this test's channel alone
    take = cls.send

    def send(self: Any, message: Message) -> Receipt:
        first(message)
        receipt: Receipt = take(self, message)
        return receipt

    cls.send = send


def failing(crossroads: Crossroads, when: Callable[[Message], bool]) -> None:
    """The channel fails these messages, with nothing sent."""

    def fail(message: Message) -> None:
        if when(message):
            raise RetryableError("the channel is in trouble")

    taking(crossroads, fail)


# --- order


def test_a_retried_answer_is_not_overtaken_in_its_conversation_and_holds_up_no_other(met: Crossroads) -> None:
    """Ada's second waits behind her first; Bob's goes."""
    first = {"failing": True}
    failing(met, lambda message: bool(message.text == "one" and first["failing"]))
    for who, text in (("ada", "one"), ("ada", "two"), ("bob", "hi")):
        answer(met, who, text)
    for _ in range(6):
        met.turn("chat")
        met.clock.advance(2)
    assert sent(met) == ["hi"]
    first["failing"] = False
    for _ in range(8):
        met.clock.advance(60)
        met.turn("chat")
    assert sent(met) == ["hi", "one", "two"]
    met.settle()
    met.check()


@SQLITE
def test_an_answer_that_never_goes_does_not_hold_up_the_others_for_ever(met: Crossroads) -> None:
    """After some minutes of tries of its own the next one goes."""
    failing(met, lambda message: message.text == "one")
    answer(met, "ada", "one")
    answer(met, "ada", "two")
    for number in range(30):
        met.turn("chat")
        if number % 2:
            answer(met, "bob", f"hi {number}")  # the channel is well
        met.clock.advance(60)
        if "two" in sent(met):
            break
    assert "two" in sent(met)
    first = met.rows(commands)[0]
    assert (first["state"], 8 <= first["attempts"] <= 12) == ("pending", True)


@SQLITE
def test_an_outage_of_the_channel_leaves_the_order_as_it_was(met: Crossroads) -> None:
    """Half an hour of failures, each conversation asked in turn; then all goes out, in order, few calls wasted."""
    down = {"is": True}
    calls: list[str | None] = []

    def is_down(message: Message) -> bool:
        calls.append(message.text)
        return down["is"]

    failing(met, is_down)
    texts = {"ada": ["a1", "a2", "a3"], "bob": ["b1", "b2"]}
    for who, some in texts.items():
        for text in some:
            answer(met, who, text)
    for _ in range(180):
        met.turn("chat")
        met.clock.advance(10)
    assert sent(met) == []
    assert len(calls) <= 25
    down["is"] = False
    for _ in range(40):
        met.turn("chat")
        met.clock.advance(20)
    assert [text for text in sent(met) if text in texts["ada"]] == texts["ada"]
    assert [text for text in sent(met) if text in texts["bob"]] == texts["bob"]
    assert {row["state"] for row in met.rows(commands)} == {"done"}


# --- echoes


class Echoing(Script):
    """A channel that shows our own messages, and hands the id of a send back later, in a status."""

    kind = "echoing"
    lost = True

    def send(self, message: Message) -> Receipt:
        """It goes, and the answer is lost."""
        raise KilledError


@pytest.mark.parametrize("order", ["echo first", "status first"])
@pytest.mark.parametrize("same", [True, False], ids=["our words", "other words"])
def test_an_echo_before_the_status_is_the_same_message(
    crossroads: Crossroads,
    order: str,
    same: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Killed during the send; the channel shows the message and then says what became of it: one interaction."""
    crossroads.more["script"] = lambda: Echoing(Script.settings_type()(), connection="script")
    crossroads.settle()
    ada = Party([ContactPoint("phone", "", PHONES["ada"])], name="Ada")
    seen = InteractionSeen(key="m1", author=ada, at=crossroads.clock.now(), text="Hello", conversation="c1")
    crossroads.post(scripted(seen), connection="script")
    crossroads.settle()
    [person] = crossroads.a.records()
    crossroads.a.create("Touch", person=person, direction="outbound", text="Hi Ada", status="to send")
    crossroads.turn("a")
    with pytest.raises(KilledError):
        crossroads.turn("script")
    crossroads.start()
    [command] = crossroads.rows(commands)
    echo = InteractionSeen(
        key="o1",
        author=Party(),
        recipients=[ada],
        at=crossroads.clock.now(),
        direction="outbound",
        text="Hi Ada" if same else "Typed on the telephone",
        conversation="c1",
        status="sent",
    )
    key = "o1" if same else "o2"
    status = StatusReported(of=key, status="delivered", at=crossroads.clock.now(), callback=command["uid"])
    told: list[Any] = [echo, status] if order == "echo first" else [status, echo]
    for event in told:
        crossroads.post(scripted(event), connection="script")
        crossroads.settle()
    found = crossroads.rows(interactions, direction="outbound")
    assert [(row["text"], row["status"]) for row in found] == [
        ("Hi Ada", "delivered"),
        *([] if same else [("Typed on the telephone", "sent")]),
    ]
    assert [row["state"] for row in crossroads.rows(commands)] == ["done"]
    assert len(crossroads.b.records("Touch")) == 1 + len(found)
    crossroads.check()


# --- drafts


def test_a_draft_that_is_set_to_be_sent_later_goes_out_as_it_is_then(met: Crossroads) -> None:
    """Its author changes it as he likes before; B shows each version; it is sent once."""
    draft = answer(met, "ada", "Dear Ada", status=None)
    met.settle()
    assert sent(met) == []
    met.clock.advance(60)
    met.a.edit(draft, text="Dear Ada, tomorrow")
    met.settle()
    assert met.a.record(draft)["text"] == "Dear Ada, tomorrow"
    assert "Dear Ada, tomorrow" in [row["text"] for row in met.b.records("Touch").values()]
    met.clock.advance(60)
    met.a.edit(draft, text="Dear Ada, tomorrow at nine", status="to send")
    met.settle()
    assert sent(met) == ["Dear Ada, tomorrow at nine"]
    assert met.a.record(draft)["status"] == "sent"
    met.clock.advance(60)
    met.a.edit(draft, text="forged afterwards")
    met.settle()
    assert met.a.record(draft)["text"] == "Dear Ada, tomorrow at nine"
    assert sent(met) == ["Dear Ada, tomorrow at nine"]
    met.check()


@SQLITE
def test_what_came_in_is_never_sent_out_by_an_edit(met: Crossroads) -> None:
    """A customer's message that somebody sets to be sent stays what it is, and so does an answer made elsewhere."""
    mine = next(iter(met.a.records("Touch")))
    met.a.edit(mine, direction="outbound", status="to send")
    met.settle()
    theirs = answer(met, "ada", "from A")
    met.settle()
    other = next(id_ for id_, row in met.b.records("Touch").items() if row["text"] == "from A")
    met.b.edit(other, status="to send")
    met.settle()
    assert sent(met) == ["from A"]
    assert met.a.record(mine)["direction"] == "inbound"
    assert met.a.record(theirs)["status"] == "sent"


# --- announcements


def test_what_is_born_in_a_crm_and_what_becomes_of_a_send_is_announced(crossroads: Crossroads) -> None:
    """A note, an answer that goes, one that is refused, and one that is settled by its echo."""
    told: list[tuple[str, str, str | None]] = []

    def crocevia_interaction_logged(connection: str, event: Any) -> None:
        told.append((connection, event.tag, getattr(event, "status", None)))

    crossroads.hooks["ears"] = {"crocevia_interaction_logged": _hookimpl(crocevia_interaction_logged)}
    crossroads.chat = MemoryChannel(clock=crossroads.clock, reports=(), max_text=10)
    crossroads.chat.write("ada", "Hello", name="Ada", phone=PHONES["ada"])
    crossroads.settle()
    told.clear()
    [person] = crossroads.a.records()
    crossroads.a.create("Touch", person=person, direction="internal", text="A note")
    crossroads.settle()
    for text in ("Hi", "far too long for this channel " * 4):
        crossroads.a.create("Touch", person=person, direction="outbound", text=text, status="to send")
        crossroads.settle()
    assert told == [
        ("a", "interaction seen", None),
        ("a", "interaction seen", "sending"),
        ("chat", "status reported", "sent"),
        ("a", "interaction seen", "sending"),
        ("chat", "status reported", "failed"),
    ]


def _hookimpl(function: Any) -> Any:
    from crocevia import hookimpl  # noqa: PLC0415 - its name is used once

    return hookimpl(function)


@SQLITE
def test_a_slow_channel_ends_its_turn_and_goes_on_in_the_next(met: Crossroads) -> None:
    """Ten seconds at a time: input is taken in between."""
    for number in range(6):
        met.chat.write(f"p{number}", "Hello", name=f"P{number}")
    met.settle()
    for number in range(6):
        answer(met, f"p{number}", f"{number}")
    taking(met, lambda _: met.clock.advance(timedelta(seconds=4)))
    assert met.lanes["chat"].turn() == 0
    assert len(sent(met)) == 3
    met.turn("chat")
    assert len(sent(met)) == 6


@SQLITE
def test_a_command_claimed_by_the_dead_is_parked_once(met: Crossroads) -> None:
    """Killed after the claim: unknown; the thread goes on with the next."""
    answer(met, "ada", "one")
    answer(met, "ada", "two")
    with FaultPoints() as points:
        points.kill("send.claimed")
        with pytest.raises(KilledError):
            met.turn("chat")
    met.start()
    met.settle()
    assert [row["state"] for row in met.rows(commands)] == ["unknown", "done"]
    assert sent(met) == ["two"]
    assert evolve(met.books("chat").commands, wanted=2) == met.books("chat").commands
