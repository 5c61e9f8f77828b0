"""Sending by SMTP, step by step, so that it is always known whether a message may have gone."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from attrs import frozen

from crocevia.errors import (
    AuthError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryableError,
    ThrottledError,
    UndeliverableError,
)
from crocevia_email.outgoing import Letter
from crocevia_email.secure import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, context
from crocevia_email.settings import Settings

_GREYLISTED = timedelta(minutes=5)
_THROTTLED = timedelta(minutes=2)
_ENHANCED = re.compile(rb"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_TOO_FAST = re.compile(rb"rate|too many|too fast|throttl|quota|limit exceeded", re.IGNORECASE)
_GREY = re.compile(rb"gr[ea]y-?list", re.IGNORECASE)
_NO_MAILBOX = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.0", "2.1", "2.2", "4.1", "4.4", "7.13"})


@frozen
class Road:
    """The SMTP server of one connection. `token`: an access token, or None where a password is used."""

    connection: str
    settings: Settings
    token: Callable[[], str | None]

    @contextmanager
    def opened(self) -> Iterator[smtplib.SMTP]:
        """A connection that is secured and logged in.

        Raises:
            AuthError: the credentials are refused.
            RetryableError: the server cannot be reached, or not securely.
        """
        settings = self.settings
        host, secure = settings.smtp_host or "", context(settings.ca_file)
        token = self.token()
        server: smtplib.SMTP | None = None
        try:
            if settings.smtp_security == "tls":
                server = smtplib.SMTP_SSL(host, settings.port("smtp"), timeout=CONNECT_TIMEOUT_S, context=secure)
            else:
                server = smtplib.SMTP(host, settings.port("smtp"), timeout=CONNECT_TIMEOUT_S)
            if server.sock is not None:
                server.sock.settimeout(READ_TIMEOUT_S)
            server.ehlo_or_helo_if_needed()
            if settings.smtp_security == "starttls":
                server.starttls(context=secure)
                server.ehlo_or_helo_if_needed()
            self._log_in(server, token)
        except (OSError, smtplib.SMTPException) as error:
            if server is not None:
                server.close()
            raise self._unopened(error) from None  # a cause could quote what was sent to log in
        try:
            yield server
        finally:
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
            server.close()

    def _log_in(self, server: smtplib.SMTP, token: str | None) -> None:
        settings = self.settings
        user = settings.smtp_username or settings.username
        if token is not None:
            server.auth("XOAUTH2", lambda challenge=None: "" if challenge else f"user={user}\1auth=Bearer {token}\1\1")
            return
        password = settings.smtp_password or settings.password
        if password is not None and server.has_extn("auth"):
            server.login(user, password.reveal())

    def _unopened(self, error: Exception) -> RemoteError:
        where = f"{self.connection}: {self.settings.smtp_host}:{self.settings.port('smtp')}"
        if isinstance(error, smtplib.SMTPResponseException):
            code = int(error.smtp_code)
            if isinstance(error, smtplib.SMTPAuthenticationError) and code >= 500:
                said = f"{where} refuses the credentials; mend them and `crocevia check`"
                return AuthError(said, code=str(code))
            return RetryableError(f"{where} is not ready ({code})", code=str(code))
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return RetryableError(f"{where} does not offer what is needed to log in securely; see smtp_security")
        return RetryableError(f"{where} cannot be reached ({type(error).__name__}); nothing was sent")

    def carry(self, letter: Letter, what: str) -> None:
        """Send one mail to one recipient.

        Args:
            what: How errors call it: our message's id.

        Raises:
            OutcomeUnknownError: the end of the mail was sent, and no answer came.
            RemoteError: it did not go, and why.
        """
        if self.settings.smtp_host is None:
            raise UndeliverableError(f"{self.connection}: {what} cannot go: no smtp_host is set")
        with self.opened() as server:
            try:
                self._deliver(server, letter, what)
            except (OSError, smtplib.SMTPException) as error:
                said = f"{self.connection}: the SMTP server broke off ({type(error).__name__}) before it had {what}"
                raise RetryableError(said) from None

    def _deliver(self, server: smtplib.SMTP, letter: Letter, what: str) -> None:
        options = ["BODY=8BITMIME"] if server.has_extn("8bitmime") else []
        if letter.needs_utf8:
            if not server.has_extn("smtputf8"):
                raise UndeliverableError(f"{self.connection}: {what}: the SMTP server takes no such address (SMTPUTF8)")
            options.append("SMTPUTF8")
            server.command_encoding = "utf-8"
        self._expect(server.mail(letter.sender, options), what, "sender")
        self._expect(server.rcpt(letter.recipient), what, "recipient")
        self._expect(server.docmd("DATA"), what, "content", good=354)
        server.send(_stuffed(letter.body))
        try:
            server.send(b".\r\n")
            answer = server.getreply()
        except (OSError, smtplib.SMTPException) as error:
            said = f"{self.connection}: {what} was sent and not answered ({type(error).__name__})"
            raise OutcomeUnknownError(f"{said}; look for <{letter.key}> where sent mail is kept") from None
        if not 200 <= answer[0] < 600 or 300 <= answer[0] < 400:
            said = f"{self.connection}: {what} was sent and answered by something that is no SMTP"
            raise OutcomeUnknownError(f"{said}; look for <{letter.key}> where sent mail is kept")
        self._expect(answer, what, "content")

    def _expect(self, answer: tuple[int, bytes], what: str, stage: str, good: int = 250) -> None:
        code, said = answer
        if code == good or (good == 250 and 200 <= code < 300):
            return
        if code < 400:
            raise RetryableError(f"{self.connection}: the SMTP server answered {code} to the {stage} of {what}")
        raise refusal(self.connection, code, said, what, stage)


def refusal(connection: str, code: int, said: bytes, what: str, stage: str) -> RemoteError:
    """The decision for an answer of 400 and above. Source: RFC 5321, 4.2; RFC 3463 for the codes with dots.

    Args:
        said: The server's words; never repeated, for they may quote the customer.
        stage: `"sender"`, `"recipient"` or `"content"`.
    """
    found = _ENHANCED.search(said)
    detail = found.group(0).decode() if found else ""
    kind = detail.partition(".")[2]
    told = f"{connection}: the SMTP server refuses the {stage} of {what} ({code}{' ' + detail if detail else ''})"
    facts = {"code": detail or str(code), "status": code}
    if code < 500:
        if _GREY.search(said):
            return RetryableError(f"{told}: for now", after=_GREYLISTED, **facts)  # type: ignore[arg-type]  # as named
        if code == 421 or kind.startswith("7.") or _TOO_FAST.search(said):
            return ThrottledError(f"{told}: too much at once", after=_THROTTLED, **facts)  # type: ignore[arg-type]  # as named
        return RetryableError(f"{told}: for now", after=_GREYLISTED, **facts)  # type: ignore[arg-type]  # as named
    if code in (530, 534, 535, 538) or kind in ("7.8", "7.9") or stage == "sender":
        said_so = "it does not let this account send as this address; mend from_address or the credentials"
        return AuthError(f"{told}: {said_so}", **facts)  # type: ignore[arg-type]  # as named
    if kind in _NO_MAILBOX or (stage == "recipient" and not kind.startswith(("7.", "3.", "5."))):
        return UndeliverableError(f"{told}: nobody has this address", **facts)  # type: ignore[arg-type]  # as named
    return RejectedError(f"{told}: for good; see the server's log", **facts)  # type: ignore[arg-type]  # as named


def _stuffed(body: bytes) -> bytes:
    """Lines ended by CR LF, the last one too, and a dot doubled where it begins a line (RFC 5321, 4.5.2)."""
    lines = re.sub(rb"(?:\r\n|\n|\r(?!\n))", b"\r\n", body)
    lines = lines if lines.endswith(b"\r\n") else lines + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", lines)
