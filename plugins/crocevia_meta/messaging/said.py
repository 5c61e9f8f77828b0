"""What a message of Messenger or Instagram says: its text and attachments.

Source: https://developers.facebook.com/documentation/business-messaging/messenger-platform/webhooks/webhook-events/messages
and .../instagram-messaging/webhooks (2026-03).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from crocevia import Attachment
from crocevia_meta.node import Node, UnreadableError, label, optional_id, optional_node, optional_nodes, optional_text

FILES = {"image": "image", "video": "video", "audio": "audio", "file": "document"}
_LINKS = {
    "fallback": "link",
    "share": "share",
    "ig_post": "share",
    "post": "share",
    "reel": "share",
    "ig_reel": "share",
    "story_mention": "story_mention",
    "ig_story": "share",
    "ephemeral": "ephemeral",
}


def attachments(message: Node, mid: str) -> tuple[Attachment, ...]:
    """Everything that is not text, of one message.

    Raises:
        UnreadableError: the message says nothing at all, or nothing that is known.
    """
    nodes = optional_nodes(message, "attachments")
    files = [_attachment(node, f"{mid}:{index}") for index, node in enumerate(nodes)]
    found = [file for file in files if file is not None]
    found += [*_chosen(message), *_story(message), *referral(optional_node(message, "referral"))]
    if message.get("is_unsupported") is True:
        found.append(Attachment(kind="unsupported", detail="Meta does not hand this kind of message over"))
    unknown = [label(node.get("type")) for node, file in zip(nodes, files, strict=True) if file is None]
    if not found and not optional_text(message, "text"):
        raise UnreadableError(f"a message with {', '.join(unknown) or 'neither text nor attachment'}")
    return (*found, *(Attachment(kind="unsupported", detail=f"attachment {type_}") for type_ in unknown))


def _attachment(node: Node, key: str) -> Attachment | None:
    """One attachment; None where the type is not known.

    A file's `key` is its message and place: its URL expires, and the API gives another one by these.
    """
    type_, payload = optional_text(node, "type") or "", optional_node(node, "payload")
    url = optional_text(payload, "url") or optional_text(node, "url")
    if sticker := optional_id(payload, "sticker_id"):
        return Attachment(kind="sticker", key=sticker, url=url)
    if type_ in FILES:
        return Attachment(kind=FILES[type_], key=key, url=url, name=optional_text(node, "title") or None)
    if type_ in _LINKS:
        title = optional_text(node, "title") or optional_text(payload, "title")
        return Attachment(kind=_LINKS[type_], key=optional_id(payload, "id"), url=url, name=title or None)
    reader = _SHAPED.get(type_)
    return reader(node, payload) if reader else None


def _location(node: Node, payload: Node) -> Attachment:
    coordinates = optional_node(payload, "coordinates")
    where = f"{coordinates.get('lat')},{coordinates.get('long')}" if coordinates else None
    return Attachment(kind="location", name=optional_text(node, "title"), url=optional_text(node, "url"), detail=where)


def _template(_node: Node, payload: Node) -> Attachment:
    """A card: the product that a customer asks about, or a template that the account sent."""
    elements = optional_nodes(optional_node(payload, "product"), "elements") or optional_nodes(payload, "elements")
    first = elements[0] if elements else {}
    return Attachment(
        kind="product" if payload.get("product") else "template",
        key=optional_id(first, "id"),
        url=optional_text(first, "image_url"),
        name=optional_text(first, "title") or optional_text(payload, "text"),
        detail=optional_id(first, "retailer_id") or optional_text(payload, "template_type"),
    )


_SHAPED: dict[str, Callable[[Node, Node], Attachment]] = {"location": _location, "template": _template}


def _chosen(message: Node) -> Iterator[Attachment]:
    """What stands behind the choice that was pressed; the text is its title."""
    payload = optional_text(optional_node(message, "quick_reply"), "payload")
    if payload:
        yield Attachment(kind="choice", detail=payload)


def _story(message: Node) -> Iterator[Attachment]:
    """The story of ours that is answered; its URL expires with it."""
    story = optional_node(optional_node(message, "reply_to"), "story")
    if story:
        yield Attachment(kind="story", key=optional_id(story, "id"), url=optional_text(story, "url"))


def referral(node: Node) -> tuple[Attachment, ...]:
    """What led the customer here: an advertisement, an m.me link; nothing where nothing did."""
    if not node:
        return ()
    advertised = optional_node(node, "ads_context_data")
    return (
        Attachment(
            kind="referral",
            key=optional_id(node, "ad_id") or optional_id(node, "ref"),
            url=optional_text(node, "referer_uri"),
            name=optional_text(advertised, "ad_title"),
            detail=optional_text(node, "source"),
        ),
    )
