"""Webhook bodies as Twilio writes them: `application/x-www-form-urlencoded`, and dates of RFC 2822."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

Fields = Mapping[str, str]
"""What a webhook or an API object says, under the names that Twilio's webhooks use; what is empty is left out."""


def pairs(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and values as they were before they were encoded, byte for byte; a name may come again."""
    for piece in body.split(b"&"):
        if piece:
            name, _, value = piece.replace(b"+", b" ").partition(b"=")
            yield unquote_to_bytes(name), unquote_to_bytes(value)


def fields(body: bytes) -> dict[str, str]:
    """The form's values that say something; of a name given twice, the first of them."""
    found: dict[str, str] = {}
    for name, value in pairs(body):
        if value:
            found.setdefault(name.decode("utf-8", "replace"), value.decode("utf-8", "replace"))
    return found


def moment(text: str | None) -> datetime | None:
    """A time as Twilio writes it (`"Tue, 08 Jul 2025 16:00:00 +0000"`), or ISO 8601; None for anything else."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text) if text[:4].isdigit() else parsedate_to_datetime(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def number(text: str | None) -> int | None:
    """A count of seconds or files; None for what is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
