"""Files in messages of ours: by the id of an upload, or by a URL that Meta fetches."""

from __future__ import annotations

from typing import Any

from crocevia import Attachment
from crocevia.errors import RejectedError

CAPTIONED = frozenset({"image", "video", "document"})
KINDS = {"voice": "audio", **{kind: kind for kind in ("audio", "image", "video", "document", "sticker")}}
"""Our kinds of file, by what WhatsApp calls them."""


def referred(attachment: Attachment, message: str) -> tuple[str, dict[str, Any]]:
    """A file as WhatsApp wants it: its type, and where it is to be had.

    Args:
        message: The id of the message that it goes with.

    Raises:
        RejectedError: it is no file, or nowhere.
    """
    kind = KINDS.get(attachment.kind)
    if kind is None:
        raise RejectedError(f"message {message}: WhatsApp has no attachment of kind {attachment.kind!r}")
    if not attachment.key and not attachment.url:
        raise RejectedError(f"message {message}: its attachment has neither a media id nor a URL")
    media: dict[str, Any] = {"id": attachment.key} if attachment.key else {"link": attachment.url}
    if kind == "document" and attachment.name:
        media["filename"] = attachment.name
    return kind, media
