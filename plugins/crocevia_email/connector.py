"""E-mail as a channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from datetime import date
from threading import Event as StopEvent
from typing import Any
from urllib.parse import unquote

from attrs import evolve

from crocevia import (
    Attachment,
    Capabilities,
    Connector,
    Event,
    Finding,
    HoldsMedia,
    Listens,
    MediaSource,
    Message,
    ParseContext,
    Raw,
    RawPage,
    Receipt,
    SendsMessages,
)
from crocevia.errors import GoneError, RejectedError, RemoteError
from crocevia_email import checks, large, outgoing, reading, thread
from crocevia_email.cursor import Cursor
from crocevia_email.listening import Stream
from crocevia_email.mailbox import Mailbox, opened
from crocevia_email.secure import Tokens
from crocevia_email.settings import Settings
from crocevia_email.submission import Road

_CAPABILITIES = Capabilities(subject=True)
_LARGEST_FILE_BYTES = 50_000_000


class Email(Connector[Settings], Listens, SendsMessages, HoldsMedia):
    """One mailbox: IMAP (RFC 9051, RFC 2177) in, SMTP (RFC 5321) out.

    An interaction's key is the Message-ID without its brackets; a conversation is the first mail of its thread. What we
    send has `<our message's id@our domain>`, so that bounces, receipts and copies of it lead back to it.
    """

    kind = "email"
    verified_against = "real server"

    def __init__(self, settings: Settings, **given: Any) -> None:
        super().__init__(settings, **given)
        self._tokens = Tokens(settings, self.http, self.clock.now)
        self._road = Road(self.connection, settings, self._tokens.token)

    def listen(self, cursor: str | None, stop: StopEvent) -> Iterator[RawPage]:
        """Each mail as it comes, byte for byte; a large one without the bodies of its files."""
        with self._mailbox() as mailbox:
            stream = Stream(
                mailbox, self.settings, Cursor.read(cursor), self.clock.wait, self.clock.monotonic_s, self._today
            )
            yield from stream.pages(stop)

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """One mail is one event; an "unsubscribe" is a second one beside its interaction."""
        return reading.events(raw, self.settings)

    def capabilities(self, conversation: str | None) -> Capabilities:
        """Texts of any length with a subject, at any time."""
        return _CAPABILITIES

    def send(self, message: Message) -> Receipt:
        """Send one mail, once; as an answer with the subject and thread of the mail before it."""
        answered = self._answered(message)
        to = message.to if answered.reply_to is None else evolve(message.to, value=answered.reply_to.value)
        letter = outgoing.letter(
            evolve(message, to=to), self.settings, self.clock.now(), answered.references, answered.subject
        )
        self._road.carry(letter, f"message {message.id}")
        if self.settings.keep_sent:
            with suppress(RemoteError), self._mailbox() as mailbox:  # it has gone, whether or not a copy is kept
                mailbox.keep(self.settings.keep_sent, letter.body, self.clock.now())
        return Receipt(key=letter.key, conversation=message.conversation or letter.key)

    def media(self, attachment: Attachment) -> MediaSource:
        """The bytes of one part of a mail, fetched from its folder; what was moved elsewhere is gone."""
        road, _, place = (attachment.key or "").partition(":")
        folder, validity, uid, part = (place.split(";") + [""] * 4)[:4]
        if road != "imap" or not (validity.isdigit() and uid.isdigit() and part.replace(".", "").isdigit()):
            raise RejectedError(f"{self.connection}: an attachment has no key of a mail's part")
        told = f"{self.connection}: part {part} of mail {uid} in {unquote(folder)}"
        with self._mailbox() as mailbox:
            if mailbox.select(unquote(folder)).validity != int(validity):
                raise GoneError(f"{told}: the server has numbered its mails anew since")
            found = large.file(mailbox, int(uid), part, _LARGEST_FILE_BYTES)
        if found is None:
            raise GoneError(f"{told} was deleted or moved")
        if len(found) >= _LARGEST_FILE_BYTES * 3 // 4:
            raise RejectedError(f"{told} is too large to be fetched")
        return MediaSource(content=found)

    def check(self) -> Iterator[Finding]:
        """Log in on both roads and look at the folders."""
        yield from checks.imap(self.settings, self._mailbox)
        yield from checks.smtp(self.settings, self._road)

    def _answered(self, message: Message) -> thread.Answered:
        if message.in_reply_to is None or "@" not in message.in_reply_to:
            return thread.Answered()
        with suppress(RemoteError), self._mailbox() as mailbox:
            return thread.looked_up(mailbox, self.settings, message.in_reply_to)
        return thread.Answered()

    def _mailbox(self) -> AbstractContextManager[Mailbox]:
        return opened(self.settings, self.connection, self._tokens.token)

    def _today(self) -> date:
        return self.clock.now().date()
