"""A message of ours as a mail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from attrs import frozen

from crocevia import Message
from crocevia.errors import UndeliverableError
from crocevia_email.address import ascii_domain
from crocevia_email.report import Mine
from crocevia_email.settings import Settings
from crocevia_email.words import clean

_ID = re.compile(r"[!-;=?-~]{3,900}")
_ANSWERS = re.compile(r"^\s*(re|r|aw|sv|antw)\s*:", re.IGNORECASE)
_MOST_REFERENCES = 20


@frozen
class Letter:
    """A mail ready to go: what SMTP asks for, and the bytes."""

    sender: str
    recipient: str
    key: str
    body: bytes

    @property
    def needs_utf8(self) -> bool:
        """Whether an address can be written in SMTPUTF8 alone (RFC 6531)."""
        return not (self.sender + self.recipient).isascii()


def letter(
    message: Message, settings: Settings, at: datetime, earlier: Sequence[str] = (), subject: str = ""
) -> Letter:
    """Make the mail; the same message gives the same Message-ID each time.

    Args:
        earlier: Ids of the thread's mails, the oldest first.
        subject: Of the mail that is answered; `""` where it is not known.

    Raises:
        UndeliverableError: the address is none that mail can be sent to.
    """
    key = Mine(settings.domain).key(message.id)
    sender, recipient = _routable(settings.sender, message.id), _routable(message.to.value, message.id)
    mail = EmailMessage(policy=SMTP.clone(utf8=not (sender + recipient).isascii()))
    try:
        mail["From"] = _shown(sender, settings.from_name)
        mail["To"] = _shown(recipient, None)
        if settings.reply_to:
            mail["Reply-To"] = _shown(_routable(settings.reply_to, message.id), None)
    except (ValueError, IndexError, MessageError):
        raise UndeliverableError(f"message {message.id}: an address is none that mail can be sent to") from None
    mail["Subject"] = _subject(message, settings, subject)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{key}>"
    references = [one for one in dict.fromkeys((*earlier, *_known(message))) if _ID.fullmatch(one)]
    if message.in_reply_to and _ID.fullmatch(message.in_reply_to) and "@" in message.in_reply_to:
        mail["In-Reply-To"] = f"<{message.in_reply_to}>"
    if references:
        kept = references[:1] + references[1:][-_MOST_REFERENCES:]
        mail["References"] = " ".join(f"<{one}>" for one in kept)
    mail.set_content(clean(message.text or ""), cte="quoted-printable")
    return Letter(sender, recipient, key, mail.as_bytes())


def _known(message: Message) -> list[str]:
    """What the core knows of the thread: its first mail, and the one that is answered."""
    return [one for one in (message.conversation, message.in_reply_to) if one and "@" in one]


def _subject(message: Message, settings: Settings, answered: str) -> str:
    given = message.subject or answered or settings.subject
    given = " ".join(clean(given).split())[:400]
    answers = message.in_reply_to or (message.conversation and not message.subject)
    return f"Re: {given}" if answers and not _ANSWERS.match(given) else given


def _shown(address: str, name: str | None) -> MailAddress:
    local, _, domain = address.rpartition("@")
    return MailAddress(" ".join(clean(name or "").split()), local, domain)


def _routable(address: str, message_id: str) -> str:
    """The address with an ASCII domain, so that most servers take it. Raises UndeliverableError for no address."""
    local, _, domain = address.strip().rpartition("@")
    if not local or not domain or re.search(r"[\s<>\x00-\x1f\x7f]", local + domain):
        raise UndeliverableError(f"message {message_id}: an address is none that mail can be sent to")
    return f"{local}@{ascii_domain(domain)}"
