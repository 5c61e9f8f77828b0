"""The Send API of the Messenger Platform: a message of ours as Meta wants it.

Source: https://developers.facebook.com/docs/messenger-platform/reference/send-api (Graph API v25.0) and
https://developers.facebook.com/documentation/business-messaging/messenger-platform/send-messages (2026-05-05).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crocevia import Attachment, Message
from crocevia.errors import RejectedError, UndeliverableError
from crocevia_meta.messaging.reading import OWN_KEYS
from crocevia_meta.messaging.said import FILES

WINDOW = timedelta(hours=24)
"""Free text goes so long after the customer's last message."""
HUMAN_AGENT_WINDOW = timedelta(days=7)
"""What a person of ours writes goes so long, where Meta has granted the app the feature "Human Agent"."""
MOST_QUICK_REPLIES = 13
QUICK_REPLY_TEXT = 20
MB = 1024 * 1024
MEDIA = {"image/": 8 * MB, "video/": 25 * MB, "audio/": 25 * MB, "application/": 25 * MB, "text/": 25 * MB}
"""Source: .../messenger-platform/send-messages (attachments up to 25 MB, images up to 8 MB) (2026-05)."""

_TYPES = {"voice": "audio", **{ours: theirs for theirs, ours in FILES.items()}}


def reply_window(*, human_agent: bool) -> timedelta:
    """How long after the customer's last message something may be sent."""
    return HUMAN_AGENT_WINDOW if human_agent else WINDOW


def in_conversation(message: Message, now: datetime, *, human_agent: bool) -> dict[str, Any]:
    """The JSON of a message in a conversation, with the tag that it needs where a day has passed.

    Args:
        human_agent: Whether what a person writes may go for seven days; what no person wrote may not.

    Raises:
        RejectedError: it is something that one message cannot hold.
        UndeliverableError: the reply window is closed.
    """
    since = None if message.last_inbound_at is None else now - message.last_inbound_at
    if since is None or since > reply_window(human_agent=human_agent and not message.automated):
        raise UndeliverableError(f"message {message.id}: the customer has not written lately: answer when they write")
    body: dict[str, Any] = {"recipient": {"id": message.to.value}, "message": content(message)}
    body["messaging_type"] = "RESPONSE" if since <= WINDOW else "MESSAGE_TAG"
    if since > WINDOW:
        body["tag"] = "HUMAN_AGENT"
    if message.in_reply_to and not message.in_reply_to.startswith(OWN_KEYS):
        body["reply_to"] = {"mid": message.in_reply_to}
    return body


def in_private(message: Message, recipient: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """The JSON of the one private answer that a public comment or post may get, within seven days.

    Source: .../messenger-platform/discovery/private-replies (2026-04-16), .../instagram-platform/private-replies
    (2026-06-30).

    Raises:
        RejectedError: it is something that one message cannot hold.
        UndeliverableError: a week has passed.
    """
    if message.last_inbound_at is not None and now - message.last_inbound_at > HUMAN_AGENT_WINDOW:
        raise UndeliverableError(f"message {message.id}: older than 7 days, it is not answered in private any more")
    return {"recipient": dict(recipient), "message": content(message), "messaging_type": "RESPONSE"}


def content(message: Message) -> dict[str, Any]:
    """Text or one file, with choices.

    Raises:
        RejectedError: both, several files, a template, or nothing.
    """
    if message.template:
        raise RejectedError(f"message {message.id}: there are no approved templates here; send its text")
    if len(message.attachments) + bool(message.text) > 1:
        raise RejectedError(f"message {message.id}: text and files go as messages of their own; send them one by one")
    if message.attachments:
        said: dict[str, Any] = {"attachment": _file(message, message.attachments[0])}
    elif message.text:
        said = {"text": message.text}
    else:
        raise RejectedError(f"message {message.id} is empty: give it a text or an attachment")
    if message.buttons:
        said["quick_replies"] = [
            {"content_type": "text", "title": button.title, "payload": button.payload} for button in message.buttons
        ]
    return said


def _file(message: Message, attachment: Attachment) -> dict[str, Any]:
    type_ = _TYPES.get(attachment.kind)
    if type_ is None:
        raise RejectedError(f"message {message.id}: there is no attachment of kind {attachment.kind!r} here")
    if attachment.url:
        return {"type": type_, "payload": {"url": attachment.url}}
    if attachment.key:
        return {"type": type_, "payload": {"attachment_id": attachment.key}}
    raise RejectedError(f"message {message.id}: its attachment has neither a URL nor an attachment id")
