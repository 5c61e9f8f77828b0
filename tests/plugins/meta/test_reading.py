"""What a delivery means, by our own samples."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crocevia import (
    ContactPoint,
    Event,
    Ignored,
    InteractionRemoved,
    InteractionRevised,
    InteractionSeen,
    StatusReported,
    Unrecognised,
)

Parse = Callable[[bytes], list[Event]]
SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> bytes:
    """One of our samples."""
    return (SAMPLES / f"{name}.json").read_bytes()


def seen(events: list[Event]) -> list[InteractionSeen]:
    """The interactions among events."""
    return [event for event in events if isinstance(event, InteractionSeen)]


def addresses(points: tuple[ContactPoint, ...]) -> list[tuple[str, str]]:
    """Address and slot of each point."""
    return [(point.address, point.slot) for point in points]


def delivery(**value: Any) -> bytes:
    """A delivery of one change."""
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", **value}}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}).encode()


def test_a_batch_is_read_at_every_level(parse: Parse) -> None:
    """Entries, changes, messages and statuses; each message in the conversation of the number it came to."""
    events = parse(sample("batch"))
    assert [(event.text, event.conversation) for event in seen(events)] == [
        ("uno", "700100200300:393331112233"),
        ("due", "700100200300:393335556677"),
        ("tre", "700100200300:393331112233"),
        ("quattro", "700100200399:393331112233"),
    ]
    assert [event.author.name for event in seen(events)] == ["Anna Neri", "Bruno", "Anna Neri", "Anna Neri"]
    assert [event.of for event in events if isinstance(event, StatusReported)] == ["wamid.OURS6"]


def test_a_broken_leaf_harms_no_neighbour(parse: Parse) -> None:
    """Without an id, without a time, with a wrong type: unrecognised, in its place."""
    events = parse(sample("broken_among_whole"))
    assert [event.text for event in seen(events)] == ["prima", "dopo"]
    assert [event.what for event in events if isinstance(event, Unrecognised)] == [
        "messages: 'id' is missing",
        "messages: 'timestamp' is missing",
        "messages: 'image' is not an object",
        "entry.*.changes.*.value.messages.* is of a wrong type",
    ]


def test_a_list_of_a_wrong_type_is_not_passed_over(parse: Parse) -> None:
    """`statuses` that is no list is unrecognised beside messages that are whole."""
    message = {"from": "39333", "id": "wamid.1", "timestamp": "1763700000", "type": "text", "text": {"body": "x"}}
    events = parse(delivery(messages=[message], statuses="soon"))
    assert [type(event) for event in events] == [InteractionSeen, Unrecognised]
    assert events[1].leaf == "/entry/0/changes/0/value/statuses"


def test_edits_and_deletions_name_the_original(parse: Parse) -> None:
    """Each has a key of its own."""
    edited, removed = parse(sample("edit_and_revoke"))
    assert isinstance(edited, InteractionRevised)
    assert (edited.key, edited.of) == ("wamid.SAMPLE18", "wamid.SAMPLE1")
    assert edited.text == "Buongiorno, avete la taglia L?"
    assert isinstance(removed, InteractionRemoved)
    assert (removed.key, removed.of) == ("wamid.SAMPLE19", "wamid.SAMPLE2")


def test_a_reaction_that_is_taken_back_removes_no_message(parse: Parse) -> None:
    """It names the message, not the reaction: so it is a reaction too, with an empty text."""
    events = seen(parse(sample("reactions")))
    assert [(event.kind, event.text, event.in_reply_to) for event in events] == [
        ("reaction", "❤️", "wamid.OURS1"),
        ("reaction", "", "wamid.OURS1"),
        ("reaction", "", "wamid.OURS1"),
    ]
    assert len({event.dedupe_key for event in events}) == 3


def test_a_customer_who_changes_number_is_one_party_with_both(parse: Parse) -> None:
    """New addresses first; the old ones were his until now; the thread goes on under the new one."""
    (notice,) = seen(parse(sample("number_changed")))
    assert notice.kind == "notice"
    assert notice.conversation == "700100200300:393334445566"
    assert addresses(notice.author.points) == [
        ("phone||+393334445566", "mobile"),
        ("whatsapp||IT.9999104857201", ""),
        ("phone||+393331112233", "former"),
        ("whatsapp||IT.4829104857201", "former"),
    ]


def test_a_customer_who_hides_the_number_is_known_by_user_id(parse: Parse) -> None:
    """And has a conversation all the same."""
    (event,) = seen(parse(sample("without_a_phone")))
    assert addresses(event.author.points) == [("whatsapp||IT.7000000000001", "")]
    assert event.conversation == "700100200300:IT.7000000000001"


def test_a_user_id_in_the_place_of_the_number_is_no_phone(parse: Parse) -> None:
    """`from` may hold either."""
    message = {"from": "US.1349", "id": "wamid.1", "timestamp": "1763700000", "type": "text", "text": {"body": "x"}}
    (event,) = seen(parse(delivery(messages=[message])))
    assert addresses(event.author.points) == [("whatsapp||US.1349", "")]


def test_statuses_bring_our_id_back(parse: Parse) -> None:
    """In any order; a failure with the vendor's code; an unknown one is kept apart."""
    events = parse(sample("statuses"))
    told = [(event.of, event.status) for event in events if isinstance(event, StatusReported)]
    assert told == [
        ("wamid.OURS1", "read"),
        ("wamid.OURS1", "sent"),
        ("wamid.OURS1", "delivered"),
        ("wamid.OURS3", "failed"),
        ("wamid.OURS4", "played"),
    ]
    assert [event.callback for event in events if isinstance(event, StatusReported)][1] == "01JCOMMAND"
    assert [event.detail for event in events if isinstance(event, StatusReported)][3] == "131026: Message undeliverable"
    assert [event.what for event in events if isinstance(event, Unrecognised)] == ["statuses: status 'teleported'"]


def test_what_people_sent_from_the_business_app_is_outbound(parse: Parse) -> None:
    """Seen, edited, deleted; the customer is the recipient."""
    sent, edited, removed = parse(sample("echoes"))
    assert isinstance(sent, InteractionSeen)
    assert (sent.direction, sent.status, sent.text) == ("outbound", "sent", "La L è arrivata")
    assert [point.address for point in sent.customer.points] == ["phone||+393331112233"]
    assert [point.address for point in sent.author.points] == ["phone||+390115550100"]
    assert isinstance(edited, InteractionRevised)
    assert isinstance(removed, InteractionRemoved)
    assert edited.of == removed.of == sent.key


def test_history_tells_both_sides_with_the_status_it_came_to(parse: Parse) -> None:
    """A file whose id comes later revises the message that held its place."""
    *told, empty, late = parse(sample("history"))
    assert [(event.direction, event.status, event.text) for event in seen(told)] == [
        ("inbound", None, "Salve"),
        ("outbound", "delivered", "Buongiorno a lei"),
        ("inbound", None, None),
    ]
    assert isinstance(empty, Ignored)
    assert isinstance(late, InteractionRevised)
    assert (late.of, late.text) == ("wamid.OLD3", "scontrino")
    assert late.attachments is not None
    assert late.attachments[0].key == "880100200305"


def test_a_call_is_one_interaction_with_its_length(parse: Parse) -> None:
    """Told when it ends; what the business starts is outbound."""
    ringing, answered, failed = parse(sample("calls"))
    assert isinstance(ringing, Ignored)
    assert isinstance(answered, InteractionSeen)
    assert (answered.kind, answered.direction, answered.duration) == ("call", "inbound", timedelta(seconds=93))
    assert isinstance(failed, InteractionSeen)
    assert (failed.direction, failed.status, failed.duration) == ("outbound", "failed", None)


def test_news_of_the_account_is_ignored_and_a_new_field_is_not_understood(parse: Parse) -> None:
    """Each with what it is."""
    *known, new = parse(sample("account_news"))
    assert [type(event) for event in known] == [Ignored, Ignored, Ignored]
    assert new == Unrecognised(what="field 'mind_reading_update'", leaf="/entry/0/changes/3")


def test_a_group_is_a_public_conversation_of_its_own(parse: Parse) -> None:
    """Others read it too."""
    (event,) = seen(parse(sample("group")))
    assert (event.public, event.conversation) == (True, "700100200300:group:Y2FwaV9ncm91cDox")


@pytest.mark.parametrize(
    ("error", "what"),
    [
        ({"type": {"a": 1}}, "messages: 'type' is a dict, not a text"),
        ({"type": "hologram"}, "messages: message type 'hologram'"),
        ({"type": "interactive", "interactive": {"type": "dance"}}, "messages: interactive type 'dance'"),
        ({"type": "text"}, "messages: 'text' is missing"),
        ({"type": "text", "text": {}}, "messages: a text message without 'body'"),
        ({"type": "image", "image": {}}, "messages: a message of type 'image' without media id or URL"),
        ({"type": "location", "location": {"latitude": "45"}}, "messages: a location without coordinates"),
        ({"type": "contacts", "contacts": {}}, "messages: a message of contacts without any"),
        ({"type": "revoke", "revoke": {}}, "messages: 'original_message_id' is missing"),
        ({"timestamp": True}, "messages: 'timestamp' is a bool"),
        ({"timestamp": "soon"}, "messages: a time is not a number of seconds or milliseconds"),
        ({"timestamp": 10**30}, "messages: a time is not a number of seconds or milliseconds"),
        ({"from": 39333}, "messages: 'from' is not a text"),
        ({"from": None}, "messages: no sender: neither 'from' nor one contact"),
    ],
)
def test_what_is_wrong_with_a_message_is_said(error: dict[str, Any], what: str, parse: Parse) -> None:
    """In the vendor's names, without the customer's words."""
    message: dict[str, Any] = {"from": "39333", "id": "wamid.1", "timestamp": "1763700000", "type": "text"}
    message |= {"text": {"body": "x"}, **error}
    if error.get("type") == "text":
        message["text"] = error.get("text")
    assert [event.what for event in parse(delivery(messages=[message])) if isinstance(event, Unrecognised)] == [what]
