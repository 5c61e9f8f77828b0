"""A message of ours as Twilio's API wants it.

Source: https://www.twilio.com/docs/messaging/api/message-resource, .../messaging/guides/accepted-mime-types,
.../content/send-templates-created-with-the-content-template-builder (2026-03).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

from crocevia import Capabilities, Message
from crocevia.errors import RejectedError, UndeliverableError
from crocevia_twilio import addresses
from crocevia_twilio.account import status_url
from crocevia_twilio.sms_reading import MOST_MEDIA

MAX_TEXT = 1600
_MB = 1024 * 1024
_PICTURES = ("image/jpeg", "image/png", "image/gif")
TEXT = Capabilities(max_text=MAX_TEXT)
PICTURES = Capabilities(
    max_text=MAX_TEXT,
    media={**dict.fromkeys(_PICTURES, 5 * _MB), **dict.fromkeys(("audio/", "video/", "application/pdf"), 600 * 1024)},
    max_attachments=MOST_MEDIA,
)
"""MMS: pictures are made smaller by Twilio, anything else must fit its carriers' 600 KB."""
WHATSAPP = Capabilities(
    max_text=MAX_TEXT,
    media={
        **dict.fromkeys(("image/jpeg", "image/png", "audio/", "video/mp4", "application/pdf"), 16 * _MB),
        "image/webp": 500 * 1024,
    },
    reply_window=timedelta(hours=24),
    templates=True,
)
MESSENGER = Capabilities(max_text=MAX_TEXT, reply_window=timedelta(hours=24))


def parts(conversation: str | None) -> tuple[str, str]:
    """Our address and the customer's, as a conversation has them; `("", "")` for none."""
    ours, _, theirs = (conversation or "").partition(",")
    return ours, theirs


def capabilities(conversation: str | None, sender: str | None, *, mms: bool) -> Capabilities:
    """By the road that the conversation is on, or a new one will be."""
    road, _ = addresses.split(parts(conversation)[0] or sender or "")
    if road in ("whatsapp", "messenger"):
        return WHATSAPP if road == "whatsapp" else MESSENGER
    return PICTURES if mms or road == "rcs" else TEXT


def form(message: Message, *, sender: str | None, service: str | None, webhook_url: str | None) -> bytes:
    """The body of `POST Messages.json`.

    Args:
        sender: Who writes where no conversation says it.
        service: The Messaging Service that chooses a sender; None: there is none.
        webhook_url: Where what becomes of it is told; our id is put into its query.

    Raises:
        UndeliverableError: the address is none of Twilio's.
        RejectedError: it says nothing, or nobody says it.
    """
    return urlencode(list(_fields(message, sender, service, webhook_url))).encode()


def _fields(
    message: Message, sender: str | None, service: str | None, webhook_url: str | None
) -> Iterator[tuple[str, str]]:
    ours = parts(message.conversation)[0]
    road = addresses.split(ours or sender or "")[0]
    yield "To", _to(message, road)
    if ours or (sender and not service):
        yield "From", ours or sender or ""
    elif service:
        yield "MessagingServiceSid", service
    else:
        raise RejectedError(f"message {message.id}: set `sender` or `messaging_service_sid` to start conversations")
    yield from _content(message)
    if webhook_url:
        yield "StatusCallback", status_url(webhook_url, message.id)


def _to(message: Message, road: str) -> str:
    to = message.to
    if to.kind == "phone" and road in addresses.PHONE_ROADS:
        return f"{road}:{to.value}" if road else to.value
    if to.kind == road and road in ("messenger", "whatsapp"):
        return f"{road}:{to.value}"
    raise UndeliverableError(f"message {message.id}: from here a {to.kind} address cannot be written to")


def _content(message: Message) -> Iterator[tuple[str, str]]:
    template = message.template
    if template is not None:
        yield "ContentSid", template.name
        values = dict(template.named) or {str(n): text for n, text in enumerate(template.parameters, 1)}
        if values:
            yield "ContentVariables", json.dumps(values, ensure_ascii=False)
        return
    if not message.text and not message.attachments:
        raise RejectedError(f"message {message.id} is empty: give it a text, a template or an attachment")
    if message.text:
        yield "Body", message.text
    for file in message.attachments:
        if not file.url:
            raise RejectedError(f"message {message.id}: Twilio takes files by a URL of yours alone")
        yield "MediaUrl", file.url
