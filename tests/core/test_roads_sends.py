"""How an answer goes: in parts, each once and in order; in public only as an answer to what is public; no loops."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crocevia import ContactPoint, InteractionSeen, Party, StatusReported
from crocevia.config.options import Options
from crocevia.errors import OutcomeUnknownError, RejectedError, RetryableError
from crocevia.model import Capabilities
from crocevia.store import Store
from crocevia.store.tables import commands, dead, interactions
from crocevia.sync.replay import replay
from crocevia.testing import FakeClock, FaultPoints, KilledError
from tests.core.roads import Roads, roads_on

SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
ADA = ContactPoint("phone", "", "+393331234567")
LONG = "one one one two two two three"
THREE = ["one one one", "two two two", "three"]


@pytest.fixture
def roads(store: Store, clock: FakeClock) -> Roads:
    """A road of telephones that carries twelve letters a message."""
    found = roads_on(store, clock)
    found.carrier.usual = Capabilities(max_text=12, templates=True)
    return found


def texts(roads: Roads) -> list[str | None]:
    """What went out."""
    return [message.text for message in roads.carrier.sent]


def status(roads: Roads, number: int, said: Any, *, detail: str | None = None) -> StatusReported:
    """The channel says how a part fares."""
    key = f"out {roads.carrier.sent[number - 1].id}"
    return StatusReported(of=key, status=said, at=roads.clock.now(), detail=detail)


# --- parts


def test_a_long_answer_goes_in_parts_and_is_as_far_as_the_last_of_them(roads: Roads) -> None:
    """One interaction, one record; failed when any part is."""
    person = roads.meet(ADA)
    mine = roads.answer(person, LONG)
    uid = roads.rows(commands)[0]["uid"]
    assert [(message.id, message.text) for message in roads.carrier.sent] == [
        (uid, THREE[0]),
        (f"{uid}.2", THREE[1]),
        (f"{uid}.3", THREE[2]),
    ]
    assert roads.told(mine) == ("sent", None)
    assert roads.a.record(mine)["message_id"] == f"out {uid}"
    expected = [
        (status(roads, 2, "read"), ("sent", None)),
        (status(roads, 1, "delivered"), ("sent", None)),
        (status(roads, 3, "delivered"), ("delivered", None)),
        (status(roads, 3, "failed", detail="131026"), ("delivered", None)),
        (status(roads, 1, "read"), ("delivered", None)),
        (status(roads, 3, "read"), ("read", None)),
    ]
    for event, told in expected:
        roads.tell(event)
        assert roads.told(mine) == told
    assert len(roads.rows(interactions)) == 2
    roads.settle()
    roads.check()


@SQLITE
def test_a_part_that_fails_there_fails_the_answer(roads: Roads) -> None:
    """Unless it arrives all the same."""
    mine = roads.answer(roads.meet(ADA), LONG)
    roads.tell(status(roads, 1, "read"), status(roads, 2, "failed", detail="131026"), status(roads, 3, "read"))
    assert roads.told(mine) == ("failed", "131026")
    roads.tell(status(roads, 2, "delivered"))
    assert roads.told(mine) == ("delivered", None)


@pytest.mark.parametrize(
    ("point", "on"),
    [("send.claimed", 1), ("send.claimed", 3), ("send.called", 2), ("send.before_record", 3), ("send.recorded", 1)],
)
@SQLITE
def test_a_crash_between_parts_repeats_none_and_the_rest_follows(roads: Roads, point: str, on: int) -> None:
    """What may have gone is parked until the channel hands the part's id back, or a person has looked."""
    person = roads.meet(ADA)
    with FaultPoints() as points:
        points.kill(point, on=on)
        with pytest.raises(KilledError):
            roads.answer(person, LONG)
    roads.start()
    roads.settle()
    went = on - 1 if point == "send.claimed" else on
    if point == "send.recorded":
        assert (texts(roads), roads.states) == (THREE, ["done"])
        return
    assert (texts(roads), roads.states) == (THREE[:went], ["unknown"])
    if point == "send.claimed":
        replay(roads.store, roads.rows(dead))
    else:
        callback = roads.carrier.sent[-1].id
        told = StatusReported(of=f"out {callback}", status="sent", at=roads.clock.now(), callback=callback)
        roads.tell(told)
    roads.settle()
    assert (texts(roads), roads.states) == (THREE, ["done"])
    roads.check()


@SQLITE
def test_a_callback_of_another_part_settles_nothing(roads: Roads) -> None:
    """That the first part went says nothing of the second."""
    person = roads.meet(ADA)
    roads.carrier.trouble = [None, OutcomeUnknownError("lost")]
    roads.answer(person, LONG)
    first = roads.carrier.sent[0].id
    for key in (f"out {first}", "another key of it"):
        roads.tell(StatusReported(of=key, status="delivered", at=roads.clock.now(), callback=first))
    roads.turn("road")
    assert (texts(roads), roads.states) == (THREE[:1], ["unknown"])


@SQLITE
def test_the_echo_of_a_part_settles_it(roads: Roads) -> None:
    """By the words of that part, not of the whole answer."""
    person = roads.meet(ADA)
    roads.carrier.trouble = [None, OutcomeUnknownError("lost")]
    roads.answer(person, LONG)
    to = (Party([ADA]),)
    now = roads.clock.now()
    roads.tell(InteractionSeen(key="e", text=THREE[1], author=Party(), recipients=to, direction="outbound", at=now))
    roads.turn("road")
    assert (texts(roads), roads.states) == ([THREE[0], THREE[2]], ["done"])
    assert len(roads.rows(interactions)) == 2


@SQLITE
def test_what_comes_later_waits_for_the_parts_before_it(roads: Roads) -> None:
    """While the second part is tried again, the first is not, and the next answer waits."""
    person = roads.meet(ADA)
    roads.carrier.trouble = [None, RetryableError("down"), RetryableError("down")]
    roads.answer(person, LONG)
    roads.answer(person, "later")
    assert texts(roads) == THREE[:1]
    roads.settle()
    assert texts(roads) == [*THREE, "later"]
    roads.check()


@SQLITE
def test_a_refused_part_fails_the_answer_and_goes_on_from_there_when_mended(roads: Roads) -> None:
    """The record says which part; what the channel carries by then changes nothing about the parts."""
    person = roads.meet(ADA)
    roads.carrier.trouble = [None, RejectedError("bad", code="100")]
    mine = roads.answer(person, LONG)
    assert roads.told(mine) == ("failed", "part 2 of 3: refused by the channel (100)")
    roads.tell(status(roads, 1, "read"))
    assert roads.told(mine)[0] == "failed"
    roads.carrier.usual = Capabilities()
    replay(roads.store, roads.rows(dead))
    roads.settle()
    assert texts(roads) == THREE
    assert roads.told(mine) == ("sent", None)


# --- as it was asked for


@SQLITE
def test_an_answer_says_in_its_fields_how_it_is_to_go(roads: Roads) -> None:
    """Template, choices, purpose: texts that a person can write."""
    roads.carrier.usual = Capabilities(buttons=3, templates=True)
    person = roads.meet(ADA)
    roads.answer(person, None, template="order_ready|it|Ada|A\\|B", purpose="Marketing")
    roads.answer(person, "Which?", buttons="Yes|y\n\nNo\n")
    first, second = roads.carrier.sent
    assert first.template is not None
    assert (first.template.name, first.template.language) == ("order_ready", "it")
    assert (first.template.parameters, first.purpose) == (("Ada", "A|B"), "marketing")
    assert [(button.title, button.payload) for button in second.buttons] == [("Yes", "y"), ("No", "No")]
    roads.settle()
    roads.check()


@SQLITE
def test_a_field_that_cannot_be_read_is_told_on_the_record(roads: Roads) -> None:
    """Nothing goes out."""
    template = "a template is NAME|LANGUAGE|PARAMETER|...: its name or language is missing"
    cases = [
        ({"template": "order"}, template),
        ({"template": "|it"}, template),
        ({"buttons": "Yes|y|z"}, "a choice is written as TITLE or TITLE|ID, one a line"),
        ({"purpose": "fun"}, "a purpose is service or marketing"),
    ]
    person = roads.meet(ADA)
    for fields, reason in cases:
        assert roads.told(roads.answer(person, **fields)) == ("failed", reason)
    assert roads.went == []


@SQLITE
def test_a_drafts_fields_count_as_they_are_when_it_is_sent(roads: Roads) -> None:
    """What was taken out again is out."""
    roads.carrier.usual = Capabilities(buttons=3)
    person = roads.meet(ADA)
    mine = roads.answer(person, "Which?", status=None, buttons="Yes")
    roads.a.edit(mine, buttons=None, purpose="marketing", status="to send")
    roads.turn("a")
    roads.turn("road")
    [message] = roads.carrier.sent
    assert (message.buttons, message.purpose) == ((), "marketing")


# --- public and private

_Said = tuple[bool, bool | None, bool]
"""Whether what is answered is public, whether the answer is to be, and what the settings say."""


_READ: list[tuple[_Said, dict[str, Any], Any]] = [
    ((False, None, True), {}, [("Hi!", False)]),
    (
        (False, True, True),
        {"public": True},
        "what it answers was said in private: an answer to that is never public",
    ),
    ((False, None, True), {"public": True, "private": False}, "others would read it here"),
    ((True, None, False), {"public": True}, [("Hi!", False)]),
    ((True, None, True), {"public": True}, [("Hi!", True)]),
    ((True, True, False), {"public": True}, [("Hi!", True)]),
    ((True, False, True), {"public": True}, [("Hi!", False)]),
    ((True, None, False), {"public": True, "private": False}, "others would read it: if they may"),
    ((True, True, False), {}, "nothing can be said in public here"),
    ((True, False, True), {"public": True, "private": False}, "others would read it here"),
]


@SQLITE
def test_an_answer_is_read_by_whom_it_is_for(roads: Roads) -> None:
    """It goes in public only where what it answers is, and somebody says so; else in private, or not at all."""
    for index, ((public, asked, default), limits, expected) in enumerate(_READ):
        who = ContactPoint("phone", "", f"+3933312346{index:02}")
        roads.world.lives["road"].options = Options(answers_in_public=default)
        roads.carrier.usual = Capabilities(**limits)
        roads.carrier.sent.clear()
        person = roads.meet(who)
        roads.clock.advance(1)
        roads.hear(who, "A word", public=public)
        mine = roads.answer(person, public=asked)
        if isinstance(expected, str):
            state, detail = roads.told(mine)
            assert (state, roads.went) == ("failed", [])
            assert detail is not None
            assert detail.startswith(expected)
        else:
            assert roads.went == expected


@SQLITE
def test_what_an_answer_names_counts_not_what_came_last(roads: Roads) -> None:
    """A private text in the thread of a public one is not answered in public, and goes where it was said."""
    roads.carrier.usual = Capabilities(public=True)
    person = roads.meet(ADA)
    roads.clock.advance(1)
    roads.hear(ADA, "In private", key="private", room="private")
    roads.clock.advance(1)
    roads.hear(ADA, "In public", key="public", room="post", public=True)
    refused = roads.answer(person, public=True, in_reply_to="private")
    roads.answer(person, public=True, in_reply_to="public")
    roads.answer(person, "To nothing known", public=True, in_reply_to="gone")
    assert roads.told(refused)[0] == "failed"
    assert [(one.text, one.public, one.conversation) for one in roads.carrier.sent] == [("Hi!", True, "post")]


_TOUCH = st.tuples(st.booleans(), st.sampled_from(["dm", "post"]))
_ANSWER = st.tuples(st.sampled_from([None, False, True]), st.sampled_from([None, 0, 1, 2]), st.text("ab ", max_size=30))


@SQLITE
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    touches=st.lists(_TOUCH, min_size=1, max_size=3),
    answers=st.lists(_ANSWER, min_size=1, max_size=3),
    limits=st.builds(Capabilities, public=st.booleans(), private=st.booleans(), max_text=st.sampled_from([None, 12])),
)
def test_nothing_said_in_private_is_ever_answered_in_public(
    roads: Roads, touches: list[Any], answers: list[Any], limits: Capabilities
) -> None:
    """Whatever was said where, asked for, and carried: what goes out in public answers something public."""
    roads.options["road"] = Options(answers_in_public=True)
    roads.carrier.usual = limits
    number = len(roads.rows(interactions))
    who = ContactPoint("phone", "", f"+39333{number:07}")
    roads.carrier.sent.clear()
    said: dict[str, bool] = {}
    rooms: dict[str, list[bool]] = {}
    for index, (public, room) in enumerate(touches):
        roads.clock.advance(1)
        key, thread = f"{number} {index}", f"{number} {room}"
        roads.hear(who, f"word {index}", key=key, room=thread, public=public)
        said[key] = public
        rooms.setdefault(thread, []).append(public)
    roads.turn("a")
    person = next((id_ for id_, row in roads.a.records().items() if row["last"] == who.value), None)
    if person is None:
        return  # who was only heard in public may have no record
    for asked, to, text in answers:
        named = None if to is None else f"{number} {to}"
        roads.answer(person, text, public=asked, in_reply_to=named)
    for message in roads.carrier.sent:
        assert limits.public if message.public else limits.private
        if message.public:
            answered = said[message.in_reply_to] if message.in_reply_to else rooms[message.conversation or ""][-1]
            assert answered


# --- machines


@SQLITE
def test_two_machines_do_not_talk_to_each_other(roads: Roads) -> None:
    """What a person writes goes; so does what a machine of ours writes to a person."""
    person = roads.meet(ADA)
    roads.answer(person, "automatic", automated=True)
    roads.clock.advance(1)
    roads.hear(ADA, "I am away", automated=True)
    refused = roads.answer(person, "automatic", automated=True)
    roads.answer(person, "by hand")
    assert roads.told(refused) == (
        "failed",
        "an automatic answer to an automatic message: only what a person writes goes",
    )
    assert [(one.text, one.automated) for one in roads.carrier.sent] == [("automatic", True), ("by hand", False)]


@SQLITE
def test_where_a_machine_writes_much_only_a_person_is_let_through(roads: Roads) -> None:
    """For an hour; it may be answering what it does not say it is."""
    person = roads.meet(ADA)
    for _ in range(6):
        roads.clock.advance(1)
        roads.hear(ADA, "I am away", automated=True)
    roads.clock.advance(1)
    roads.hear(ADA, "Really")
    refused = roads.answer(person, "Buy!", purpose="marketing")
    roads.answer(person, "by hand")
    assert roads.told(refused) == (
        "failed",
        "a machine is writing there (6 within an hour): only what a person writes goes",
    )
    roads.clock.advance(timedelta(hours=2))
    roads.answer(person, "Buy!", purpose="marketing")
    assert texts(roads) == ["by hand", "Buy!"]
