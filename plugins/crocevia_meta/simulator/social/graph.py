"""The Graph API's side: what a business may ask of its page and account; stricter than Meta where Meta overlooks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from crocevia_meta.simulator.graph_calls import Call, Reply, decoded, reply
from crocevia_meta.simulator.refusals import Refusal, length, only
from crocevia_meta.simulator.social.world import Comment, Place, World

_PATH = re.compile(r"/v\d+\.\d+/(?P<node>[A-Za-z0-9_]+)(?:/(?P<edge>[a-z_]+))?")
_MESSAGE = frozenset({"text", "attachment", "quick_replies", "metadata"})
_BODY = frozenset({"recipient", "message", "messaging_type", "tag", "reply_to"})
_FILES = frozenset({"image", "video", "audio", "file"})
_FIELDS = ["messages", "messaging_postbacks", "message_deliveries", "message_echoes", "message_reactions", "feed"]
MOST_CHARACTERS, MOST_BYTES = 2000, 1000
_GONE = 33
_CLOSED = 2018278


def answer(world: World, call: Call) -> Reply:
    """Answer one call.

    Raises:
        Refusal: it is not allowed, not there, or wrong.
    """
    path = _PATH.fullmatch(call.path.partition("?")[0])
    if path is None:
        raise Refusal(100, "Unknown path components", subcode=2500)
    if call.headers.get("authorization") != f"Bearer {world.settings.access_token.reveal()}":
        raise Refusal(190, "The access token is not valid")
    node, edge, settings = path["node"], path["edge"], world.settings
    match call.method, edge:
        case "GET", None if node == settings.page_id:
            return reply({"id": node, "name": settings.page_name})
        case "GET", None if node == settings.instagram_id:
            return reply({"id": node, "username": settings.username})
        case "GET", None if node in world.files:
            files = [{"id": str(n), "image_data": {"url": url}} for n, url in enumerate(world.files[node])]
            return reply({"id": node, "attachments": {"data": files}})
        case "GET", "subscribed_apps" if node == settings.page_id:
            apps = [{"id": "67252", "name": "crocevia", "subscribed_fields": _FIELDS}]
            return reply({"data": apps if world.webhook else []})
        case "POST", "messages" if node in ("me", settings.page_id):
            return _send(world, decoded(call))
        case "POST", "comments" | "replies" if node in world.comments:
            return _answer(world, world.comments[node], edge, decoded(call))
    raise Refusal(100, f"Unsupported {call.method} request: the object does not exist", subcode=_GONE)


def _send(world: World, body: Any) -> Reply:
    only(body, _BODY, "the message")
    message, recipient = body.get("message"), body.get("recipient")
    only(message, _MESSAGE, "message")
    only(recipient, {"id", "comment_id", "post_id"}, "recipient")
    if len(recipient) != 1:
        raise Refusal(100, "recipient must name one")
    if (body.get("messaging_type"), body.get("tag")) not in (("RESPONSE", None), ("MESSAGE_TAG", "HUMAN_AGENT")):
        raise Refusal(100, "messaging_type must be RESPONSE, or MESSAGE_TAG with a tag")
    ((kind, id_),) = recipient.items()
    if kind == "id":
        place, person = _known(world, id_), id_
        if not world.may_write(person) and body.get("tag") is None:
            raise Refusal(10, "This message is sent outside of allowed window.", subcode=_CLOSED)
    else:
        comment = _answerable(world, id_, is_post=kind == "post_id")
        place, person = comment.place, comment.person or ""
    _content(message, place)
    if kind != "id":
        world.comments[id_].answered_in_private = True
    return reply({"recipient_id": person, "message_id": world.sent(place, person, body)})


def _known(world: World, person: object) -> Place:
    if not isinstance(person, str) or person not in world.places:
        raise Refusal(100, "No matching user found", subcode=2018001)
    return world.places[person]


def _answerable(world: World, id_: object, *, is_post: bool) -> Comment:
    found = world.comments.get(str(id_))
    if found is None or found.is_post != is_post:
        raise Refusal(100, "The comment does not exist", subcode=_GONE)
    if found.answered_in_private:
        raise Refusal(10900, "Activity already replied to")
    if found.person is None:
        raise Refusal(10902, "This is not a replyable activity")
    return found


def _content(message: Mapping[str, Any], place: Place) -> None:
    if ("text" in message) == ("attachment" in message):
        raise Refusal(100, "message must have either a text or an attachment")
    if place == "instagram" and "metadata" in message:
        raise Refusal(100, "metadata is not supported")
    if "text" in message:
        length(message["text"], 1, MOST_CHARACTERS, "message['text']")
        if place == "instagram" and len(message["text"].encode()) > MOST_BYTES:
            raise Refusal(100, f"message['text'] must not be longer than {MOST_BYTES} bytes")
    else:
        only(message["attachment"], {"type", "payload"}, "message['attachment']")
        only(message["attachment"].get("payload"), {"url", "attachment_id"}, "payload")
        if message["attachment"].get("type") not in _FILES:
            raise Refusal(100, f"type must be one of {sorted(_FILES)}")
    replies = message.get("quick_replies", [])
    if not isinstance(replies, list) or len(replies) > 13:
        raise Refusal(100, "quick_replies must be 13 at most")
    for choice in replies:
        only(choice, {"content_type", "title", "payload"}, "a quick reply")
        length(choice.get("title"), 1, 20, "a quick reply's title")
        length(choice.get("payload"), 1, 1000, "a quick reply's payload")


def _answer(world: World, comment: Comment, edge: str, body: Any) -> Reply:
    if edge != ("comments" if comment.place == "page" else "replies"):
        raise Refusal(100, f"There is no edge {edge}")
    only(body, {"message", "attachment_url"} if comment.place == "page" else {"message"}, "the comment")
    if not body or not isinstance(body.get("message", ""), str):
        raise Refusal(100, "message is required")
    if len(body.get("message", "")) > 8000:
        raise Refusal(100, "message is too long")
    return reply({"id": world.answered(comment, body.get("message", ""))})
