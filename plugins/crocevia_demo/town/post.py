"""The post office: one mailbox over IMAP (RFC 9051, with IDLE), and SMTP (RFC 5321) for what goes out.

Loopback alone, one account, in memory; as much of both protocols as a mail program asks for.
"""

from __future__ import annotations

import re
import socketserver
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from functools import partial

from attrs import define, field, frozen

from crocevia_demo.town.book import Book

OUR_ADDRESS = "info@ciclofficina.example"
SERVER = "mx.ciclofficina.example"
_VALIDITY = 1
_WATCHED_S = 0.1


@frozen
class Mail:
    """One mail in the mailbox. `arrived`: as IMAP's INTERNALDATE writes it."""

    uid: int
    body: bytes
    arrived: str


@define
class Post:
    """The mailbox of `OUR_ADDRESS`, and the way out of it."""

    password: str
    book: Book
    mails: list[Mail] = field(factory=list)
    _news: threading.Condition = field(factory=threading.Condition)

    def open(self) -> tuple[int, int]:
        """Serve; the ports of IMAP and SMTP."""
        return _served(partial(_Imap, self)), _served(partial(_Smtp, self))

    def bring(self, sender: str, subject: str, words: str) -> str:
        """A mail has come in, and our server has found its sender to be who he says; return its Message-ID."""
        mail = EmailMessage()
        address = parseaddr(sender)[1]
        domain = address.partition("@")[2]
        key = make_msgid(domain=domain)
        mail["Authentication-Results"] = f"{SERVER}; dmarc=pass header.from={domain}; dkim=pass header.d={domain}"
        mail["From"], mail["To"], mail["Subject"] = sender, OUR_ADDRESS, subject
        mail["Date"], mail["Message-ID"] = formatdate(usegmt=True), key
        mail.set_content(words)
        with self._news:
            self.book.sent("email", key.strip("<>"), "email", address)
            arrived = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime())
            self.mails.append(Mail(len(self.mails) + 1, mail.as_bytes().replace(b"\n", b"\r\n"), arrived))
            self._news.notify_all()
        return key.strip("<>")

    def wait(self, known: int, timeout_s: float) -> bool:
        """Whether there are more mails than are known, now or within so long."""
        with self._news:
            return self._news.wait_for(lambda: len(self.mails) > known, timeout_s)

    def take(self, recipient: str, body: bytes) -> None:
        """A mail goes out."""
        said = message_from_bytes(body)
        key = str(said.get("Message-ID", "")).strip("<> ")
        self.book.received("email", key, recipient, key.partition("@")[0])


def _served(handler: Callable[..., socketserver.BaseRequestHandler]) -> int:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return int(server.server_address[1])


class _Lines(socketserver.StreamRequestHandler):
    """A protocol of lines."""

    def __init__(self, post: Post, *given: object) -> None:
        self.post = post
        super().__init__(*given)  # type: ignore[arg-type]  # as the server gives them

    def say(self, text: str | bytes) -> None:
        """One line."""
        self.wfile.write((text.encode() if isinstance(text, str) else text) + b"\r\n")

    def hear(self) -> Iterator[str]:
        """Lines, until the other side is gone."""
        while line := self.rfile.readline(65536):
            yield line.decode("utf-8", "replace").rstrip("\r\n")


class _Imap(_Lines):
    """One session."""

    known = 0
    is_open = False

    def handle(self) -> None:
        """Answer command after command."""
        self.say("* OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] the post office is open")
        for line in self.hear():
            tag, _, rest = line.partition(" ")
            verb, _, given = rest.partition(" ")
            if verb.upper() == "LOGOUT":
                self.say("* BYE then")
                self.say(f"{tag} OK done")
                return
            self.say(f"{tag} {self._answer(tag, verb.upper(), given)}")

    def _answer(self, tag: str, verb: str, given: str) -> str:
        if verb == "CAPABILITY":
            self.say("* CAPABILITY IMAP4rev1 IDLE UIDPLUS")
            return "OK done"
        if verb == "LOGIN" or not self.is_open:
            return self._login(verb, given)
        if verb in ("SELECT", "EXAMINE"):
            return self._select(given)
        if verb == "LIST":
            self.say('* LIST (\\HasNoChildren) "/" "INBOX"')
            return "OK done"
        if verb == "IDLE":
            return self._idle()
        return self._of_mails(verb, given)

    def _login(self, verb: str, given: str) -> str:
        words = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', given)
        self.is_open = verb == "LOGIN" and [one or other for one, other in words] == [OUR_ADDRESS, self.post.password]
        return "OK welcome" if self.is_open else "NO [AUTHENTICATIONFAILED] not known here"

    def _of_mails(self, verb: str, given: str) -> str:
        if verb == "NOOP":
            self._tell_news()
            return "OK done"
        what, _, rest = given.partition(" ")
        if verb == "UID" and what.upper() == "SEARCH":
            self.say(" ".join(["* SEARCH", *(str(mail.uid) for mail in self._sought(rest))]))
            return "OK done"
        if verb == "UID" and what.upper() == "FETCH":
            self._fetch(rest)
            return "OK done"
        return "BAD this post office does not know that"

    def _select(self, given: str) -> str:
        if given.strip('"').upper() != "INBOX":
            return "NO [NONEXISTENT] there is no such folder"
        self.known = len(self.post.mails)
        self.say("* FLAGS (\\Seen)")
        self.say(f"* {self.known} EXISTS")
        self.say(f"* OK [UIDVALIDITY {_VALIDITY}] as ever")
        self.say(f"* OK [UIDNEXT {self.known + 1}] is next")
        return "OK [READ-ONLY] done"

    def _idle(self) -> str:
        self.say("+ idling")
        self.connection.settimeout(_WATCHED_S)
        try:
            while True:
                try:
                    if self.connection.recv(64):  # DONE, or the line is cut
                        return "OK done"
                    return "BAD gone"
                except TimeoutError:
                    self._tell_news()
        finally:
            self.connection.settimeout(None)

    def _tell_news(self) -> None:
        if self.post.wait(self.known, 0):
            self.known = len(self.post.mails)
            self.say(f"* {self.known} EXISTS")

    def _sought(self, criteria: str) -> Iterable[Mail]:
        mails = list(self.post.mails)
        if found := re.search(r"\bUID (\d+):\*", criteria):
            return [mail for mail in mails if mail.uid >= int(found[1])] or mails[-1:]
        if found := re.search(r'HEADER "?Message-ID"? "?(<[^>"]+>)', criteria, re.IGNORECASE):
            return [mail for mail in mails if found[1].encode() in mail.body]
        return mails  # SINCE: all of them came today

    def _fetch(self, rest: str) -> None:
        uids, _, items = rest.partition(" ")
        wanted = {int(uid) for uid in uids.split(",") if uid.isdigit()}
        for mail in [mail for mail in self.post.mails if mail.uid in wanted]:
            if "BODY" in items.upper():
                head = f"* {mail.uid} FETCH (UID {mail.uid} BODY[] {{{len(mail.body)}}}\r\n".encode()
                self.say(head + mail.body + b")")
            else:
                size = f"RFC822.SIZE {len(mail.body)}"
                self.say(f'* {mail.uid} FETCH (UID {mail.uid} {size} INTERNALDATE "{mail.arrived}")')


class _Smtp(_Lines):
    """One session."""

    def handle(self) -> None:
        """Answer command after command."""
        self.say(f"220 {SERVER} ESMTP")
        recipient = ""
        for line in self.hear():
            verb = line[:4].upper()
            if verb == "EHLO":
                self.say(f"250-{SERVER}")
                self.say("250-8BITMIME")
                self.say("250 SMTPUTF8")
            elif verb == "RCPT":
                recipient = parseaddr(line.partition(":")[2].split(" ")[0])[1]
                self.say("250 2.1.5 OK" if "@" in recipient else "550 5.1.3 no address")
            elif verb == "DATA":
                self.say("354 go on")
                self.post.take(recipient, b"\r\n".join(self._content()))
                self.say("250 2.0.0 taken")
            elif verb == "QUIT":
                self.say("221 2.0.0 goodbye")
                return
            else:
                self.say("250 2.0.0 OK" if verb in ("MAIL", "RSET", "NOOP", "HELO") else "502 5.5.1 not known here")

    def _content(self) -> Iterator[bytes]:
        for line in self.hear():
            if line == ".":
                return
            yield line.removeprefix(".").encode()
