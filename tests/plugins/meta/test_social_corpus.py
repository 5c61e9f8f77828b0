"""Recorded and published webhooks of pages and Instagram accounts."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crocevia import (
    Event,
    Ignored,
    InteractionRemoved,
    InteractionRevised,
    InteractionSeen,
    ParseContext,
    Raw,
    Secret,
    StatusReported,
    Unrecognised,
)
from crocevia.errors import MalformedError
from crocevia_meta import FacebookPage, Instagram, Messenger
from crocevia_meta.facebook_page import Settings as PageSettings
from crocevia_meta.instagram import Settings as InstagramSettings
from crocevia_meta.messenger import Settings as MessengerSettings

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECRETS: dict[str, Any] = {name: Secret(name) for name in ("app_secret", "access_token", "verify_token")}
FOLDERS = {"messenger": "messenger", "instagram": "instagram", "facebook_page": "fbpage"}
GRAPH_OBJECTS = ("restfb__instagram-conversation", "restfb__instagram-message", "restfb__instagram-message-story")
"""In the folder of webhooks, but what the Graph API answers when it is asked for a conversation or message."""

# The values were read in the files and written down by hand: channel, file -> what its one leaf says.
SEEN: dict[tuple[str, str], dict[str, Any]] = {
    ("messenger", "chatwoot__incoming_fb_text_message"): {"text": "facebook message", "point": "3383290475046708"},
    ("messenger", "restfb__messaging-message-basic-echo"): {
        "key": "mid.1457764197618:41d102a3e1ae206a38",
        "direction": "outbound",
        "at": datetime(2016, 3, 12, 6, 29, 57, 627000, tzinfo=UTC),
    },
    ("messenger", "restfb__messaging-message-fallback-attachment"): {
        "attachments": [("link", "Legacy Attachment", "https://www.messenger.com/", None)]
    },
    ("messenger", "restfb__messaging-message-location-attachment"): {
        "attachments": [("location", None, None, "12.34,43.21")]
    },
    ("messenger", "restfb__messaging-message-nlp-error"): {"point": "1886939548028072", "kind": "message"},
    ("messenger", "restfb__messaging-message-prior"): {"points": ["987654321432", "<USER_REF>"]},
    ("messenger", "restfb__messaging-message-product-template"): {
        "attachments": [("product", "Some product title", "https://fb.cdn.com/sdsd", "<EXTERNAL_ID>")]
    },
    ("messenger", "restfb__messaging-message-quickreply"): {
        "text": "quick reply text",
        "attachments": [("choice", None, None, "PAYLOAD_QUICK_REPLY")],
    },
    ("messenger", "restfb__messaging-message-reply-1"): {
        "in_reply_to": "very_long_id_representing_the_original_message"
    },
    ("messenger", "restfb__messaging-message-reply-2"): {"attachments": [("story", None, "EXAMPLE_URL", None)]},
    ("messenger", "restfb__messaging-message-sticker"): {
        "attachments": [("sticker", None, "https://scontent.xx.fbcdn.net/sticker.png", None)]
    },
    ("messenger", "restfb__messaging-optin-userref"): {
        "kind": "notice",
        "points": ["987654321432", "UNIQUE_REF_PARAM"],
    },
    ("messenger", "restfb__messaging-payment"): {
        "name": "Peter Chang",
        "points": ["USER_ID", "peter@anemailprovider.com", "+15105551234"],
        "attachments": [("order", None, None, "29.62 USD")],
    },
    ("messenger", "restfb__messaging-postback-basic"): {
        "key": "postback:987654321432:1458692752478",
        "attachments": [("choice", None, None, "USER_DEFINED_PAYLOAD")],
    },
    ("messenger", "restfb__messaging-postback-chat"): {"text": None, "conversation": "12345654332:987654321432"},
    ("messenger", "restfb__messaging-reaction-1"): {
        "kind": "reaction",
        "text": "\N{CRYING FACE}",
        "in_reply_to": "original_message_id",
    },
    ("messenger", "restfb__messaging-referral-basic"): {"attachments": [("referral", None, None, "SHORTLINK")]},
    ("messenger", "restfb__standby-message-basic-echo"): {"text": "hello, world!", "status": "sent"},
    ("instagram", "chatwoot__incoming_ig_text_message"): {
        "text": "This is the first message from the customer",
        "key": "message-id-1",
        "at": datetime(2021, 9, 8, 6, 34, 4, tzinfo=UTC),
    },
    ("instagram", "chatwoot__instagram_message_create_event"): {"point": "Sender-id-1", "direction": "inbound"},
    ("instagram", "chatwoot__instagram_message_reply_event"): {
        "text": "This is message with replyto mid",
        "in_reply_to": "message-id-1",
    },
    ("instagram", "chatwoot__instagram_message_standby_event"): {
        "text": "This is the first standby message from the customer, after 24 hours."
    },
    ("instagram", "chatwoot__instagram_message_unsupported_event"): {
        "key": "unsupported-message-id-1",
        "attachments": [("unsupported", None, None, "Meta does not hand this kind of message over")],
    },
    ("instagram", "chatwoot__instagram_story_mention_event"): {
        "attachments": [("story_mention", None, "https://www.example.com/test.jpeg", None)],
        "key": "mention-message-id-1",
    },
    ("instagram", "chatwoot__instagram_story_mention_event_with_echo"): {"direction": "outbound", "status": "sent"},
    ("instagram", "chatwoot__instagram_story_reply_event"): {
        "text": "This is the story reply",
        "attachments": [("story", None, "https://chatwoot-assets.local/sample.png", None)],
        "conversation": "instagram-message-id-123:Sender-id-1",
    },
    ("facebook_page", "restfb__feed-comment-add-211"): {
        "key": "901097836652708_903438993085259",
        "direction": "outbound",
        "in_reply_to": "1234567890321_901097836652708",
    },
    ("facebook_page", "restfb__feed-comment-add-with-video"): {
        "attachments": [("video", None, "https://example.fbcdn.net/video.mp4", None)]
    },
    ("facebook_page", "restfb__feed-like-add-25"): {"text": "\N{THUMBS UP SIGN}", "name": "Tester"},
    ("facebook_page", "restfb__feed-like-add-comment-25"): {"in_reply_to": "940663242694065_659751347534292"},
    ("facebook_page", "restfb__feed-post-add-25"): {
        "text": "Let's check this",
        "name": "John Doe",
        "points": ["8423678347823", "8423678347823"],
        "at": datetime(2016, 2, 5, 21, 17, tzinfo=UTC),
        "public": True,
    },
    ("facebook_page", "restfb__mention-comment-add"): {"points": [], "text": "Just a test message", "kind": "comment"},
    ("facebook_page", "restfb__mention-post-add-real"): {
        "text": "A test post message",
        "conversation": "post:1234567890321_98722536423179",
        "at": datetime(2021, 2, 26, 11, 56, 2, tzinfo=UTC),
    },
    ("facebook_page", "restfb__mention-post-add"): {"name": "Example Name", "text": None, "point": "44444444"},
    ("facebook_page", "restfb__ratings-like-remove-40"): {"kind": "reaction", "text": ""},
    ("facebook_page", "restfb__ratings-rating-add-25"): {
        "kind": "review",
        "text": "Ja ziemlich coole Sache",
        "attachments": [("rating", None, None, "3")],
        "key": "rating:904801129604590",
    },
}
OTHERS: dict[tuple[str, str], tuple[type[Any], dict[str, Any]]] = {
    ("messenger", "restfb__messaging-message-edits"): (
        InteractionRevised,
        {"of": "mid.1457764197618:41d102a3e1ae206a38", "text": "hello, world!"},
    ),
    ("instagram", "chatwoot__instagram_message_unsend_event"): (InteractionRemoved, {"of": "message-id-to-delete"}),
    ("instagram", "chatwoot__messaging_seen_event"): (StatusReported, {"of": "message-id-1", "status": "read"}),
    ("instagram", "restfb__messaging-seen"): (
        StatusReported,
        {"of": "MESSAGE-ID", "at": datetime(2022, 11, 9, 19, 32, 13, 735000, tzinfo=UTC)},
    ),
    ("facebook_page", "restfb__feed-comment-edited-with-photo"): (
        InteractionRevised,
        {"of": "900728623356296_900744590021366", "text": "Let's see the Webhooks in action :D"},
    ),
    ("facebook_page", "restfb__feed-comment-remove-25"): (
        InteractionRemoved,
        {"of": "905578656204626_905579239537901", "at": datetime(2016, 1, 6, 19, 6, 22, tzinfo=UTC)},
    ),
    ("facebook_page", "restfb__ratings-rating-remove-25"): (InteractionRemoved, {"of": "rating:904801129604590"}),
    ("messenger", "restfb__messaging-pass-thread-control"): (
        Ignored,
        {"reason": "which app answers in this thread, not a touch"},
    ),
    ("instagram", "restfb__wh-comments"): (Ignored, {"reason": "a test from the App dashboard"}),
    ("instagram", "chatwoot__instagram_test_event"): (Ignored, {"reason": "a test from the App dashboard"}),
    ("facebook_page", "restfb__feed-post-edit"): (
        InteractionRevised,
        {"of": "1234567890321_7293787835232", "at": datetime(2016, 7, 7, 11, 20, 9, tzinfo=UTC)},
    ),
    ("facebook_page", "restfb__ratings-rating-edit-25"): (InteractionRevised, {"text": "Ja ziemlich coole Sache"}),
    ("facebook_page", "restfb__feed-status-hide-25"): (
        Ignored,
        {"reason": "hidden from visitors or shown again: what was said stays said"},
    ),
    ("facebook_page", "restfb__feed-photo-add-message"): (
        Ignored,
        {"reason": "the page's own post, to nobody in particular"},
    ),
    ("facebook_page", "restfb__user-email"): (Ignored, {"reason": "of 'user', not of 'page'"}),
}


def connector(kind: str, account: str) -> Messenger | Instagram | FacebookPage:
    """A connector of the account that a body is of."""
    match kind:
        case "messenger":
            return Messenger(MessengerSettings(page_id=account, **SECRETS))
        case "instagram":
            return Instagram(InstagramSettings(account_id=account, **SECRETS))
    return FacebookPage(PageSettings(page_id=account, **SECRETS))


def parsed(kind: str, body: bytes) -> list[Event]:
    """What the account that a body is of makes of it; every leaf is exactly one event."""
    entries = json.loads(body).get("entry") or [{"id": 117172741761305}]
    channel = connector(kind, str(entries[0]["id"]))
    raw = Raw(connection=kind, kind=kind, body=body, received_at=NOW)
    events = list(channel.parse(raw, ParseContext(now=NOW)))
    assert sorted(event.leaf for event in events) == sorted(channel.leaves(raw))
    return events


def body(corpus: Path, kind: str, name: str) -> bytes:
    """One file of the corpus."""
    return (corpus / "payloads" / FOLDERS[kind] / f"{name}.json").read_bytes()


def said(event: InteractionSeen, name: str) -> Any:
    """What an expectation's name means."""
    if name == "attachments":
        return [(file.kind, file.name, file.url, file.detail) for file in event.attachments]
    if name == "points":
        return [point.value for point in event.customer.points]
    if name == "point":
        return event.customer.points[0].value
    return event.customer.name if name == "name" else getattr(event, name)


@pytest.mark.parametrize(("kind", "name"), SEEN)
def test_a_touch_of_the_corpus_says_what_was_read_in_it_by_hand(kind: str, name: str, corpus: Path) -> None:
    """Key, sender, time, conversation, text and attachments, as far as they were written down."""
    [event] = parsed(kind, body(corpus, kind, name))
    assert isinstance(event, InteractionSeen)
    expected = SEEN[kind, name]
    assert {field: said(event, field) for field in expected} == expected


@pytest.mark.parametrize(("kind", "name"), OTHERS)
def test_what_is_no_touch_says_what_was_read_in_it_by_hand(kind: str, name: str, corpus: Path) -> None:
    """Edits, removals, receipts, and why there is nothing to do."""
    [event] = parsed(kind, body(corpus, kind, name))
    type_, expected = OTHERS[kind, name]
    assert type(event) is type_
    assert {field: getattr(event, field) for field in expected} == expected


def webhooks(corpus: Path, kind: str) -> Iterator[bytes]:
    """Every webhook of a channel."""
    for file in sorted((corpus / "payloads" / FOLDERS[kind]).glob("*.json")):
        if file.stem not in GRAPH_OBJECTS:
            yield file.read_bytes()


@pytest.mark.parametrize(("kind", "least"), [("messenger", 30), ("instagram", 13), ("facebook_page", 50)])
def test_every_leaf_of_the_corpus_is_recognised(
    kind: str, least: int, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No webhook raises; every leaf is one event, and none is not understood."""
    count: Counter[str] = Counter()
    for whole in webhooks(corpus, kind):
        for event in parsed(kind, whole):
            count["leaves"] += 1
            count[event.tag] += 1
    with capsys.disabled():
        print(f"\n{kind} corpus: {dict(count)}")  # noqa: T201 - the figures are the point
    assert count["leaves"] >= least
    assert count[Unrecognised.tag] == 0
    assert count[Ignored.tag] < 0.6 * count["leaves"]


@pytest.mark.parametrize("kind", FOLDERS)
def test_every_channel_overlooks_what_is_of_the_others(kind: str, corpus: Path) -> None:
    """One subscription serves all: what another channel reads is ignored with the reason, never not understood."""
    for other in FOLDERS:
        if other == kind:
            continue
        for whole in webhooks(corpus, other):
            decoded = json.loads(whole)
            if "object" in decoded:  # a body that a relay has cut is only handed to its own
                assert {event.tag for event in parsed(kind, whole)} == {Ignored.tag}


def test_one_delivery_of_two_pages_is_each_ones_own(corpus: Path) -> None:
    """An echo of another app's among them."""
    whole = (corpus / "payloads" / "_oddities" / "meta_two_pages_one_delivery.json").read_bytes()
    for page, keys in (("P1", ["m1"]), ("P2", ["m2", "m3"]), ("P3", [])):
        raw = Raw(connection="m", kind="messenger", body=whole, received_at=NOW)
        events = list(connector("messenger", page).parse(raw, ParseContext(now=NOW)))
        assert len(events) == 3
        assert [event.key for event in events if isinstance(event, InteractionSeen)] == keys


@pytest.mark.parametrize("kind", FOLDERS)
def test_what_the_graph_api_answers_is_no_webhook(kind: str, corpus: Path) -> None:
    """Nor is odd JSON."""
    folder = corpus / "payloads"
    files = [
        *(folder / FOLDERS[kind] / "api").glob("*.json"),
        *(folder / "instagram" / f"{n}.json" for n in GRAPH_OBJECTS),
    ]
    files += [folder / "_oddities" / f"{n}.json" for n in ("deep_nesting", "empty_array", "nan_infinity", "null")]
    for file in files:
        raw = Raw(connection=kind, kind=kind, body=file.read_bytes(), received_at=NOW)
        with pytest.raises(MalformedError):
            list(connector(kind, "1").parse(raw, ParseContext(now=NOW)))


@pytest.mark.parametrize("kind", FOLDERS)
def test_at_least_fifteen_leaves_of_each_channel_are_asserted_by_hand(kind: str, corpus: Path) -> None:
    """The tables above cover the corpus; of Instagram it holds thirteen webhooks in all."""
    covered = [name for of, name in (*SEEN, *OTHERS) if of == kind and body(corpus, kind, name)]
    assert len(covered) >= min(15, len(list(webhooks(corpus, kind))))
