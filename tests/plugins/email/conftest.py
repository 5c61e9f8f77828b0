"""What tests of the e-mail connector share."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from crocevia import Event, ParseContext, Raw, Secret
from crocevia_email import Email, Settings

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
Parse = Callable[..., list[Event]]


def make_settings(**changed: Any) -> Settings:
    """Settings of one mailbox, as `crocevia.toml` would give them."""
    given: dict[str, Any] = {
        "imap_host": "127.0.0.1",
        "imap_security": "none",
        "username": "info",
        "password": Secret("mail password"),
        "addresses": ("info@shop.example", "orders@shop.example"),
        "sent_folders": ("Sent",),
        "authserv_id": "mx.shop.example",
        "smtp_host": "127.0.0.1",
        "smtp_security": "none",
    }
    return Settings(**{**given, **changed})


@pytest.fixture(scope="session")
def parse() -> Parse:
    """What the connector makes of a mail, with settings and headers of a page as given."""

    def parsed(body: bytes, *, headers: dict[str, str] | None = None, **changed: Any) -> list[Event]:
        email = Email(make_settings(**changed))
        raw = Raw(connection="mail", kind="email", body=body, headers=headers or {}, received_at=NOW, source="stream")
        return list(email.parse(raw, ParseContext(now=NOW)))

    return parsed


def mail(*fields: str, text: str = "Buongiorno", sender: str = "Anna Rossi <anna@example.com>") -> bytes:
    """A customer's mail; a field of a name that is there already takes its place."""
    given = {
        "from": f"From: {sender}",
        "to": "To: info@shop.example",
        "date": "Date: Sat, 21 Nov 2026 10:00:00 +0100",
        "message-id": "Message-ID: <a1@example.com>",
    }
    for field in fields:
        given.pop(field.partition(":")[0].lower(), None)
    return "\r\n".join((*fields, *filter(None, given.values()), "", text, "")).encode()
