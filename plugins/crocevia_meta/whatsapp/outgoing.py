"""A message of ours as the Cloud API wants it.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-phone-number/message-api
(Graph API v23.0) and .../whatsapp/business-scoped-user-ids (2026-05-28) for `recipient`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from crocevia import Attachment, Capabilities, Message
from crocevia.errors import RejectedError, UndeliverableError
from crocevia_meta.whatsapp import choices, files, templates
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
MAX_CAPTION = 1024
"""Characters under an image, video or document. Source: .../whatsapp/messages/image-messages (2026-05)."""

CAPABILITIES = Capabilities(
    max_text=4096,
    max_caption=MAX_CAPTION,
    media={
        **dict.fromkeys(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * _MB),
        **dict.fromkeys(("image/jpeg", "image/png"), 5 * _MB),
        "image/webp": 100 * 1024,
        **dict.fromkeys(("video/mp4", "video/3gpp"), 16 * _MB),
        **dict.fromkeys(_OFFICE, 100 * _MB),
    },
    buttons=10,
    button_text=20,
    reply_window=timedelta(hours=24),
    templates=True,
    idempotent_send=False,
)
"""Source: .../whatsapp/messages/text-messages (4096 characters), .../whatsapp/business-phone-numbers/media (sizes),
.../whatsapp/messages/send-messages (customer service window) (2026-05). A static sticker may have 100 KB."""


def body(message: Message, *, list_button: str = "…") -> dict[str, Any]:
    """The JSON of one message.

    Args:
        list_button: On the button that opens a list of choices.

    `biz_opaque_callback_data` brings our id back with every status, so that a send whose answer was lost is settled.

    Raises:
        RejectedError: it is something that one message cannot hold.
        UndeliverableError: the address is none of WhatsApp's.
    """
    content = dict(_content(message, list_button))
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


def _content(message: Message, list_button: str) -> Iterator[tuple[str, Any]]:
    if len(message.attachments) > 1:
        raise RejectedError(f"message {message.id}: WhatsApp takes one attachment a message; send them one by one")
    if message.template:
        yield "type", "template"
        yield "template", templates.sent(message.template, message.id)
    elif message.buttons:
        yield "type", "interactive"
        yield "interactive", choices.offered(message, list_button)
    elif message.attachments:
        yield from _media(message, message.attachments[0])
    elif message.text:
        yield "type", "text"
        yield "text", {"body": message.text, "preview_url": False}
    else:
        raise RejectedError(f"message {message.id} is empty: give it a text, a template or an attachment")


def _media(message: Message, attachment: Attachment) -> Iterator[tuple[str, Any]]:
    kind, media = files.referred(attachment, message.id)
    if message.text:
        if kind not in files.CAPTIONED or len(message.text) > MAX_CAPTION:
            raise RejectedError(f"message {message.id}: its text does not fit under the {kind}; send it by itself")
        media["caption"] = message.text
    if attachment.kind == "voice":
        media["voice"] = True
    yield "type", kind
    yield kind, media
