"""A message of ours as the Cloud API wants it.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-phone-number/message-api
(Graph API v23.0) and .../whatsapp/business-scoped-user-ids (2026-05-28) for `recipient`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from crocevia import Attachment, Capabilities, Message, Template
from crocevia.errors import RejectedError, UndeliverableError
from crocevia_meta.whatsapp.parties import GROUP, split_conversation

_MB = 1024 * 1024
_OFFICE = (
    "application/msword",
    "application/pdf",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "text/plain",
)
CAPABILITIES = Capabilities(
    max_text=4096,
    media={
        **dict.fromkeys(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * _MB),
        **dict.fromkeys(("image/jpeg", "image/png"), 5 * _MB),
        "image/webp": 100 * 1024,
        **dict.fromkeys(("video/mp4", "video/3gpp"), 16 * _MB),
        **dict.fromkeys(_OFFICE, 100 * _MB),
    },
    reply_window=timedelta(hours=24),
    templates=True,
    idempotent_send=False,
)
"""Source: .../whatsapp/messages/text-messages (4096 characters), .../whatsapp/business-phone-numbers/media (sizes),
.../whatsapp/messages/send-messages (customer service window) (2026-05). A static sticker may have 100 KB."""

MAX_CAPTION = 1024
"""Characters under an image, video or document. Source: .../whatsapp/messages/image-messages (2026-05)."""

_CAPTIONED = frozenset({"image", "video", "document"})
_KINDS = {"voice": "audio", **{kind: kind for kind in ("audio", "image", "video", "document", "sticker")}}


def body(message: Message) -> dict[str, Any]:
    """The JSON of one message.

    `biz_opaque_callback_data` brings our id back with every status, so that a send whose answer was lost is settled.

    Raises:
        RejectedError: it is something that one message cannot hold.
        UndeliverableError: the address is none of WhatsApp's.
    """
    content = dict(_content(message))
    sent = {"messaging_product": "whatsapp", **_recipient(message), **content}
    if message.in_reply_to:
        sent["context"] = {"message_id": message.in_reply_to}
    sent["biz_opaque_callback_data"] = message.id
    return sent


def _recipient(message: Message) -> dict[str, str]:
    """By group, phone number or BSUID."""
    _, address = split_conversation(message.conversation or "")
    if address.startswith(GROUP):
        return {"recipient_type": "group", "to": address.removeprefix(GROUP)}
    match message.to.kind:
        case "phone":
            return {"recipient_type": "individual", "to": message.to.value.removeprefix("+")}
        case "whatsapp":
            return {"recipient_type": "individual", "recipient": message.to.value}
    raise UndeliverableError(f"message {message.id}: WhatsApp reaches a phone or a user id, not a {message.to.kind}")


def _content(message: Message) -> Iterator[tuple[str, Any]]:
    if message.template:
        yield "type", "template"
        yield "template", _template(message.template)
    elif message.attachments:
        if len(message.attachments) > 1:
            raise RejectedError(f"message {message.id}: WhatsApp takes one attachment a message; send them one by one")
        yield from _media(message, message.attachments[0])
    elif message.text:
        yield "type", "text"
        yield "text", {"body": message.text, "preview_url": False}
    else:
        raise RejectedError(f"message {message.id} is empty: give it a text, a template or an attachment")


def _template(template: Template) -> dict[str, Any]:
    """A template with its body's parameters. Meta's language codes have an underscore (`en_US`)."""
    named: dict[str, Any] = {"name": template.name, "language": {"code": template.language.replace("-", "_")}}
    if template.parameters:
        values = [{"type": "text", "text": parameter} for parameter in template.parameters]
        named["components"] = [{"type": "body", "parameters": values}]
    return named


def _media(message: Message, attachment: Attachment) -> Iterator[tuple[str, Any]]:
    kind = _KINDS.get(attachment.kind)
    if kind is None:
        raise RejectedError(f"message {message.id}: WhatsApp has no attachment of kind {attachment.kind!r}")
    if not attachment.key and not attachment.url:
        raise RejectedError(f"message {message.id}: its attachment has neither a media id nor a URL")
    media: dict[str, Any] = {"id": attachment.key} if attachment.key else {"link": attachment.url}
    if message.text:
        if kind not in _CAPTIONED or len(message.text) > MAX_CAPTION:
            raise RejectedError(f"message {message.id}: its text does not fit under the {kind}; send it by itself")
        media["caption"] = message.text
    if kind == "document" and attachment.name:
        media["filename"] = attachment.name
    if attachment.kind == "voice":
        media["voice"] = True
    yield "type", kind
    yield kind, media
