"""What a customer wants to be sent is asked before each send, per channel and purpose."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from attrs import evolve

from crocevia import ContactPoint, Party
from crocevia.config.options import Options
from crocevia.errors import OptedOutError
from crocevia.model import ConsentReported
from crocevia.store import Store
from crocevia.store.tables import consents, profiles
from crocevia.sync.hand import by_hand
from crocevia.sync.merge import merge
from crocevia.sync.unmerge import unmerge
from crocevia.testing import FakeClock
from tests.core.conftest import ScriptSettings
from tests.core.roads import Road, Roads, roads_on

SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
ADA = ContactPoint("phone", "", "+393331234567")
BOB = ContactPoint("phone", "", "+393331234568")


@pytest.fixture
def roads(store: Store, clock: FakeClock) -> Roads:
    """A road of telephones."""
    return roads_on(store, clock)


def said(roads: Roads, who: ContactPoint = ADA, *, granted: bool, after_s: int = 0, **more: Any) -> ConsentReported:
    """The channel says what a customer wants."""
    at = roads.clock.now() + timedelta(seconds=after_s)
    key = f"{more} {granted} {after_s}"
    return ConsentReported(key=key, party=Party([who]), at=at, granted=granted, **more)


def words(roads: Roads) -> list[tuple[Any, ...]]:
    """Every word that is kept."""
    names = ("address", "channel", "purpose", "state", "source", "evidence")
    return [tuple(row[name] for name in names) for row in roads.rows(consents)]


# --- heard


@SQLITE
def test_who_writes_stop_is_sent_nothing_until_he_writes_start(roads: Roads) -> None:
    """The record in the CRM says why; nothing was tried."""
    person = roads.meet(ADA)
    roads.clock.advance(1)
    roads.hear(ADA, " Stop! ")
    refused = roads.answer(person)
    status, detail = roads.told(refused)
    assert (status, roads.went) == ("failed", [])
    assert detail == f"the customer wants no messages on this channel since {roads.clock.now():%Y-%m-%d} (keyword STOP)"
    roads.clock.advance(1)
    roads.hear(ADA, "START")
    assert roads.told(roads.answer(person)) == ("sent", None)
    roads.settle()
    roads.check()


@SQLITE
def test_a_word_is_heard_when_a_person_writes_it_alone_in_a_private_message(roads: Roads) -> None:
    """Case, accents and punctuation aside."""
    cases: list[tuple[str, dict[str, Any], bool]] = [
        ("STOP", {}, True),
        ("Désabonner.", {}, True),
        ("disiscrivimi", {}, True),
        ("opt-out", {}, True),
        ("Please stop calling me", {}, False),
        ("Fine", {}, False),
        ("cancel", {}, False),
        ("stop " * 20, {}, False),
        ("STOP", {"kind": "email"}, False),
        ("STOP", {"kind": "comment", "public": True}, False),
        ("STOP", {"automated": True}, False),
        ("STOP", {"direction": "outbound", "recipients": (Party([BOB]),)}, False),
    ]
    heard = []
    for index, (text, more, _) in enumerate(cases):
        who = ContactPoint("phone", "", f"+3933312346{index:02}")
        roads.hear(who, text, **more)
        heard.append((text, more, who.address in [address for address, *_ in words(roads)]))
    assert heard == cases


@SQLITE
def test_the_settings_say_which_words_and_what_they_mean(roads: Roads) -> None:
    """An empty list is none."""
    cases: list[tuple[Options, str, list[tuple[str, str]]]] = [
        (Options(stop_words=(), start_words=()), "STOP", []),
        (Options(stop_words=("Genug!",)), "genug", [("all", "withdrawn")]),
        (Options(stop_words=("Genug!",)), "STOP", []),
        (Options(stop_means="marketing"), "STOP", [("marketing", "withdrawn")]),
        (Options(), "riattiva", [("all", "granted")]),
    ]
    for index, (options, text, expected) in enumerate(cases):
        who = ContactPoint("phone", "", f"+3933312346{index:02}")
        roads.world.lives["road"].options = options
        roads.hear(who, text)
        actual = [(purpose, state) for address, _, purpose, state, _, _ in words(roads) if address == who.address]
        assert (text, actual) == (text, expected)


@SQLITE
def test_a_channel_that_does_not_write_to_phones_listens_only_where_the_settings_name_words(roads: Roads) -> None:
    """In a chat on a page "stop" is a word like any other."""
    roads.chat.write("ada", "stop")
    roads.settle()
    assert words(roads) == []


@SQLITE
def test_the_newest_word_stands_in_whatever_order_they_come(roads: Roads) -> None:
    """By when it was said; of two at once, the one that withdraws. What is older is superseded in the books."""
    told = [said(roads, granted=granted, after_s=after_s) for granted, after_s in ((False, 1), (True, 5), (False, 5))]
    for index, order in enumerate(permutations(told)):
        who = ContactPoint("phone", "", f"+39333123460{index}")
        roads.tell(*(evolve(one, key=f"{index} {one.key}", party=Party([who])) for one in order))
    assert {state for _, _, _, state, _, _ in words(roads)} == {"withdrawn"}
    assert len(words(roads)) == 6
    books = roads.books("road")
    assert (books.balanced, books.quiet) == (True, True)
    assert books.incoming.superseded == 7, "of eighteen, eleven were the newest yet"


@SQLITE
def test_a_channels_refusal_is_remembered_as_the_customers_word(roads: Roads) -> None:
    """The next message is not even tried."""
    person = roads.meet(ADA)
    roads.carrier.trouble = [OptedOutError("21610: unsubscribed", code="21610")]
    assert roads.told(roads.answer(person)) == ("failed", "the customer does not want it (21610)")
    assert words(roads) == [
        ("phone||+393331234567", "road", "all", "withdrawn", "send", "the channel refused a message")
    ]
    status, detail = roads.told(roads.answer(person))
    assert (status, roads.went, roads.states) == ("failed", [], ["refused", "refused"])
    assert detail is not None
    assert detail.startswith("the customer wants no messages on this channel")


# --- asked


_NO, _YES = {"granted": False}, {"granted": True}
_NO_ADS, _ADS = {**_NO, "purpose": "marketing"}, {**_YES, "purpose": "marketing"}
_ASKED: list[tuple[list[dict[str, Any]], Any, str, bool]] = [
    ([], "opt out", "service", True),
    ([], "opt out", "marketing", True),
    ([], "opt in", "marketing", False),
    ([], "opt in", "service", True),
    ([_ADS], "opt in", "marketing", True),
    ([_YES], "opt in", "marketing", True),
    ([_NO_ADS], "opt out", "service", True),
    ([_NO_ADS], "opt out", "marketing", False),
    ([_NO], "opt out", "service", False),
    ([_ADS, {**_NO, "after_s": 1}], "opt in", "marketing", False),
    ([_NO_ADS, {**_YES, "after_s": 1}], "opt out", "marketing", False),
]


@SQLITE
def test_each_purpose_has_its_own_word(roads: Roads) -> None:
    """Service answers stop only with everything; START takes STOP back, not an unsubscription from marketing."""
    went = []
    for index, (told, rule, purpose, _) in enumerate(_ASKED):
        who = ContactPoint("phone", "", f"+3933312346{index:02}")
        person = roads.meet(who)
        roads.world.lives["road"].options = Options(marketing=rule)
        roads.tell(*(evolve(said(roads, who, **one), key=f"{index} {one}") for one in told))
        status, detail = roads.told(roads.answer(person, purpose=purpose))
        assert (status == "sent") is (detail is None)
        went.append((told, rule, purpose, status == "sent"))
    assert went == _ASKED
    assert len(roads.went) == sum(goes for *_, goes in _ASKED)


@SQLITE
def test_a_word_holds_for_its_channel_alone_on_all_connections_of_it(roads: Roads) -> None:
    """STOP to one number of ours is STOP to the other; another kind of channel is not meant."""
    bound = type("Second", (Road,), {"carrier": roads.carrier})
    other = type("Elsewhere", (Road,), {"carrier": roads.carrier, "kind": "elsewhere"})
    roads.more["second"] = lambda: bound(ScriptSettings(), connection="second")
    roads.more["elsewhere"] = lambda: other(ScriptSettings(), connection="elsewhere")
    person = roads.meet(ADA)
    roads.tell(said(roads, granted=False))
    for name, state in (("second", "refused"), ("elsewhere", "done")):
        roads.answer(person, connection=name)
        roads.turn(name)
        assert roads.states[-1] == state


@SQLITE
def test_nobody_elses_word_is_asked(roads: Roads) -> None:
    """Bob's STOP does not keep Ada waiting."""
    person = roads.meet(ADA)
    roads.tell(said(roads, BOB, granted=False))
    assert roads.told(roads.answer(person)) == ("sent", None)


def test_words_go_with_the_customer_in_a_merge_and_come_back(roads: Roads) -> None:
    """Whoever is merged with one who said STOP is not written to on that channel; parted again, he is."""
    person = roads.meet(ADA)
    roads.hear(BOB, "STOP")
    ada, bob = (row["id"] for row in roads.rows(profiles))
    with by_hand(roads.world) as batch:
        rows = batch.load_profiles([ada, bob])
        merge(batch, rows[ada], rows[bob], by="person", reason="the same")
    assert [row["profile_id"] for row in roads.rows(consents)] == [ada]
    assert roads.told(roads.answer(person, conversation="+393331234567"))[0] == "failed"
    with by_hand(roads.world) as batch:
        unmerge(batch, bob, by="person")
    assert [row["profile_id"] for row in roads.rows(consents)] == [bob]
    roads.settle()
    assert roads.told(roads.answer(person))[0] == "sent"
