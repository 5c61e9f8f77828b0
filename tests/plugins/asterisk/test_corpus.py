"""What was recorded from real exchanges is understood: five calls by AMI and by ARI, and dialogues of others."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from crocevia import ContactPoint, Event, InteractionCompleted, InteractionSeen, Party
from crocevia_asterisk.ari_words import AriWords
from crocevia_asterisk.ledger import Ledger
from crocevia_asterisk.packets import Packets, text_of
from crocevia_asterisk.reading import events
from crocevia_asterisk.told import OVERLOOKED, USED, Told, from_packet
from tests.plugins.asterisk.recording import CORPUS, corpus, five_calls
from tests.plugins.asterisk.story import make_settings

ADA = ContactPoint("phone", "", "+15550100")


def read(story: Iterable[Told]) -> Iterator[Event]:
    """What is told of a story, call by call."""
    settings = make_settings(trunks=(), internal="log", host="pbx")
    ledger = Ledger.at(None, settings)
    leaves = []
    for told in story:
        leaves.extend(ledger.sweep(told.at))
        leaves.extend(ledger.hear(told))
    leaves.extend(ledger.sweep(told.at + 1))
    assert ledger.open == {}
    return events({"calls": leaves}, settings)


@pytest.fixture(params=["ami", "ari"])
def heard(request: pytest.FixtureRequest) -> list[Event]:
    """The five calls, heard over each."""
    recording = five_calls()
    return list(read(recording.told() if request.param == "ami" else recording.told_by_ari()))


def test_five_calls_are_five_interactions(heard: list[Event]) -> None:
    """Each began once and ended once, in the order in which they were made; AMI and ARI tell the same."""
    seen = [event for event in heard if isinstance(event, InteractionSeen)]
    completed = [event for event in heard if isinstance(event, InteractionCompleted)]
    assert len(heard) == len(seen) + len(completed)
    assert [(event.key, event.direction) for event in seen] == [
        ("1795288128.0", "inbound"),
        ("1795288131.1", "inbound"),
        ("1795288134.3", "inbound"),
        ("1795288135.5", "inbound"),
        ("1795288147.7", "internal"),
    ]
    assert [(event.of, event.outcome, event.duration) for event in completed] == [
        ("1795288128.0", "answered", timedelta(seconds=2)),
        ("1795288131.1", "answered", timedelta(seconds=2)),
        ("1795288134.3", "busy", None),
        ("1795288135.5", "missed", None),
        ("1795288147.7", "answered", timedelta(seconds=3)),
    ]


def test_the_parties_of_the_five_calls(heard: list[Event]) -> None:
    """Who called whom, when, and what was said of it."""
    seen = [event for event in heard if isinstance(event, InteractionSeen)]
    assert [event.author for event in seen[:4]] == [Party((ADA,), name="Ada Lovelace")] * 4
    assert seen[0].recipients == (Party((ContactPoint("phone", "", "+15551234"),)),)
    assert seen[1].recipients == (Party((ContactPoint("asterisk", "pbx", "800"),), name="800"),)
    assert seen[4].author.points == (ContactPoint("asterisk", "pbx", "agent"),)
    assert seen[4].recipients[0].points == (ContactPoint("asterisk", "pbx", "700"),)
    began = [event.at.replace(microsecond=0) for event in seen]
    assert began[0] == datetime(2026, 11, 21, 19, 8, 48, tzinfo=UTC)
    assert began[3] == datetime(2026, 11, 21, 19, 8, 55, tzinfo=UTC)
    said = [event.text for event in heard if isinstance(event, InteractionCompleted)]
    assert said == [None, "Answered by PJSIP/agent.", None, "Rang 10 s.", None]


def test_nearly_every_event_of_a_call_is_known() -> None:
    """At least 90 in 100 of the events that name a channel; what is left is told as unrecognised."""
    named = [text_of(packet, "Event") for _, packet in five_calls().ami if "Event" in packet and "Linkedid" in packet]
    known = [name for name in named if name in USED or name in OVERLOOKED]
    assert (len(named), len(known)) == (167, 167)
    told = [event for _, event in five_calls().ari]
    assert (len(told), sum(AriWords.knows(event) for event in told)) == (186, 186)


def test_an_old_exchange_is_read_without_an_exception() -> None:
    """Asterisk 11 names no linked id: its packets are whole, its calls cannot be put together (`check` says so)."""
    for name in ("ami__originate_with_events.txt", "ami__agent_loggued_in.txt"):
        found = list(Packets().feed(corpus(name).replace(b"\n", b"\r\n") + b"\r\n\r\n"))
        named = [text_of(packet, "Event") for packet in found if "Event" in packet]
        assert sum(name in USED or name in OVERLOOKED for name in named) >= 0.9 * len(named)
        assert len(named) > 20
        told = [one for packet in found if (one := from_packet(packet, 1.0)) is not None]
        ledger = Ledger.at(None, make_settings())
        for one in told:
            ledger.hear(one)
        ledger.sweep(100.0)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("ari_generated__*.json")), ids=lambda path: path.stem)
def test_events_of_the_specification_are_known(path: object) -> None:
    """Each by itself: understood, or known to say nothing of a call."""
    event = json.loads(corpus(getattr(path, "name", "")))
    assert AriWords.knows(event)
    told = list(AriWords(linked={"1751990400.42": "1751990400.42"}).told(event, 1.0))
    expected = {"ChannelDestroyed": ["Hangup"], "RecordingFinished": ["Recording"], "StasisStart": ["Newstate"]}
    assert [one.name for one in told] == expected.get(event["type"], [])


def test_a_call_of_the_specification() -> None:
    """A caller reaches a Stasis application, is recorded, and hangs up: thirty seconds, with the recording's name."""
    words = AriWords()
    story = [
        told
        for name in ("StasisStart", "RecordingFinished", "ChannelDestroyed")
        for told in words.told(json.loads(corpus(f"ari_generated__{name}.json")), 0.0)
    ]
    settings = make_settings(trunks=("PJSIP/trunk-*",))
    ledger = Ledger.at(None, settings)
    up = Told(story[0].at, "Newstate", {**story[0].head, "ChannelState": "6"})
    leaves = [leaf for told in (*story[:1], up, *story[1:]) for leaf in ledger.hear(told)]
    leaves += ledger.sweep(story[-1].at + 60)
    seen, completed = events({"calls": leaves}, settings)
    assert isinstance(seen, InteractionSeen)
    assert isinstance(completed, InteractionCompleted)
    assert (seen.key, seen.author.points) == ("1751990400.42", (ContactPoint("phone", "", "+5511999990000"),))
    assert (completed.outcome, completed.duration) == ("answered", timedelta(seconds=30))
    assert [file.key for file in completed.attachments] == ["rec1.wav"]
