"""Events survive the way to JSON and back."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from crocevia import (
    Attachment,
    ConsentReported,
    ContactPoint,
    Event,
    Ignored,
    InteractionCompleted,
    InteractionRemoved,
    InteractionRevised,
    InteractionSeen,
    Party,
    PartyIdentified,
    RecordChanged,
    RecordDeleted,
    RecordMerged,
    StatusReported,
    Unrecognised,
)
from crocevia.model import EVENT_TYPES
from crocevia.model.wire import from_wire, to_wire

AT = datetime(2026, 11, 21, 9, 0, 0, 123456, tzinfo=UTC)
POINT = ContactPoint("phone", "", "+393331234567", verified=False, slot="mobile", shown="333 1234567")
ADA = Party([POINT, ContactPoint("whatsapp", "waba|1", "39333")], name="Ada", language="it")
PHOTO = Attachment(kind="image", key="m1", mime_type="image/jpeg", size_bytes=7)
EVENTS: list[Event] = [
    InteractionSeen(
        key="k", author=ADA, at=AT, recipients=[Party()], text="", attachments=[PHOTO], duration=timedelta(seconds=90.5)
    ),
    InteractionSeen(key="k", author=Party(), at=datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))),
    InteractionRevised(key="e", of="k", at=AT, attachments=()),
    InteractionRevised(key="e", of="k", at=AT, author=ADA),
    InteractionRemoved(key="d", of="k", at=AT),
    InteractionCompleted(
        key="e", of="k", at=AT, duration=timedelta(minutes=2), outcome="answered", attachments=[PHOTO], author=ADA
    ),
    ConsentReported(key="c", party=ADA, at=AT, granted=False, purpose="marketing", evidence="keyword STOP"),
    PartyIdentified(key="p", party=ADA, at=AT),
    StatusReported(of="k", status="failed", at=AT, detail="131047", recipient=ADA),
    RecordChanged(object="Contact", id="1", values={"Name": None, "N": 1.5, "L": [["a", "b"]]}, at=AT, version="7"),
    RecordDeleted(object="Contact", id="1", at=AT),
    RecordMerged(object="Contact", id="1", into="2", at=AT),
    Ignored(reason="no touch", leaf="/0"),
    Unrecognised(what="type 'x'"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.tag)
def test_event_comes_back_equal(event: Event) -> None:
    """Through real JSON text, with what contact points do not compare (slot, shown, verified) kept as well."""
    text = json.dumps(to_wire(event))
    back = from_wire(json.loads(text))
    assert (back, repr(back), type(back)) == (event, repr(event), type(event))


def test_every_kind_of_event_is_tried() -> None:
    """A new event type comes into the list above."""
    assert {event.tag for event in EVENTS} == set(EVENT_TYPES)


def test_fields_are_named_as_in_the_model() -> None:
    """What a reader of `crocevia translate` sees."""
    wire = to_wire(EVENTS[0])
    assert (wire["event"], wire["at"], wire["duration"], wire["author"]["points"][0]["value"]) == (
        "interaction seen",
        "2026-11-21T09:00:00.123456Z",
        "PT90.5S",
        "+393331234567",
    )


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"event": "unheard of"},
        {"event": "ignored"},
        {"event": "record deleted", "object": 1, "id": "1", "at": "2026-11-21T09:00:00Z"},
        {"event": "record deleted", "object": "o", "id": "1", "at": "2026-11-21T09:00:00"},
    ],
    ids=["nothing", "unknown", "lacks a field", "wrong type", "naive time"],
)
def test_anything_else_is_refused(values: dict[str, object]) -> None:
    """Never half an event."""
    with pytest.raises(ValueError, match="event"):
        from_wire(values)
