"""What roads tell beside touches: what became known of a call, who somebody is."""

import json
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from attrs import evolve

from crocevia import ContactPoint, InteractionSeen, Party
from crocevia.identity.rules import Rules
from crocevia.model import Attachment, Event, InteractionCompleted, InteractionRemoved, PartyIdentified
from crocevia.store.tables import claims, dead, interactions, merges, parked, profiles, reviews
from crocevia.sync import intake
from tests.core.conftest import Crossroads, Script, ScriptSettings, scripted

SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
VISITOR = ContactPoint("visitor", "shop", "v1")
PHONE = ContactPoint("phone", "", "+393331234567")
EMAIL = ContactPoint("email", "", "ada@example.com")
RECORDING = Attachment(kind="audio", key="RE1", mime_type="audio/mpeg")


@pytest.fixture
def roads(crossroads: Crossroads) -> Crossroads:
    """With a road whose raws say what to make of them."""
    crossroads.more["road"] = lambda: Script(ScriptSettings(), connection="road")
    return crossroads


def tell(roads: Crossroads, *events: Event) -> None:
    """The road tells these, each in a raw of its own."""
    for event in events:
        roads.post(scripted(event), connection="road")
        roads.turn("road")


def touch(roads: Crossroads, *points: ContactPoint, key: str = "call", **more: Any) -> InteractionSeen:
    """A customer calls."""
    said = {"author": Party(points), "kind": "call", **more}
    return InteractionSeen(key=key, at=roads.clock.now(), **said)


def piece(roads: Crossroads, key: str, after_s: int, of: str = "call", **more: Any) -> InteractionCompleted:
    """Something becomes known of a call, so long after it began."""
    return InteractionCompleted(key=key, of=of, at=roads.clock.now() + timedelta(seconds=after_s), **more)


def known(roads: Crossroads, key: str = "call") -> tuple[Any, ...]:
    """Length, outcome, words and recordings of a call."""
    [row] = roads.rows(interactions, key=key)
    detail = json.loads(row["detail"])
    files = [file["key"] for file in detail.get("attachments", ())]
    return detail.get("duration_s"), detail.get("outcome"), row["text"], files


def alive(roads: Crossroads) -> list[list[str]]:
    """The addresses of each profile that is not merged into another."""
    held = [(row["id"], roads.rows(claims, profile_id=row["id"])) for row in roads.rows(profiles, merged_into=None)]
    return sorted(sorted(claim["address"] for claim in some) for _, some in held)


# --- completed


@SQLITE
def test_a_call_told_in_pieces_is_whole_in_whatever_order_they_come(roads: Crossroads) -> None:
    """Of two lengths the one said later stands; pieces that come before their call wait for it."""
    for index, order in enumerate(list(permutations(range(4)))[::3]):
        name = f"call {index}"
        pieces: list[Event] = [
            touch(roads, PHONE, key=name),
            piece(roads, f"{name} end", 90, name, duration=timedelta(seconds=80), outcome="answered"),
            piece(roads, f"{name} cdr", 95, name, duration=timedelta(seconds=79), attachments=[RECORDING]),
            piece(roads, f"{name} text", 99, name, text="Good morning", attachments=[RECORDING]),
        ]
        tell(roads, *(pieces[place] for place in order))
        assert known(roads, name) == (79.0, "answered", "Good morning", ["RE1"])
    assert roads.rows(parked) == []
    books = roads.books("road")
    assert (books.balanced, books.quiet) == (True, True)


@SQLITE
def test_a_piece_told_again_changes_nothing_and_the_crms_get_the_whole(roads: Crossroads) -> None:
    """A redelivery, and the same facts under another key, are superseded."""
    tell(roads, touch(roads, PHONE))
    end = piece(roads, "end", 60, duration=timedelta(seconds=50), outcome="answered", text="A transcript")
    tell(roads, end, end, evolve(end, key="end again"))
    [row] = roads.rows(interactions, key="call")
    assert row["revision"] == 2
    roads.settle()
    assert roads.touches(roads.a) == [("inbound", "A transcript", "received")]
    roads.check()


@SQLITE
def test_what_a_call_came_with_gives_way_to_what_is_said_later_alone(roads: Crossroads) -> None:
    """A clock that is behind does not take an outcome back; it adds what nobody has said."""
    tell(roads, touch(roads, PHONE, outcome="missed"))
    tell(roads, piece(roads, "before", -5, outcome="busy", duration=timedelta(seconds=3)))
    assert known(roads) == (3.0, "missed", None, [])
    tell(roads, piece(roads, "after", 5, outcome="voicemail"))
    assert known(roads) == (3.0, "voicemail", None, [])


@SQLITE
def test_words_are_not_given_back_to_what_was_removed(roads: Crossroads) -> None:
    """Its length is still told."""
    gone = InteractionRemoved(key="gone", of="call", at=roads.clock.now())
    tell(roads, touch(roads, PHONE, text="Hello"), gone)
    tell(roads, piece(roads, "late", 9, text="Hello", duration=timedelta(seconds=7), attachments=[RECORDING]))
    assert known(roads) == (7.0, None, None, [])


@SQLITE
def test_a_file_told_again_gains_what_was_unsaid_of_it(roads: Crossroads) -> None:
    """Its place, name and type stay as they were."""
    tell(roads, touch(roads, PHONE, attachments=[Attachment(kind="audio", key="RE1")]))
    tell(roads, piece(roads, "ready", 5, attachments=[evolve(RECORDING, url="https://x.example/RE1", name="call")]))
    [row] = roads.rows(interactions, key="call")
    assert json.loads(row["detail"])["attachments"] == [
        {"kind": "audio", "key": "RE1", "url": "https://x.example/RE1", "mime_type": "audio/mpeg", "name": "call"}
    ]


# --- whose


def test_a_nameless_caller_who_is_named_later_is_that_customer(roads: Crossroads) -> None:
    """The call moves to the profile of the number, in both CRMs, and the empty one is no more."""
    tell(roads, touch(roads, PHONE, key="before"), touch(roads))
    roads.settle()
    assert len(alive(roads)) == 2
    tell(roads, piece(roads, "who", 9, author=Party([PHONE], name="Ada")))
    roads.settle()
    assert alive(roads) == [["phone||+393331234567"]]
    owners = {row["profile_id"] for row in roads.rows(interactions)}
    assert len(owners) == 1
    assert len({row["person"] for row in roads.a.records("Touch").values()}) == 1
    roads.check()


@SQLITE
def test_a_caller_and_his_name_in_one_webhook_are_one(roads: Crossroads) -> None:
    """Whom the batch itself has met is found."""
    events = touch(roads, PHONE, key="first"), touch(roads), piece(roads, "who", 9, author=Party([PHONE]))
    roads.post(scripted(*events), connection="road")
    roads.turn("road")
    assert alive(roads) == [["phone||+393331234567"]]


@SQLITE
def test_a_known_caller_is_not_taken_for_another_on_the_channels_word(roads: Crossroads) -> None:
    """A person compares the two; the call stays where it is."""
    other = ContactPoint("phone", "", "+393331234599")
    tell(roads, touch(roads, PHONE, key="first"), touch(roads, other, key="call"))
    tell(roads, piece(roads, "who", 9, author=Party([PHONE])))
    assert alive(roads) == [["phone||+393331234567"], ["phone||+393331234599"]]
    first, second = roads.rows(interactions)
    assert first["profile_id"] != second["profile_id"]
    assert [row["kind"] for row in roads.rows(reviews)] == ["identity"]


@SQLITE
def test_an_unproven_caller_is_not_taken_for_another_either(roads: Crossroads) -> None:
    """A person compares who showed that number before with whom the channel names now."""
    other = ContactPoint("phone", "", "+393331234599", verified=False)
    tell(roads, touch(roads, PHONE, key="first"), touch(roads, other, key="call"))
    tell(roads, piece(roads, "who", 9, author=Party([PHONE])))
    first, second = roads.rows(interactions)
    assert first["profile_id"] != second["profile_id"]
    assert "identity" in [row["kind"] for row in roads.rows(reviews)]
    assert roads.rows(merges) == []


@SQLITE
def test_a_visitor_who_signs_in_is_the_customer_of_that_address(roads: Crossroads) -> None:
    """What he wrote before is the customer's; no interaction is made of it."""
    tell(roads, touch(roads, EMAIL, key="mail"), touch(roads, VISITOR, key="chat"))
    roads.settle()
    told = PartyIdentified(key="login", party=Party([VISITOR, EMAIL], name="Ada"), at=roads.clock.now())
    tell(roads, told, told)
    roads.settle()
    assert alive(roads) == [["email||ada@example.com", "visitor|shop|v1"]]
    assert len(roads.rows(interactions)) == 2
    assert roads.books("road").balanced


@SQLITE
def test_an_address_that_a_visitor_only_claims_gives_him_nothing_of_its_owner(roads: Crossroads) -> None:
    """He gets the unproven address; whoever proved it keeps his own profile."""
    tell(roads, touch(roads, EMAIL, key="mail"), touch(roads, VISITOR, key="chat"))
    told = Party([VISITOR, evolve(EMAIL, verified=False)], name="Mallory")
    tell(roads, PartyIdentified(key="form", party=told, at=roads.clock.now()))
    owners = {row["key"]: row["profile_id"] for row in roads.rows(interactions)}
    assert owners["mail"] != owners["chat"]
    names = {row["id"]: json.loads(row["fields"]).get("display_name") for row in roads.rows(profiles)}
    assert (names[owners["mail"]], names[owners["chat"]]) == (None, "Mallory")


@SQLITE
def test_a_changed_address_is_told_without_a_touch(roads: Crossroads) -> None:
    """The former id still says who wrote under it; the new one is the same customer's."""
    tell(roads, touch(roads, VISITOR))
    new = ContactPoint("visitor", "shop", "v2")
    told = Party([new, evolve(VISITOR, slot="former")])
    tell(roads, PartyIdentified(key="moved", party=told, at=roads.clock.now()))
    assert alive(roads) == [["visitor|shop|v1", "visitor|shop|v2"]]
    assert [row["listed"] for row in roads.rows(claims)] == [0, 1]


@SQLITE
def test_two_who_are_proven_at_once_are_compared_or_merged_as_the_settings_say(roads: Crossroads) -> None:
    """The rules of a touch, no others."""
    for name, points in (("mail", EMAIL), ("call", PHONE)):
        tell(roads, touch(roads, points, key=name))
    both = PartyIdentified(key="card", party=Party([EMAIL, PHONE]), at=roads.clock.now())
    tell(roads, both)
    assert ([row["kind"] for row in roads.rows(reviews)], len(alive(roads))) == (["identity"], 2)
    roads.world.identity = Rules(proven_together="merge")
    tell(roads, evolve(both, key="card again"))
    assert alive(roads) == [["email||ada@example.com", "phone||+393331234567"]]


# --- unknown


@SQLITE
def test_an_event_that_nothing_applies_is_kept_for_later(roads: Crossroads, monkeypatch: pytest.MonkeyPatch) -> None:
    """A type that core has no step for is quarantined as not understood, and can be replayed."""
    steps = [one for one in intake._STEPS if PartyIdentified not in one[1]]  # noqa: SLF001 - as an older core would be
    monkeypatch.setattr(intake, "_STEPS", tuple(steps))
    tell(roads, PartyIdentified(key="login", party=Party([EMAIL]), at=roads.clock.now()))
    [letter] = roads.rows(dead)
    assert (letter["error"], letter["leaf"]) == ("Unrecognised", "/0")
    assert "PartyIdentified" in letter["message"]
    assert roads.books("road").balanced


@SQLITE
def test_a_parked_event_of_a_type_that_nothing_applies_is_not_lost(
    roads: Crossroads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it turns up after it was counted, its raw is buried with the reason, and nothing of it is applied."""
    told = PartyIdentified(key="login", party=Party([EMAIL]), at=roads.clock.now())
    monkeypatch.setattr(intake, "_applied", lambda: frozenset({PartyIdentified}))
    monkeypatch.setattr(intake, "_STEPS", ())
    tell(roads, told)
    assert [row["error"] for row in roads.rows(dead)] == ["LookupError"]
    assert roads.books("road").balanced
