from datetime import timedelta

import pytest

from crocevia import (
    ContactPoint,
    Event,
    Ignored,
    InteractionRemoved,
    InteractionRevised,
    InteractionSeen,
    Message,
    ParseContext,
    Raw,
    Request,
    StatusReported,
    Unrecognised,
    errors,
)
from crocevia.testing import FakeClock, MemoryChannel


@pytest.fixture
def channel() -> MemoryChannel:
    """A vendor on a clock of its own."""
    return MemoryChannel(clock=FakeClock(), reports=("sent", "delivered"))


def _events(channel: MemoryChannel, request: Request | None) -> list[Event]:
    assert request is not None
    connector = channel.connector()
    now = channel.clock.now()
    connector.verify(request, now, {})
    raw = Raw(connection="chat", kind=connector.kind, body=request.body, received_at=now)
    events = list(connector.parse(raw, ParseContext(now=now)))
    assert [event.leaf for event in events] == connector.leaves(raw)
    return events


def _message(command: str) -> Message:
    return Message(id=command, to=ContactPoint("memory", "shop", "ada"), conversation="ada", text="Thanks")


def test_what_customers_do_becomes_one_webhook(channel: MemoryChannel) -> None:
    """A batch tells of each doing once, in our words."""
    first = channel.write("ada", "Hello", name="Ada", phone="+393331234567")
    channel.edit(first, "Hello!")
    channel.remove(first)
    channel.emit(type="typing")
    channel.emit(type="hologram")
    seen, revised, removed, typing, hologram = _events(channel, channel.request())
    assert isinstance(seen, InteractionSeen)
    assert seen.author.points == (ContactPoint("memory", "shop", "ada"), ContactPoint("phone", "", "+393331234567"))
    assert (seen.key, seen.text, seen.conversation, seen.at) == (first, "Hello", "ada", channel.clock.now())
    assert isinstance(revised, InteractionRevised)
    assert (revised.of, revised.text) == (first, "Hello!")
    assert isinstance(removed, InteractionRemoved)
    assert removed.of == first
    assert isinstance(typing, Ignored)
    assert isinstance(hologram, Unrecognised)
    assert channel.request() is None


def test_webhooks_can_be_split_and_come_again(channel: MemoryChannel) -> None:
    """A redelivery is the same bytes, and the vendor's own books mark it."""
    for number in range(3):
        channel.write("ada", f"Message {number}")
    requests = channel.requests(most=2)
    assert [len(_events(channel, request)) for request in requests] == [2, 1]
    assert channel.redeliver(0) == requests[0]
    assert [(emitted.id, emitted.redelivery) for emitted in channel.emitted] == [
        ("m1", False),
        ("m2", False),
        ("m3", False),
        ("m1", True),
        ("m2", True),
    ]


def test_a_webhook_of_somebody_else_is_refused(channel: MemoryChannel) -> None:
    """The signature is over the body."""
    channel.write("ada", "Hello")
    request = channel.request()
    assert request is not None
    forged = Request(method="POST", url=request.url, headers=request.headers, body=request.body + b" ")
    with pytest.raises(errors.SignatureError):
        channel.connector().verify(forged, channel.clock.now(), {})


def test_a_reply_goes_out_and_its_statuses_come_back(channel: MemoryChannel) -> None:
    """They carry the command's id."""
    receipt = channel.connector().send(_message("c1"))
    sent, delivered = _events(channel, channel.request())
    assert isinstance(sent, StatusReported)
    assert isinstance(delivered, StatusReported)
    assert [(event.of, event.status, event.callback) for event in (sent, delivered)] == [
        (receipt.key, "sent", "c1"),
        (receipt.key, "delivered", "c1"),
    ]
    assert [message.id for message in channel.sent] == ["c1"]


def test_trouble_in_sending(channel: MemoryChannel) -> None:
    """Throttled: nothing goes out. A lost answer: it went."""
    connector = channel.connector()
    channel.throttle(after=timedelta(seconds=3))
    with pytest.raises(errors.ThrottledError):
        connector.send(_message("c1"))
    assert channel.sent == []
    channel.lose_answer()
    with pytest.raises(errors.OutcomeUnknownError):
        connector.send(_message("c1"))
    assert [message.id for message in channel.sent] == ["c1"]


def test_an_idempotent_vendor_sends_once() -> None:
    """The second send of one message answers with the first one's key."""
    channel = MemoryChannel(clock=FakeClock(), idempotent=True)
    connector = channel.connector()
    assert connector.send(_message("c1")) == connector.send(_message("c1"))
    assert len(channel.sent) == 1
    assert connector.capabilities(None).idempotent_send is True
