"""The mail that is answered, looked up where it lies: its subject, its thread, and where answers shall go."""

from __future__ import annotations

from attrs import frozen

from crocevia.errors import RemoteError
from crocevia_email.address import Address
from crocevia_email.head import Head
from crocevia_email.mailbox import Mailbox
from crocevia_email.mime import header
from crocevia_email.settings import Settings


@frozen
class Answered:
    """What an answer takes from the mail before it; empty where that is not found."""

    subject: str = ""
    references: tuple[str, ...] = ()
    reply_to: Address | None = None


def looked_up(mailbox: Mailbox, settings: Settings, key: str) -> Answered:
    """The facts of the mail with this Message-ID; empty ones when no folder that is read has it."""
    for folder in settings.all_folders:
        try:
            mailbox.select(folder)
            uids = mailbox.by_message_id(key)
            found = mailbox.bodies(uids[:1], "HEADER") if uids else {}
        except RemoteError:
            return Answered()  # the answer goes without; a thread is a comfort
        for data in found.values():
            head = Head(header(data))
            wanted = [address for address in head.addresses("reply-to") if address not in settings.ours]
            return Answered(head.subject or "", tuple(head.references), wanted[0] if len(wanted) == 1 else None)
    return Answered()
