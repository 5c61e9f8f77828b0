"""E-mail as a channel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crocevia import Capabilities, Connector, Event, Message, ParseContext, Raw, Receipt, SendsMessages
from crocevia_email import outgoing, reading
from crocevia_email.secure import Tokens
from crocevia_email.settings import Settings
from crocevia_email.submission import Road

_CAPABILITIES = Capabilities(subject=True)


class Email(Connector[Settings], SendsMessages):
    """One mailbox: IMAP (RFC 9051, RFC 2177) in, SMTP (RFC 5321) out.

    An interaction's key is the Message-ID without its brackets; a conversation is the first mail of its thread. What we
    send has `<our message's id@our domain>`, so that bounces, receipts and copies of it lead back to it.
    """

    kind = "email"

    def __init__(self, settings: Settings, **given: Any) -> None:
        super().__init__(settings, **given)
        self._tokens = Tokens(settings, self.http, self.clock.now)
        self._road = Road(self.connection, settings, self._tokens.token)

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """One mail is one event; an "unsubscribe" is a second one beside its interaction."""
        return reading.events(raw, self.settings)

    def capabilities(self, conversation: str | None) -> Capabilities:
        """Texts of any length with a subject, at any time."""
        return _CAPABILITIES

    def send(self, message: Message) -> Receipt:
        """Send one mail, once."""
        letter = outgoing.letter(message, self.settings, self.clock.now())
        self._road.carry(letter, f"message {message.id}")
        return Receipt(key=letter.key, conversation=message.conversation or letter.key)
