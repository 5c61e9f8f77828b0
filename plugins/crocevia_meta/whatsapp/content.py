"""What a WhatsApp message says: its text and attachments, for each type.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
(Graph API v23.0, read 2026-08); the on-premises forms that older fixtures hold are read too.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from crocevia import Attachment
from crocevia_meta.node import (
    Node,
    UnreadableError,
    label,
    optional_id,
    optional_node,
    optional_nodes,
    optional_text,
    required_node,
    required_text,
)

CONTENT_MISSING = frozenset({"errors", "unknown", "unsupported"})


@frozen
class Content:
    """What a message says. `text` None: nothing in words; `kind` as `InteractionSeen.kind`."""

    text: str | None = None
    attachments: tuple[Attachment, ...] = ()
    kind: str = "message"


def read(message: Node, *, errors_beside: bool = False) -> Content:
    """The content of one message, with what led to it (an advertisement, a product).

    Args:
        message: With `type` and the object of that name.
        errors_beside: Whether the vendor reported errors with this delivery, which explain missing content.

    Raises:
        UnreadableError: the type is unknown, or its object is missing or broken.
    """
    type_ = required_text(message, "type")
    reader = _READERS.get(type_)
    if type_ in CONTENT_MISSING or (reader and type_ not in message and (errors_beside or message.get("errors"))):
        content = _missing(message, type_)
    elif reader is None:
        raise UnreadableError(f"message type {label(type_)}")
    else:
        content = reader(message, type_)
    if "referral" not in message and "context" not in message:
        return content
    extra = (*_referral(message), *_product(message))
    return Content(content.text, (*content.attachments, *extra), content.kind)


def _text(message: Node, type_: str) -> Content:
    body = optional_text(required_node(message, type_), "body")
    if body is None:
        raise UnreadableError("a text message without 'body'")
    return Content(body)


def _media(message: Node, type_: str) -> Content:
    media = required_node(message, type_)
    key, url = optional_id(media, "id"), optional_text(media, "url") or optional_text(media, "link")
    if not key and not url:
        raise UnreadableError(f"a message of type {label(type_)} without media id or URL")
    attachment = Attachment(
        kind="voice" if media.get("voice") is True else type_,
        key=key,
        url=url,
        mime_type=optional_text(media, "mime_type"),
        name=optional_text(media, "filename"),
        sha256=optional_text(media, "sha256"),
    )
    return Content(optional_text(media, "caption"), (attachment,))


def _location(message: Node, type_: str) -> Content:
    place = required_node(message, type_)
    latitude, longitude = place.get("latitude"), place.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        raise UnreadableError("a location without coordinates")
    name = ", ".join(filter(None, (optional_text(place, "name"), optional_text(place, "address"))))
    where = Attachment(
        kind="location", name=name or None, url=optional_text(place, "url"), detail=f"{latitude},{longitude}"
    )
    return Content(None, (where,))


def _contacts(message: Node, type_: str) -> Content:
    cards = optional_nodes(message, type_)
    if not cards:
        raise UnreadableError("a message of contacts without any")
    return Content(None, tuple(_card(card) for card in cards))


def _card(card: Node) -> Attachment:
    phones = (optional_text(phone, "phone") or optional_id(phone, "wa_id") for phone in optional_nodes(card, "phones"))
    emails = (optional_text(email, "email") for email in optional_nodes(card, "emails"))
    return Attachment(
        kind="contact",
        name=optional_text(optional_node(card, "name"), "formatted_name"),
        detail="; ".join(filter(None, (*phones, *emails))) or None,
    )


def _button(message: Node, type_: str) -> Content:
    button = required_node(message, type_)
    return Content(required_text(button, "text"), _choice(optional_text(button, "payload")))


def _interactive(message: Node, type_: str) -> Content:
    interactive = required_node(message, type_)
    kind = required_text(interactive, "type")
    match kind:
        case "button_reply" | "list_reply":
            chosen = required_node(interactive, kind)
            return Content(required_text(chosen, "title"), _choice(optional_id(chosen, "id")))
        case "nfm_reply":
            return _form(required_node(interactive, kind))
        case "call_permission_reply":
            response = required_text(required_node(interactive, kind), "response")
            return Content(f"Call permission: {response}", kind="notice")
        case _:
            raise UnreadableError(f"interactive type {label(kind)}")


def _choice(payload: str | None) -> tuple[Attachment, ...]:
    """What stands behind the choice that was pressed; the text is its title."""
    return (Attachment(kind="choice", detail=payload),) if payload else ()


def _form(reply: Node) -> Content:
    answers = Attachment(
        kind="form",
        name=optional_text(reply, "name"),
        mime_type="application/json",
        detail=optional_text(reply, "response_json"),
    )
    return Content(optional_text(reply, "body"), (answers,))


def _order(message: Node, type_: str) -> Content:
    order = required_node(message, type_)
    lines = (
        f"{item.get('quantity')} x {item.get('product_retailer_id')} at {item.get('item_price')} {item.get('currency')}"
        for item in optional_nodes(order, "product_items")
    )
    basket = Attachment(kind="order", key=optional_id(order, "catalog_id"), detail="; ".join(lines) or None)
    return Content(optional_text(order, "text") or None, (basket,))


def _reaction(message: Node, type_: str) -> Content:
    """An emoji; `""` when the reaction was taken back, which Meta tells by an emoji that is empty or missing."""
    return Content(optional_text(required_node(message, type_), "emoji") or "", kind="reaction")


def _system(message: Node, type_: str) -> Content:
    return Content(optional_text(required_node(message, type_), "body"), kind="notice")


def _welcome(_message: Node, _type: str) -> Content:
    """The customer opened the chat for the first time and has written nothing yet."""
    return Content(None, kind="notice")


def _placeholder(_message: Node, _type: str) -> Content:
    """A file in the history whose media id comes later, or never: Meta sends those of the last 14 days only."""
    return Content(None, (Attachment(kind="media"),))


def _missing(message: Node, type_: str) -> Content:
    """The customer sent something that the API does not hand over; that they did is a touch all the same."""
    errors = optional_nodes(message, "errors")
    reason = error_text(errors[0]) if errors else optional_text(optional_node(message, "unsupported"), "type")
    return Content(None, (Attachment(kind="unsupported", detail=reason or f"{type_}, without content"),))


def _referral(message: Node) -> tuple[Attachment, ...]:
    referral = optional_node(message, "referral")
    if not referral:
        return ()
    return (
        Attachment(
            kind="referral",
            key=optional_id(referral, "source_id"),
            url=optional_text(referral, "source_url"),
            name=optional_text(referral, "headline"),
            detail=optional_text(referral, "source_type"),
        ),
    )


def _product(message: Node) -> tuple[Attachment, ...]:
    product = optional_node(optional_node(message, "context"), "referred_product")
    key = optional_id(product, "product_retailer_id")
    return (Attachment(kind="product", key=key, detail=optional_id(product, "catalog_id")),) if key else ()


def error_text(error: Node) -> str:
    """One of Meta's error objects in a short line: its code, and what Meta calls it."""
    title = optional_text(error, "title") or optional_text(error, "message") or optional_text(error, "details") or ""
    return f"{error.get('code') if isinstance(error.get('code'), int) else '?'}: {title[:200]}".removesuffix(": ")


_READERS: dict[str, Callable[[Node, str], Content]] = {
    "text": _text,
    **dict.fromkeys(("image", "audio", "voice", "video", "document", "sticker"), _media),
    "location": _location,
    "contacts": _contacts,
    "button": _button,
    "interactive": _interactive,
    "order": _order,
    "reaction": _reaction,
    "system": _system,
    "request_welcome": _welcome,
    "media_placeholder": _placeholder,
}
