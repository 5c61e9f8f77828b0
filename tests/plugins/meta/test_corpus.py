"""Recorded and published WhatsApp webhooks."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crocevia import Event, Ignored, InteractionRevised, InteractionSeen, StatusReported, Unrecognised
from crocevia.errors import MalformedError

Parse = Callable[[bytes], list[Event]]
USER = [
    "phone||+972987654321",
    "whatsapp||US.13491208655302741918",
    "whatsapp||US.ENT.11815799212886844830",
]
SHEENA = ["phone||+16505551234"]
LEGACY = ["phone||+16315555555"]

# The values were read in the files and written down by hand: file -> what its one message says.
MESSAGES: dict[str, dict[str, Any]] = {
    "legacy_onprem__audio": {"points": LEGACY, "attachments": [("voice", "463eb7ec-ff4e-4d9b-b110-1879cbd411b2")]},
    "legacy_onprem__document": {"text": "80skaraokesonglistartist", "conversation": "16315555555"},
    "legacy_onprem__image": {
        "text": "Check out my new phone!",
        "at": datetime(2018, 3, 19, 22, 19, 14, tzinfo=UTC),
        "attachments": [("image", "b1c68f38-8734-4ad3-b4a1-ef0c10d683")],
    },
    "legacy_onprem__location": {"text": None, "details": ["38.9806263495,-131.9428612257"]},
    "legacy_onprem__system": {"kind": "notice", "points": ["phone||+16315551026"], "public": True},
    "legacy_onprem__unknown": {"attachments": [("unsupported", None)], "details": ["501: Unknown message type"]},
    "legacy_onprem__voice": {"name": "Julien", "points": ["phone||+33676112295"], "text": None},
    "official_webhook__button_message": {
        "text": "Unsubscribe",
        "key": "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQUU0M0MxQzQzMUJCMTMwNUZFOQA=",
        "in_reply_to": "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBJFNjk2OTMwNEZCQjhGMzUyQUYA",
        "at": datetime(2025, 6, 16, 16, 24, 5, tzinfo=UTC),
    },
    "official_webhook__image_message": {
        "text": "Taj Mahal",
        "name": "Sheena Nelson",
        "conversation": "106540352242922:16505551234",
        "attachments": [("image", "1003383421387256")],
    },
    "official_webhook__interactive_button_reply_message": {"text": "Cancel", "points": SHEENA},
    "official_webhook__interactive_list_reply_message": {
        "text": "Priority Mail Express",
        "in_reply_to": "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBJGMzEyNzhENTZDMzNGODlDRDgA",
    },
    "official_webhook__location_message": {
        "names": ["Philz Coffee, 101 Forest Ave, Palo Alto, CA 94301"],
        "details": ["37.44221496582,-122.16165924072"],
    },
    "official_webhook__text_message_from_click_to_whatsapp_ad": {
        "text": "Hello! Can I get more info on this?",
        "attachments": [("referral", "120226305854810726")],
        "names": ["Chat with us"],
    },
    "official_webhook__text_message_with_context_product_inquiry": {
        "text": "Is this still available?",
        "attachments": [("product", "di9ozbzfi4")],
        "in_reply_to": "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGA9wcm9kdWN0X2lucXVpcnkA",
    },
    "pywa__call_permission_update__accept": {"kind": "notice", "text": "Call permission: accept", "points": USER},
    "pywa__callback_button__quick_reply": {"text": "title", "in_reply_to": "wamid.xyzxyz==", "points": USER},
    "pywa__callback_button__quick_reply_without_context": {"text": "title", "in_reply_to": None, "points": USER},
    "pywa__callback_selection__callback": {"text": "title", "key": "wamid.zyzxyz"},
    "pywa__callback_selection__description": {"text": "title", "conversation": "1122334455667:972987654321"},
    "pywa__flow_completion__completion": {"text": "Sent", "attachments": [("form", None)], "names": ["flow"]},
    "pywa__message__current_location": {"details": ["12.25089,43.90539"], "in_reply_to": None},
    "pywa__message__document": {
        "text": "caption",
        "attachments": [("document", "1234567890987654321")],
        "names": ["filename.pdf"],
        "at": datetime(2023, 10, 11, 17, 1, 6, tzinfo=UTC),
    },
    "pywa__message__interactive_message_with_err": {"text": None, "attachments": [("unsupported", None)]},
    "pywa__message__media_with_url": {"attachments": [("image", "65463453")], "name": "Test Name"},
    "pywa__message__order": {
        "text": None,
        "attachments": [("order", "354160437058781")],
        "details": ["3 x HAMBURGER at 30 ILS; 2 x FRENCH_FRIES at 35 ILS; 2 x SODA at 10 ILS"],
    },
    "pywa__message__reaction": {"kind": "reaction", "text": "\N{FACE WITH OPEN MOUTH}", "in_reply_to": "wamid.yzxyzx="},
    "pywa__message__unreaction_empty": {"kind": "reaction", "text": "", "in_reply_to": "wamid.yzxyzx="},
    "pywa__message__unreaction_no_emoji": {"kind": "reaction", "text": "", "in_reply_to": "wamid.yzxyzx="},
    "pywa__message__voice": {"attachments": [("voice", "1234567890987654321")]},
    "../_oddities/wa_bsuid_only_no_phone": {
        "points": ["whatsapp||US.13491208655302741918"],
        "name": "A",
        "conversation": "2:US.13491208655302741918",
    },
    "../_oddities/wa_no_contacts": {"points": ["phone||+55"], "name": None, "text": "x"},
}

STATUSES: dict[str, dict[str, Any]] = {
    "pywa__message_status__sent": {"status": "sent", "at": datetime(2023, 10, 25, 20, 49, 5, tzinfo=UTC)},
    "pywa__message_status__delivered": {"status": "delivered", "of": "wamid.xyzxyz"},
    "pywa__message_status__read": {"status": "read", "at": datetime(2023, 7, 15, 0, 20, 58, tzinfo=UTC)},
    "pywa__message_status__played": {"status": "played", "detail": None},
    "pywa__message_status__failed": {"status": "failed", "detail": "130472: User's number is part of an experiment"},
    "../_oddities/wa_status_failed_before_sent": {
        "status": "failed",
        "of": "wamid.9",
        "detail": "131047: Re-engagement message",
    },
}

_ATTACHMENT_VIEWS: dict[str, Callable[[Any], Any]] = {
    "attachments": lambda attachment: (attachment.kind, attachment.key),
    "names": lambda attachment: attachment.name,
    "details": lambda attachment: attachment.detail,
}


def said(event: InteractionSeen, name: str) -> Any:
    """What an expectation's name means."""
    if name in _ATTACHMENT_VIEWS:
        return [_ATTACHMENT_VIEWS[name](attachment) for attachment in event.attachments]
    if name == "points":
        return [point.address for point in event.customer.points]
    return event.customer.name if name == "name" else getattr(event, name)


def body(corpus: Path, name: str) -> bytes:
    """One file of the corpus."""
    return (corpus / "payloads" / "whatsapp" / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_of_the_corpus_says_what_was_read_in_it_by_hand(name: str, corpus: Path, parse: Parse) -> None:
    """Key, sender, time, conversation, text and attachments, as far as they were written down."""
    event = parse(body(corpus, name))[0]
    assert isinstance(event, InteractionSeen)
    expected = MESSAGES[name]
    assert {field: said(event, field) for field in expected} == expected


@pytest.mark.parametrize("name", STATUSES)
def test_a_status_of_the_corpus_says_what_was_read_in_it_by_hand(name: str, corpus: Path, parse: Parse) -> None:
    """Which message, which status, when, and why it failed."""
    (event,) = parse(body(corpus, name))
    assert isinstance(event, StatusReported)
    assert {field: getattr(event, field) for field in STATUSES[name]} == STATUSES[name]


def test_what_the_business_app_sent_and_edited_is_ours(corpus: Path, parse: Parse) -> None:
    """An echo is outbound and sent; its edit names the original."""
    (sent,) = parse(body(corpus, "pywa__outgoing_message__text"))
    (edited,) = parse(body(corpus, "pywa__outgoing_message__edit"))
    assert isinstance(sent, InteractionSeen)
    assert (sent.direction, sent.status, sent.text) == ("outbound", "sent", "Test message")
    assert isinstance(edited, InteractionRevised)
    assert (edited.key, edited.of, edited.text) == ("wamid.yyyyyy", "wamid.zzzzzz", "Text was edited")


def test_nearly_every_message_and_status_of_the_corpus_is_recognised(
    corpus: Path, parse: Parse, capsys: pytest.CaptureFixture[str]
) -> None:
    """No webhook raises; every leaf is one event; at least 95 % of messages and statuses are understood."""
    files = sorted((corpus / "payloads" / "whatsapp").glob("*.json"))
    files += sorted((corpus / "payloads" / "_oddities").glob("wa_*.json"))
    count: Counter[str] = Counter()
    for file in files:
        for event in parse(file.read_bytes()):
            is_talk = "/messages/" in event.leaf or "/statuses/" in event.leaf or "/message_echoes/" in event.leaf
            count["leaves"] += 1
            count["messages and statuses"] += is_talk
            count["of them recognised"] += is_talk and not isinstance(event, Unrecognised)
            count["of them ignored"] += is_talk and isinstance(event, Ignored)
            count["unrecognised"] += isinstance(event, Unrecognised)
    with capsys.disabled():
        print(f"\nWhatsApp corpus: {len(files)} webhooks, {dict(count)}")  # noqa: T201 - the figures are the point
    assert count["messages and statuses"] >= 40
    assert count["of them recognised"] >= 0.95 * count["messages and statuses"]


def test_what_is_no_webhook_is_refused_as_such(corpus: Path, parse: Parse) -> None:
    """Calls to the Graph API and their answers are in the corpus too: none of them is mistaken for a delivery."""
    files = sorted((corpus / "payloads" / "whatsapp" / "api").glob("*.json"))
    assert files
    for file in files:
        with pytest.raises(MalformedError):
            parse(file.read_bytes())


@pytest.mark.parametrize("name", ["deep_nesting", "empty_array", "nan_infinity", "nul_char", "null", "truncated"])
def test_odd_json_is_refused_as_malformed(name: str, corpus: Path, parse: Parse) -> None:
    """What is no delivery at all is quarantined whole."""
    with pytest.raises(MalformedError):
        parse((corpus / "payloads" / "_oddities" / f"{name}.json").read_bytes())


def test_a_shared_subscription_brings_pages_and_they_are_left_to_their_channel(corpus: Path, parse: Parse) -> None:
    """Leaves of another object are ignored, each with the reason."""
    events = parse((corpus / "payloads" / "_oddities" / "meta_two_pages_one_delivery.json").read_bytes())
    assert [event for event in events if not isinstance(event, Ignored)] == []
    assert len(events) == 3


def test_at_least_thirty_values_of_the_corpus_are_asserted_by_hand(corpus: Path) -> None:
    """The tables above cover the corpus."""
    assert sum(len(expected) for expected in (*MESSAGES.values(), *STATUSES.values())) >= 30
    covered = {json.loads(body(corpus, name)) and name for name in (*MESSAGES, *STATUSES)}
    assert len(covered) >= 36
