"""Choices: up to three as buttons under the message, up to ten as a list that one button opens."""

from __future__ import annotations

from typing import Any

from crocevia import Message
from crocevia.errors import RejectedError
from crocevia_meta.whatsapp import files

MOST_BUTTONS = 3
BUTTONS_TEXT = 1024
"""Characters above buttons. Source: .../whatsapp/messages/interactive-reply-buttons-messages (2026-05)."""
LIST_TEXT = 4096
"""Characters above a list. Source: .../whatsapp/messages/interactive-list-messages (2026-05)."""


def offered(message: Message, list_button: str) -> dict[str, Any]:
    """The `interactive` object of a message with choices.

    Raises:
        RejectedError: it has no text, or a file and too many choices.
    """
    text = message.text or ""
    as_list = len(message.buttons) > MOST_BUTTONS or len(text) > BUTTONS_TEXT
    if not 0 < len(text) <= (LIST_TEXT if as_list else BUTTONS_TEXT):
        raise RejectedError(f"message {message.id}: choices want a text of 1 to {LIST_TEXT} characters with them")
    if not as_list:
        buttons = [
            {"type": "reply", "reply": {"id": button.payload, "title": button.title}} for button in message.buttons
        ]
        return {"type": "button", **_header(message), "body": {"text": text}, "action": {"buttons": buttons}}
    if message.attachments:
        raise RejectedError(f"message {message.id}: a file goes with a short text and {MOST_BUTTONS} choices at most")
    rows = [{"id": button.payload, "title": button.title} for button in message.buttons]
    action = {"button": list_button, "sections": [{"rows": rows}]}
    return {"type": "list", "body": {"text": text}, "action": action}


def _header(message: Message) -> dict[str, Any]:
    """A picture, film or document above the text; nothing where there is none."""
    if not message.attachments:
        return {}
    kind, media = files.referred(message.attachments[0], message.id)
    if kind not in files.CAPTIONED:
        raise RejectedError(f"message {message.id}: choices go under an image, video or document, not under {kind}")
    return {"header": {"type": kind, kind: media}}
