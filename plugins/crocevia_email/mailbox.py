"""The mailbox at its server: one IMAP session, which reads and, unless told to, leaves no trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from threading import Event as StopEvent
from typing import Any

from attrs import frozen
from imapclient import SEEN, IMAPClient, SocketTimeout  # type: ignore[import-untyped]  # ships none
from imapclient.exceptions import (  # type: ignore[import-untyped]  # ships none
    IMAPClientAbortError,
    IMAPClientError,
    LoginError,
)

from crocevia.errors import AuthError, RemoteError, RetryableError
from crocevia_email.secure import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, context
from crocevia_email.settings import Settings

_FAILURES = (OSError, IMAPClientError, ValueError)  # ValueError: an answer that is no IMAP
_SLICE_S = 1.0
_TEMPORARY = (b"[UNAVAILABLE]", b"[INUSE]", b"[LIMIT]", b"[SERVERBUG]")


@frozen
class Selected:
    """What a server says of a folder. `next_uid`: the least UID that the next mail may have; None where unsaid."""

    validity: int
    next_uid: int | None


@frozen
class Found:
    """A mail's facts, before it is fetched."""

    uid: int
    size_bytes: int
    arrived_at: datetime | None


class Mailbox:
    """One open session. Every method raises RetryableError when the server does not answer as it should."""

    def __init__(self, client: IMAPClient, connection: str) -> None:
        self.client = client
        self.connection = connection

    @property
    def has_idle(self) -> bool:
        """Whether the server tells of new mails by itself."""
        with _told(self.connection):
            return bool(self.client.has_capability("IDLE"))

    def select(self, folder: str, *, writable: bool = False) -> Selected:
        """Open a folder; read only, so that nothing is marked, unless `writable`."""
        with _told(self.connection):
            said = self.client.select_folder(folder, readonly=not writable)
            return Selected(int(said[b"UIDVALIDITY"]), _whole(said.get(b"UIDNEXT")))

    def since(self, uid: int) -> list[int]:
        """UIDs above this one in the open folder, the least first."""
        with _told(self.connection):
            # n:* is never empty: it names the last mail, however small its UID (RFC 9051, 6.4.8)
            return sorted(one for one in self.client.search(["UID", f"{uid + 1}:*"]) if one > uid)

    def since_day(self, day: date) -> list[int]:
        """UIDs of the open folder's mails that came on this day or later, the least first."""
        with _told(self.connection):
            return sorted(self.client.search(["SINCE", day]))

    def by_message_id(self, key: str) -> list[int]:
        """UIDs of the open folder's mails with this Message-ID."""
        with _told(self.connection):
            return sorted(self.client.search(["HEADER", "Message-ID", f"<{key}>"]))

    def facts(self, uids: Sequence[int]) -> list[Found]:
        """Sizes and times, by UID; mails that are gone meanwhile are left out."""
        with _told(self.connection):
            found = self.client.fetch(list(uids), ["RFC822.SIZE", "INTERNALDATE"])
            return [
                Found(uid, int(said[b"RFC822.SIZE"]), said.get(b"INTERNALDATE"))
                for uid, said in sorted(found.items())
                if b"RFC822.SIZE" in said and uid in uids
            ]

    def bodies(self, uids: Sequence[int], section: str = "", most_bytes: int | None = None) -> dict[int, bytes]:
        """One section of several mails, `""` for the whole; nothing is marked as read."""
        bounds = "" if most_bytes is None else f"<0.{most_bytes}>"
        with _told(self.connection):
            found = self.client.fetch(list(uids), [f"BODY.PEEK[{section}]{bounds}"])
            key = f"BODY[{section}]{'' if most_bytes is None else '<0>'}".encode()
            return {uid: bytes(said[key]) for uid, said in found.items() if said.get(key) is not None}

    def special(self, role: bytes) -> str | None:
        """The folder of a role (RFC 6154), `imapclient.SENT` and so on; None when the server names none."""
        with _told(self.connection):
            return next((name for flags, _, name in self.client.list_folders() if role in flags), None)

    def structure(self, uid: int) -> Any:
        """The BODYSTRUCTURE of a mail; None when it is gone."""
        with _told(self.connection):
            return self.client.fetch([uid], ["BODYSTRUCTURE"]).get(uid, {}).get(b"BODYSTRUCTURE")

    def mark_seen(self, uid: int) -> None:
        """Mark as read what was taken in, in a folder opened writable."""
        with _told(self.connection):
            self.client.add_flags([uid], [SEEN], silent=True)

    def keep(self, folder: str, body: bytes, at: datetime) -> None:
        """Put a mail into a folder, as read."""
        with _told(self.connection):
            self.client.append(folder, body, flags=(SEEN,), msg_time=at)

    def idle(self, seconds: float, stop: StopEvent, monotonic_s: Callable[[], float]) -> None:
        """Wait until the server tells of a mail in the open folder, at most so long, or until `stop` is set."""
        until_s = monotonic_s() + seconds
        with _told(self.connection):
            self.client.idle()
            try:
                while not stop.is_set() and (left_s := until_s - monotonic_s()) > 0:
                    began_s = monotonic_s()
                    told = self.client.idle_check(timeout=min(_SLICE_S, left_s))
                    if any(len(one) > 1 and one[1] == b"EXISTS" for one in told):
                        return
                    if not told and monotonic_s() - began_s < min(_SLICE_S, left_s) / 2:
                        return  # nothing, and at once: the line is cut, which the next command finds out
            finally:
                self.client.idle_done()


@contextmanager
def opened(settings: Settings, connection: str, token: Callable[[], str | None]) -> Iterator[Mailbox]:
    """Log in, and out in the end.

    Raises:
        AuthError: the credentials are refused.
        RetryableError: the server cannot be reached, or not securely.
    """
    bearer = token()
    where = f"{connection}: {settings.imap_host}:{settings.port('imap')}"
    client: IMAPClient | None = None
    try:
        secure = context(settings.ca_file)
        client = IMAPClient(
            settings.imap_host,
            settings.port("imap"),
            ssl=settings.imap_security == "tls",
            ssl_context=secure,
            timeout=SocketTimeout(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
        )
        client.normalise_times = False  # aware times, not those of whatever zone this machine is in
        if settings.imap_security == "starttls":
            client.starttls(secure)
        if bearer is not None:
            client.oauth2_login(settings.username, bearer)
        elif settings.password is not None:
            client.login(settings.username, settings.password.reveal())
    except (*_FAILURES, LookupError) as error:
        if client is not None:
            with suppress(*_FAILURES):
                client.shutdown()
        raise _unopened(where, error) from None  # a cause could quote what was sent to log in
    try:
        yield Mailbox(client, connection)
    finally:
        with suppress(*_FAILURES):
            client.logout()
        with suppress(*_FAILURES):
            client.shutdown()


def _unopened(where: str, error: Exception) -> RemoteError:
    if isinstance(error, LoginError):
        said = str(error).upper().encode()
        if not any(code in said for code in _TEMPORARY):
            return AuthError(f"{where} refuses the credentials; mend them and `crocevia check`")
    return RetryableError(f"{where} cannot be used ({type(error).__name__})")


@contextmanager
def _told(connection: str) -> Iterator[None]:
    """What goes wrong on the line, as a decision that quotes no mail."""
    try:
        yield
    except _FAILURES as error:
        broke = isinstance(error, IMAPClientAbortError | OSError)
        what = "the line broke" if broke else "a command was refused or answered strangely"
        raise RetryableError(f"{connection}: the IMAP server: {what} ({type(error).__name__})") from None
    except (LookupError, TypeError, AssertionError) as error:
        said = f"{connection}: the IMAP server answered strangely ({type(error).__name__})"
        raise RetryableError(said) from None


def _whole(value: Any) -> int | None:
    return int(value) if value is not None else None
