"""A mail server on loopback, which takes, refuses and breaks off as the conformance suite wants it."""

from __future__ import annotations

import base64
import email
import socketserver
import threading
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import timedelta
from email.policy import default
from typing import Any, ClassVar

from attrs import evolve

from crocevia import Attachment, Connector, ContactPoint, Message, RawPage
from crocevia.testing import Answered, FakeClock, Peer, Taken
from crocevia_email import Email
from crocevia_email.mailbox import Selected

_FILE = b"the bytes of a file"
_KEY = "imap:INBOX;7;9;2"


class MailPeer(Peer):
    """Speaks SMTP over a real connection. Its IMAP is a session in this process, for a copy and a file."""

    without: ClassVar = {
        "handshake": "a mail server calls nobody",
        "both_secrets": "a mailbox has one password",
        "window closed": "mails may be sent at any time",
        "erasable": "mails are the mailbox owner's to delete",
        "remembers": "as erasable",
        "seed": "the mailbox is listened to, not asked",
    }
    troubles: ClassVar = {"throttled": Answered(status=421)}
    waits = timedelta(minutes=2)

    def __init__(self, settings: Any, clock: FakeClock) -> None:
        super().__init__(settings, clock)
        self.gone = False
        peer = self

        class Handler(socketserver.StreamRequestHandler):
            timeout = 5

            def handle(self) -> None:
                peer.converse(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        target = self._server.serve_forever
        threading.Thread(target=target, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def connector(self, cls: type[Connector[Any]]) -> Connector[Any]:
        """One that sends here."""
        settings = evolve(self.settings, smtp_port=int(self._server.server_address[1]))
        made = cls(settings, connection="suite", clock=self.clock)
        if isinstance(made, Email):
            made._mailbox = self._mailbox  # type: ignore[method-assign]
        return made

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()

    # SMTP

    def converse(self, line: socketserver.StreamRequestHandler) -> None:
        """One session, as RFC 5321 wants it; the trouble that is due comes where it belongs."""
        due = self._due[0] if self._due else None
        if due == "down":
            self._due.pop(0)
            return
        known, text = False, b""
        line.wfile.write(b"220 peer\r\n")
        while command := line.rfile.readline():
            verb = command[:4].upper().strip()
            answer = b"250 ok"
            if verb == b"EHLO":
                answer = b"250-peer\r\n250-8BITMIME\r\n250 AUTH PLAIN"
            elif verb == b"AUTH":
                known = base64.b64decode(command.split()[2]) == b"\0info\0" + self._password()
                known, answer = (False, b"535 5.7.8 no") if due == "unauthorised" else (known, b"235 2.7.0 ok")
            elif verb == b"RCPT" and due == "throttled":
                answer = b"421 4.7.0 too many"
            elif verb == b"DATA":
                line.wfile.write(b"354 go\r\n")
                text = self._read(line)
                answer = self._took(text) if known else b"530 5.7.0 log in first"
            elif verb == b"QUIT":
                line.wfile.write(b"221 bye\r\n")
                return
            if answer.startswith((b"421", b"535")):
                self._due.pop(0)
            if verb == b"DATA" and due in ("lost answer", "garbled answer"):
                self._due.pop(0)
                if due == "lost answer":
                    return
                answer = b"<html>502</html>"
            line.wfile.write(answer + b"\r\n")

    def _password(self) -> bytes:
        found: str = self.settings.password.reveal()
        return found.encode()

    def _read(self, line: socketserver.StreamRequestHandler) -> bytes:
        text = b""
        while (one := line.rfile.readline()) not in (b".\r\n", b""):
            text += one[1:] if one.startswith(b".") else one
        return text

    def _took(self, text: bytes) -> bytes:
        mail = email.message_from_bytes(text, policy=default)
        said = str(mail.get_content()).replace("\r\n", "\n").removesuffix("\n")
        self.take(key=str(mail["Message-ID"]).strip("<>"), text=said, said=text)
        return b"250 2.0.0 kept"

    # What it tells

    def message(self, text: str) -> Message | None:
        """To a customer."""
        return Message(id="suite-1", to=ContactPoint("email", "", "anna@example.com"), text=text)

    def echoes(self, taken: Taken) -> Sequence[RawPage]:
        """The copy in the folder of sent mail."""
        return [RawPage(body=taken.said, cursor="x", headers={"imap-folder": "Sent"})]

    def statuses(self, taken: Taken) -> Sequence[RawPage]:
        """A bounce of it."""
        report = (
            b"Content-Type: multipart/report; boundary=b\r\nFrom: MAILER-DAEMON@peer.example\r\n\r\n"
            b"--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
            b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + taken.said + b"\r\n--b--\r\n"
        )
        return [RawPage(body=report, cursor="x")]

    def files(self) -> Sequence[tuple[Attachment, bytes]]:
        """One part of one mail."""
        return [(Attachment(kind="document", key=_KEY), _FILE)]

    # IMAP

    @contextmanager
    def _mailbox(self) -> Any:
        yield _Session(self)

    def missing(self) -> bool:
        """Whether the mail has been deleted, as was arranged."""
        if self._due[:1] == ["gone"]:
            self._due.pop(0)
            return True
        return False


class _Session:
    """What `media` asks of a mailbox."""

    def __init__(self, peer: MailPeer) -> None:
        self._is_gone = peer.missing()

    def select(self, folder: str) -> Selected:
        return Selected(7, 10)

    def structure(self, uid: int) -> Any:
        return None if self._is_gone else ([(), ()], b"mixed")

    def bodies(self, uids: Sequence[int], section: str = "", most_bytes: int | None = None) -> dict[int, bytes]:
        if self._is_gone:
            return {}
        found = b"Content-Transfer-Encoding: base64\r\n" if section.endswith("MIME") else base64.b64encode(_FILE)
        return dict.fromkeys(uids, found)
