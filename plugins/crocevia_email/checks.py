"""What `crocevia check` looks at: both servers, the folders, and whether senders can be verified."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from imapclient.imapclient import SENT  # type: ignore[import-untyped]  # ships none

from crocevia import Finding
from crocevia.errors import AuthError, RemoteError
from crocevia_email.mailbox import Mailbox
from crocevia_email.settings import Settings
from crocevia_email.submission import Road


def imap(settings: Settings, mailbox: Callable[[], AbstractContextManager[Mailbox]]) -> Iterator[Finding]:
    """Log in, look for IDLE and at each folder."""
    try:
        with mailbox() as found:
            yield Finding(level="ok", what=f"IMAP login at {settings.imap_host}")
            if not found.has_idle:
                do = f"the server has no IDLE: mails are looked for every {settings.look_seconds:g} seconds"
                yield Finding(level="warning", what="IDLE", do=do)
            yield from _folders(settings, found)
    except AuthError as error:
        yield Finding(level="problem", what="password", do=str(error))
    except RemoteError as error:
        do = f"{error}; look at imap_host, imap_port, imap_security and the server's certificate"
        yield Finding(level="problem", what="imap_host", do=do)
    if settings.authserv_id is None:
        do = "set it to the name under which your mail server writes Authentication-Results, or no sender is verified"
        yield Finding(level="warning", what="authserv_id", do=do)


def _folders(settings: Settings, mailbox: Mailbox) -> Iterator[Finding]:
    for folder in settings.all_folders:
        try:
            mailbox.select(folder)
            yield Finding(level="ok", what=f"folder {folder}")
        except RemoteError:
            yield Finding(level="problem", what=f"folder {folder}", do="the server has none of this name, or hides it")
    sent = mailbox.special(SENT)
    if sent is not None and sent not in settings.sent_folders:
        do = f'sent_folders = ["{sent}"] would also log what colleagues send by their mail programs'
        yield Finding(level="warning", what="sent_folders", do=do)


def smtp(settings: Settings, road: Road) -> Iterator[Finding]:
    """Log in; nothing is sent."""
    if settings.smtp_host is None:
        yield Finding(level="warning", what="smtp_host", do="none is set: nothing can be sent")
        return
    try:
        with road.opened():
            yield Finding(level="ok", what=f"SMTP login at {settings.smtp_host}")
    except AuthError as error:
        yield Finding(level="problem", what="smtp_password", do=str(error))
    except RemoteError as error:
        do = f"{error}; look at smtp_host, smtp_port, smtp_security and the server's certificate"
        yield Finding(level="problem", what="smtp_host", do=do)
