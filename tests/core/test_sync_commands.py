"""Answers born in a CRM: each goes to the customer once, and what became of it stands on the record."""

from datetime import timedelta
from typing import Any

import pytest

from crocevia import hookimpl
from crocevia.errors import AuthError, OutcomeUnknownError, RejectedError, RetryableError, UndeliverableError
from crocevia.store import dead
from crocevia.store.tables import commands, interactions
from crocevia.sync.replay import replay
from crocevia.testing import FaultPoints, KilledError, MemoryChannel
from tests.core.conftest import Crossroads


def meet(crossroads: Crossroads, **channel: Any) -> None:
    """Ada has written, and stands in both CRMs."""
    crossroads.chat = MemoryChannel(clock=crossroads.clock, **channel)
    crossroads.chat.write("ada", "Hello", name="Ada", phone="+393331234567")
    crossroads.settle()


def answer(crossroads: Crossroads, text: str | None = "Hi Ada!", **values: Any) -> str:
    """Somebody answers in A; the id of the record."""
    person = crossroads.person_id(crossroads.a)
    return crossroads.a.create(
        "Touch", **{"person": person, "direction": "outbound", "status": "to send", "text": text, **values}
    )


def told(crossroads: Crossroads, id_: str) -> tuple[Any, Any]:
    """Status and reason on the record in A."""
    record = crossroads.a.record(id_)
    return record["status"], record["status_detail"]


def sent(crossroads: Crossroads) -> list[str | None]:
    """What went out."""
    return [message.text for message in crossroads.chat.sent]


def states(crossroads: Crossroads) -> list[str]:
    """Of the commands, oldest first."""
    return [row["state"] for row in crossroads.rows(commands)]


def test_an_answer_goes_out_once_and_its_statuses_come_back_to_both_crms(crossroads: Crossroads) -> None:
    """It is one interaction, in A under its own id, in B as a record of its own, with the channel's id on it."""
    meet(crossroads, reports=("sent", "delivered", "read"))
    mine = answer(crossroads)
    crossroads.settle()
    assert sent(crossroads) == ["Hi Ada!"]
    [message] = crossroads.chat.sent
    assert (message.to.value, message.conversation) == ("ada", "ada")
    assert told(crossroads, mine) == ("read", None)
    for crm in (crossroads.a, crossroads.b):
        assert crossroads.touches(crm) == [("inbound", "Hello", "received"), ("outbound", "Hi Ada!", "read")]
    [record] = [row for row in crossroads.b.records("Touch").values() if row["direction"] == "outbound"]
    assert record["message_id"] == crossroads.a.record(mine)["message_id"] == "o2"
    crossroads.check()


@pytest.mark.parametrize(
    ("channel", "text", "reason"),
    [
        ({"reply_window": timedelta(hours=24)}, "Hi!", "the customer has not written in the last 24 hours"),
        ({"max_text": 5}, "much too long " * 5, "the text is longer than 10 messages of 5 characters"),
        ({}, None, "an empty message"),
    ],
)
def test_what_the_channel_cannot_carry_is_refused_before_it_is_sent(
    crossroads: Crossroads, channel: dict[str, Any], text: str | None, reason: str
) -> None:
    """The record says failed, and why."""
    meet(crossroads, **channel)
    crossroads.clock.advance(timedelta(hours=25))
    mine = answer(crossroads, text)
    crossroads.settle()
    status, detail = told(crossroads, mine)
    assert status == "failed"
    assert detail.startswith(reason)
    assert sent(crossroads) == []
    assert states(crossroads) == ["refused"]
    crossroads.check()


def test_a_window_that_the_customer_opened_again_is_open(crossroads: Crossroads) -> None:
    """One minute after his message."""
    meet(crossroads, reply_window=timedelta(hours=24))
    crossroads.clock.advance(timedelta(hours=30))
    crossroads.chat.write("ada", "Still there?")
    crossroads.settle()
    answer(crossroads)
    crossroads.settle()
    assert sent(crossroads) == ["Hi Ada!"]


@pytest.mark.parametrize(
    ("error", "state", "detail"),
    [
        (UndeliverableError("opted out", code="131050"), "refused", "refused by the channel (131050)"),
        (RejectedError("bad", code="100"), "dead", "refused by the channel (100)"),
    ],
)
def test_a_refusal_by_the_channel_is_final_and_stands_on_the_record(
    crossroads: Crossroads, error: Exception, state: str, detail: str
) -> None:
    """With its code; nothing is tried again by itself."""
    meet(crossroads)
    crossroads.chat.fail(error)  # type: ignore[arg-type]  # both are remote errors
    mine = answer(crossroads)
    crossroads.settle()
    assert told(crossroads, mine) == ("failed", detail)
    assert states(crossroads) == [state]
    assert sent(crossroads) == []
    crossroads.check()


@pytest.mark.parametrize(
    "error", [RetryableError("down"), AuthError("void"), RetryableError("later", after=timedelta(minutes=2))], ids=repr
)
def test_what_surely_did_not_go_is_sent_later_once(crossroads: Crossroads, error: Any) -> None:
    """And then the record says sent."""
    meet(crossroads)
    crossroads.chat.fail(error, times=3)
    mine = answer(crossroads)
    crossroads.settle()
    assert sent(crossroads) == ["Hi Ada!"]
    assert told(crossroads, mine) == ("sent", None)
    crossroads.check()


def test_throttling_holds_up_the_rest_and_keeps_the_order(crossroads: Crossroads) -> None:
    """The second answer does not overtake the first."""
    meet(crossroads)
    crossroads.chat.throttle(after=timedelta(seconds=50), times=2)
    answer(crossroads, "one")
    crossroads.settle()
    answer(crossroads, "two")
    crossroads.settle()
    assert sent(crossroads) == ["one", "two"]
    assert [row["attempts"] for row in crossroads.rows(commands)] == [0, 0]


def test_an_answer_whose_fate_is_unknown_is_parked_and_settled_by_its_status(crossroads: Crossroads) -> None:
    """The message went, the answer was lost; the channel's callback tells it."""
    meet(crossroads)
    crossroads.chat.lose_answer()
    mine = answer(crossroads)
    crossroads.settle()
    assert states(crossroads) == ["unknown"]
    assert crossroads.books("chat").commands.unknown == 1
    crossroads.chat.report("o6", "delivered", callback=crossroads.chat.sent[0].id)
    crossroads.settle()
    assert states(crossroads) == ["done"]
    assert told(crossroads, mine) == ("delivered", None)
    assert sent(crossroads) == ["Hi Ada!"]
    with crossroads.store.reading() as connection:
        assert dead.listed(connection) == [], "nobody has to look at it any more"
    crossroads.check()


def test_an_unknown_one_is_never_repeated_by_itself_but_by_a_person(crossroads: Crossroads) -> None:
    """`dead replay` is his word that it did not go; it goes under its first id."""
    meet(crossroads)
    crossroads.chat.fail(OutcomeUnknownError("no answer"))
    answer(crossroads)
    crossroads.settle()
    crossroads.start()
    crossroads.settle()
    assert sent(crossroads) == []
    [command] = crossroads.rows(commands)
    with crossroads.store.reading() as connection:
        letters = dead.listed(connection, "chat")
    assert [letter["what"] for letter in letters] == ["command"]
    replay(crossroads.store, letters)
    crossroads.settle()
    assert [message.id for message in crossroads.chat.sent] == [command["uid"]]
    crossroads.check()


@pytest.mark.parametrize("callbacks", [True, False])
@pytest.mark.parametrize("point", ["send.claimed", "send.called", "send.before_record", "send.recorded"])
def test_an_answer_is_never_sent_twice_whenever_we_are_killed(
    crossroads: Crossroads,
    point: str,
    callbacks: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Whether the channel hands our id back or not: where it does, what went is known to have gone."""
    meet(crossroads, reports=("sent",) if callbacks else ())
    mine = answer(crossroads)
    with FaultPoints() as points:
        points.kill(point)
        with pytest.raises(KilledError):
            crossroads.settle()
    crossroads.start()
    crossroads.settle()
    went = len(crossroads.chat.sent)
    assert went == (0 if point == "send.claimed" else 1)
    known = point == "send.recorded" or (callbacks and went == 1)
    assert states(crossroads) == ["done" if known else "unknown"]
    assert told(crossroads, mine)[0] == ("sent" if known else "sending")
    crossroads.check()


def test_a_channel_that_sends_once_for_one_id_is_asked_again(crossroads: Crossroads) -> None:
    """Where the vendor is idempotent, nothing is unknown for long (invariant B)."""
    meet(crossroads, idempotent=True)
    crossroads.chat.lose_answer()
    mine = answer(crossroads)
    crossroads.settle()
    assert (sent(crossroads), states(crossroads)) == (["Hi Ada!"], ["done"])
    assert told(crossroads, mine) == ("sent", None)
    second = answer(crossroads, "again")
    with FaultPoints() as points:
        points.kill("send.called")
        with pytest.raises(KilledError):
            crossroads.settle()
    crossroads.start()
    crossroads.settle()
    assert (sent(crossroads), states(crossroads)) == (["Hi Ada!", "again"], ["done", "done"])
    assert told(crossroads, second) == ("sent", None)
    crossroads.check()


def test_without_a_road_to_the_customer_the_record_says_so(crossroads: Crossroads) -> None:
    """She never wrote; or the channel that is named does not exist."""
    crossroads.a.create(last="Eve", email="eve@example.com")
    crossroads.settle()
    mine = answer(crossroads)
    crossroads.settle()
    assert told(crossroads, mine) == ("failed", "no channel reaches this customer: name one, or wait until he writes")
    assert states(crossroads) == []
    crossroads.check()


def test_a_note_is_logged_and_sent_to_nobody(crossroads: Crossroads) -> None:
    """An internal record reaches the other CRM alone."""
    meet(crossroads)
    answer(crossroads, "She is nice", direction=None, status=None)
    crossroads.settle()
    assert sent(crossroads) == []
    assert [row["kind"] for row in crossroads.rows(interactions, direction="internal")] == ["note"]
    assert len(crossroads.b.records("Touch")) == 2
    crossroads.check()


def test_an_answer_that_is_told_before_its_customer_waits_for_him(crossroads: Crossroads) -> None:
    """The touch is read in one page, the new person in the next; or he is found before he would be created."""
    crossroads.settle()
    trouble = crossroads.a.trouble

    def between_the_pages() -> None:
        person = crossroads.a.create(last="Eve", mobile="+39 333 999 9999")
        crossroads.a.create("Touch", person=person, direction="internal", text="A note")

    trouble.meanwhile(lambda: trouble.meanwhile(between_the_pages, operation="changes"), operation="changes")
    crossroads.turn("a")
    assert crossroads.books("a").incoming.pending == 1
    crossroads.chat.write("eve", "Hello", name="Eve", phone="+393339999999")
    crossroads.deliver()
    crossroads.turn("chat")
    lane = crossroads.lanes["a"]
    lane._poll_at_s = lane.world.clock.monotonic_s() + 20  # noqa: SLF001 - found by the look before the create
    while lane.turn() == 0:
        pass
    assert crossroads.books("a").incoming.pending == 0
    crossroads.settle()
    assert sorted(text for _, text, _ in crossroads.touches(crossroads.b)) == ["A note", "Hello"]
    crossroads.check()


def test_a_plugin_may_refuse_a_message(crossroads: Crossroads) -> None:
    """With its reason on the record."""

    @hookimpl
    def crocevia_allow_delivery(messages: Any, connection: str) -> list[str | None]:
        return ["opted out on paper" if connection == "chat" else None for _ in messages]

    crossroads.hooks["consent"] = {"crocevia_allow_delivery": crocevia_allow_delivery}
    meet(crossroads)
    mine = answer(crossroads)
    crossroads.settle()
    assert told(crossroads, mine) == ("failed", "opted out on paper")
    assert sent(crossroads) == []
