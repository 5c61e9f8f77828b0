"""A real Asterisk 22: calls of every kind, made by telephones that sipp plays, are one interaction each."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from crocevia import ContactPoint, Event, InteractionCompleted, InteractionSeen, Message, Secret, StatusReported
from crocevia.errors import AuthError
from crocevia_asterisk import Asterisk
from crocevia_asterisk.packets import text_of
from tests.peers.asterisk_office import CUSTOMER, Office
from tests.plugins.asterisk.listener import Listener

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("asterisk")]

POINT = ContactPoint("phone", "", CUSTOMER)
SECOND = timedelta(seconds=1)


@pytest.fixture(params=["ami", "ari"])
def listener(request: pytest.FixtureRequest, asterisk_office: Office) -> Iterator[Listener]:
    """Somebody who listens, over each; nothing is up before or after."""
    yield from _listening(asterisk_office, asterisk_office.connector(events=request.param))


@pytest.fixture
def by_ami(asterisk_office: Office) -> Iterator[Listener]:
    """The same, over AMI alone."""
    yield from _listening(asterisk_office, asterisk_office.connector())


def _listening(office: Office, connector: Asterisk) -> Iterator[Listener]:
    office.wait_until(lambda: not office.channels(""))
    listener = Listener(connector)
    listener.ready()
    yield listener
    assert listener.end() < 1.5
    assert listener.error is None
    office.wait_until(lambda: not office.channels(""))


def only(found: list[Event]) -> tuple[InteractionSeen, InteractionCompleted]:
    """The one call that was told."""
    seen, completed = found
    assert isinstance(seen, InteractionSeen)
    assert isinstance(completed, InteractionCompleted)
    assert seen.key == completed.of
    return seen, completed


def about(duration: timedelta | None, seconds: float) -> bool:
    """Whether something lasted about so long."""
    return duration is not None and abs(duration - timedelta(seconds=seconds)) <= SECOND


def test_an_answered_call(asterisk_office: Office, listener: Listener) -> None:
    """It rings a second, is talked for two, and is told while it lasts."""
    asterisk_office.call("+39051000001", ms=2000)
    assert [leaf["type"] for leaf in listener.told(1)] == ["began"]
    seen, completed = only(listener.events(2))
    assert (seen.direction, seen.author.points, seen.author.name) == ("inbound", (POINT,), "Anna Neri")
    assert seen.recipients[0].points == (ContactPoint("phone", "", "+39051000001"),)
    assert abs(seen.at.timestamp() - time.time()) < 15
    assert (completed.outcome, about(completed.duration, 2)) == ("answered", True)
    assert "Answered by PJSIP/201" in (completed.text or "")


@pytest.mark.parametrize(
    ("exten", "how", "outcome"),
    [
        ("+39051000002", "refused", "busy"),
        ("+39051000003", "refused", "missed"),
        ("+39051000006", "gives_up", "cancelled"),
    ],
)
def test_a_call_that_nobody_takes(
    asterisk_office: Office, listener: Listener, exten: str, how: str, outcome: str
) -> None:
    """The agent is busy, does not answer in time, or the caller gives up."""
    asterisk_office.call(exten, how=how, ms=1000)
    seen, completed = only(listener.events(2))
    assert seen.author.points == (POINT,)
    assert (completed.outcome, completed.duration) == (outcome, None)


def test_a_hidden_number(asterisk_office: Office, by_ami: Listener) -> None:
    """The call is there, its party has no points."""
    asterisk_office.call("+39051000001", number="anonymous")
    seen, completed = only(by_ami.events(2))
    assert (seen.author.points, completed.outcome) == ((), "answered")


def test_hold(asterisk_office: Office, listener: Listener) -> None:
    """The customer holds for two seconds; it is part of the call, and told."""
    asterisk_office.call("+39051000001", how="holds")
    _, completed = only(listener.events(2))
    assert about(completed.duration, 3)
    assert "On hold 2 s" in (completed.text or "")


def test_a_queue(asterisk_office: Office, by_ami: Listener) -> None:
    """Who of it answered is told by name; the wait is not talk."""
    asterisk_office.call("+39051000004", ms=4000)
    _, completed = only(by_ami.events(2))
    assert completed.outcome == "answered"
    assert completed.duration is not None
    assert completed.duration < timedelta(seconds=4)
    assert "Queue sales" in (completed.text or "")
    assert "Answered by Luca" in (completed.text or "")


def test_a_recording(asterisk_office: Office, by_ami: Listener) -> None:
    """It is named with the call, and its bytes are to be had."""
    asterisk_office.call("+39051000005")
    seen, completed = only(by_ami.events(2))
    [file] = completed.attachments
    assert (file.name, file.mime_type) == (f"call-{seen.key}.wav", "audio/wav")
    content = asterisk_office.connector().media(file).content
    assert (content or b"")[:4] == b"RIFF"


def test_a_blind_transfer(asterisk_office: Office, by_ami: Listener) -> None:
    """201 hands the caller to 202 without a word: one call, and the time with both."""
    asterisk_office.call("+39051000001", ms=5000)
    by_ami.told(1)
    asterisk_office.wait_until(lambda: asterisk_office.talking("201"))
    [telephone] = asterisk_office.channels("201")
    with asterisk_office.manager() as manager:
        answer = manager.ask("BlindTransfer", Channel=telephone, Context="from-internal", Exten="202")
    assert text_of(answer, "Response") == "Success"
    _, completed = only(by_ami.events(2))
    assert completed.outcome == "answered"
    assert "Answered by PJSIP/201, PJSIP/202" in (completed.text or "")
    assert "Transferred to 202 (blind)" in (completed.text or "")


def test_an_attended_transfer(asterisk_office: Office, by_ami: Listener) -> None:
    """201 speaks with 202 first and then hangs up: still one call, with the customer."""
    asterisk_office.call("+39051000001", ms=7000)
    by_ami.told(1)
    asterisk_office.wait_until(lambda: asterisk_office.talking("201"))
    [telephone] = asterisk_office.channels("201")
    with asterisk_office.manager() as manager:
        # one digit: those that follow are played only while the telephone sends sound, and sipp's sends none
        manager.ask("Atxfer", Channel=telephone, Context="from-internal", Exten="2")
        asterisk_office.wait_until(lambda: asterisk_office.talking("202"))
        manager.ask("Hangup", Channel=telephone, Cause="16")
    _, completed = only(by_ami.events(2))
    assert completed.outcome == "answered"
    assert "PJSIP/202" in (completed.text or "")
    assert "(attended)" in (completed.text or "")


def test_an_outbound_call(asterisk_office: Office, listener: Listener) -> None:
    """201 calls a customer with the digit for an outside line; the number is told without it."""
    asterisk_office.call("0+393339998877", who="201", number="201", ms=2000)
    seen, completed = only(listener.events(2))
    assert (seen.direction, seen.author.name) == ("outbound", "201")
    assert seen.recipients[0].points == (ContactPoint("phone", "", "+393339998877"),)
    assert (completed.outcome, about(completed.duration, 2)) == ("answered", True)


def test_a_call_between_extensions(asterisk_office: Office, by_ami: Listener) -> None:
    """It is told at its end, and ignored."""
    asterisk_office.call("202", who="201", number="201")
    assert [event.tag for event in by_ami.events(2)] == ["ignored", "ignored"]


def order(**changed: str) -> Message:
    """A call that somebody wants."""
    given = {"id": f"u{time.monotonic_ns()}", "to": POINT, "kind": "call", **changed}
    return Message(**given)  # type: ignore[arg-type]  # texts and a point


@pytest.mark.parametrize("events", ["ami", "ari"])
def test_click_to_call(asterisk_office: Office, by_ami: Listener, events: str) -> None:
    """201 rings, then the customer; what is heard of it is told of what was asked for, and of nothing else."""
    message = order()
    receipt = asterisk_office.connector(events=events).send(message)
    asterisk_office.wait_until(lambda: asterisk_office.talking("trunk"))
    for channel in asterisk_office.channels("201"):
        with asterisk_office.manager() as manager:
            manager.ask("Hangup", Channel=channel, Cause="16")
    sent, completed, fared = by_ami.events(3)
    assert isinstance(sent, StatusReported)
    assert (sent.of, sent.callback, sent.status) == (receipt.key, message.id, "sent")
    assert isinstance(completed, InteractionCompleted)
    assert (completed.of, completed.outcome) == (receipt.key, "answered")
    assert isinstance(fared, StatusReported)
    assert fared.status == "delivered"


def test_click_to_call_without_an_agent(asterisk_office: Office, by_ami: Listener) -> None:
    """His telephone rings and nobody takes it: the customer is not called, and whoever asked is told."""
    asterisk_office.connector().send(order(author="Nobody there"))
    _, completed, fared = by_ami.events(3)
    assert isinstance(completed, InteractionCompleted)
    assert completed.outcome == "failed"
    assert isinstance(fared, StatusReported)
    assert (fared.status, fared.detail) == ("failed", "the agent's telephone was not answered")


def test_check(asterisk_office: Office) -> None:
    """All is well with a user who has few rights; a wrong secret is told, by AMI and by ARI."""
    assert [finding.level for finding in asterisk_office.connector().check()] == ["ok"] * 3
    wrong = asterisk_office.connector(secret=Secret("no"), ari_secret=Secret("no"))
    assert [finding.level for finding in wrong.check()][:2] == ["problem", "problem"]
    for events in ("ami", "ari"):
        refused = asterisk_office.connector(secret=Secret("no"), ari_secret=Secret("no"), events=events)
        assert isinstance(Listener(refused).broken(), AuthError)
