"""Answers by SMTP, over a real connection to a server that does what a test says."""

import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from attrs import define, field

from crocevia import ContactPoint, Message, Secret
from crocevia.errors import (
    AuthError,
    ConfigError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryableError,
    ThrottledError,
    UndeliverableError,
)
from crocevia_email import Email
from tests.plugins.email.conftest import make_settings


@define
class Office:
    """An SMTP server's handler: what it answers, and what it took."""

    rcpt: str = "250 ok"
    data: str = "250 ok"
    taken: list[Envelope] = field(factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's own name
        self, server: Any, session: Session, envelope: Envelope, to: str, options: list[str]
    ) -> str:
        """Answer as arranged."""
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(to)
        return self.rcpt

    async def handle_DATA(  # noqa: N802 - as above
        self, server: Any, session: Session, envelope: Envelope
    ) -> str:
        """Take the mail and answer as arranged."""
        self.taken.append(envelope)
        return self.data


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Office, int]]:
    """A running server that knows one account, and its port."""
    kept = Office()

    def log_in(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        is_known = given.login == b"info" and given.password == b"mail password"
        return AuthResult(success=is_known, handled=False)

    class Server(Controller):
        def factory(self) -> SMTP:
            return SMTP(
                self.handler,
                hostname="localhost",
                enable_SMTPUTF8=True,
                authenticator=log_in,
                auth_require_tls=False,
            )

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    controller = Server(kept, hostname="127.0.0.1", port=port)
    controller.start()
    yield kept, port
    controller.stop()


@pytest.fixture
def office(server: tuple[Office, int]) -> tuple[Office, int]:
    """The server, as if new."""
    server[0].rcpt = server[0].data = "250 ok"
    server[0].taken.clear()
    return server


def connector(port: int, **changed: Any) -> Email:
    """A connector that sends through this server, and whose mailbox is away."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = int(probe.getsockname()[1])
    return Email(make_settings(smtp_port=port, imap_port=nobody, **changed), connection="mail")


def message(**changed: Any) -> Message:
    """An answer to Anna."""
    given: dict[str, Any] = {"id": "01ABC:2", "to": ContactPoint("email", "", "anna@example.com"), "text": "Certo"}
    return Message(**{**given, **changed})


def test_a_message_goes_out_once_with_a_message_id_of_its_own_id(office: tuple[Office, int]) -> None:
    """The same for each attempt; threaded below what it answers; nothing in it says that a program wrote."""
    kept, port = office
    email = connector(port, from_name='Negozio "Più"', reply_to="orders@shop.example")
    receipt = email.send(
        message(
            conversation="q1@example.com", in_reply_to="q2@example.com", subject="Taglie", text="Certo!\n.\n.x\nÈ così"
        )
    )
    again = email.send(message(text="x"))

    mail = message_from_bytes(kept.taken[0].original_content or b"", policy=default)
    assert receipt.key == again.key == "01ABC%3A2@shop.example"
    assert {name: str(value) for name, value in mail.items() if name != "Date"} == {
        "From": '"Negozio \\"Più\\"" <info@shop.example>',
        "To": "anna@example.com",
        "Reply-To": "orders@shop.example",
        "Subject": "Re: Taglie",
        "Message-ID": "<01ABC%3A2@shop.example>",
        "In-Reply-To": "<q2@example.com>",
        "References": "<q1@example.com> <q2@example.com>",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
        "MIME-Version": "1.0",
    }
    assert mail.get_content().replace("\r\n", "\n") == "Certo!\n.\n.x\nÈ così\n"
    assert (kept.taken[0].mail_from, kept.taken[0].rcpt_tos) == ("info@shop.example", ["anna@example.com"])


def test_nothing_that_is_sent_can_become_a_header(office: tuple[Office, int]) -> None:
    """Line ends in a subject, a name or an id end nothing."""
    kept, port = office
    evil = "x\r\nBcc: victim@example.com\r\n\r\nbody"
    email = connector(port, from_name=evil)
    email.send(message(subject=evil, conversation=evil, in_reply_to=f"{evil}@x", id=evil, text=f"{evil}\r\n.\r\nMAIL"))
    mail = message_from_bytes(kept.taken[0].original_content or b"", policy=default)
    assert sorted(mail) == [
        "Content-Transfer-Encoding", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To",
    ]  # fmt: skip
    assert str(mail["Subject"]) == "Re: x Bcc: victim@example.com body"
    assert len(kept.taken) == 1
    assert kept.taken[0].rcpt_tos == ["anna@example.com"]


@pytest.mark.parametrize("to", ["", "anna", "anna@", "@example.com", "a b@example.com", "a@b>\r\nRCPT TO:<c@d"])
def test_what_is_no_address_gets_nothing(to: str, office: tuple[Office, int]) -> None:
    """Undeliverable, and the server is never asked."""
    with pytest.raises(UndeliverableError):
        connector(office[1]).send(message(to=ContactPoint("email", "", to)))
    assert office[0].taken == []


def test_addresses_of_all_the_world_are_sent_to(office: tuple[Office, int]) -> None:
    """A Unicode domain as punycode; a Unicode name by SMTPUTF8, where the server has it."""
    kept, port = office
    for to in ("anna@mächine.example", "jörg@mächine.example"):
        connector(port).send(message(to=ContactPoint("email", "", to)))
    assert [envelope.rcpt_tos for envelope in kept.taken] == [
        ["anna@xn--mchine-bua.example"],
        ["jörg@xn--mchine-bua.example"],
    ]


REFUSALS: dict[str, tuple[str, str, type[RemoteError]]] = {
    "no such user": ("rcpt", "550 5.1.1 anna@example.com unknown", UndeliverableError),
    "no such user, without a code": ("rcpt", "550 anna@example.com unknown", UndeliverableError),
    "mailbox full": ("rcpt", "552 5.2.2 full", UndeliverableError),
    "policy": ("rcpt", "554 5.7.1 refused", RejectedError),
    "login wanted": ("rcpt", "530 5.7.0 log in first", AuthError),
    "greylisted": ("rcpt", "450 4.7.1 Greylisted, see you later", RetryableError),
    "mailbox busy": ("rcpt", "450 4.2.0 busy", RetryableError),
    "too many": ("rcpt", "451 4.3.2 too many messages, slow down", ThrottledError),
    "closing": ("rcpt", "421 4.3.2 closing", ThrottledError),
    "spam": ("data", "550 5.7.1 this is spam", RejectedError),
    "too large": ("data", "552 5.3.4 too large", RejectedError),
    "out of disk": ("data", "452 4.3.1 no space", RetryableError),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_each_refusal_is_a_decision(name: str, office: tuple[Office, int]) -> None:
    """By its code; the server's words, which may quote the customer, are not repeated."""
    kept, port = office
    stage, answer, error = REFUSALS[name]
    setattr(kept, stage, answer)
    with pytest.raises(RemoteError) as raised:
        connector(port).send(message())
    assert type(raised.value) is error
    assert "01ABC:2" in str(raised.value)
    assert "anna" not in str(raised.value)
    assert answer[4:] not in str(raised.value)


def test_a_throttled_connection_waits(office: tuple[Office, int]) -> None:
    """All of it, for a while."""
    office[0].rcpt = "421 4.7.0 slow down"
    with pytest.raises(ThrottledError) as raised:
        connector(office[1]).send(message())
    assert (raised.value.after, raised.value.scope) == (timedelta(minutes=2), "connection")


def test_a_wrong_password_is_an_auth_error_and_is_not_told(office: tuple[Office, int]) -> None:
    """Reauthorise; the queue is kept."""
    with pytest.raises(AuthError) as raised:
        connector(office[1], password=Secret("wrong password")).send(message())
    assert "wrong password" not in str(raised.value)


# --- a server that breaks off ---------------------------------------------------------------------------------------

Breaker = Callable[[bytes], bool]


@pytest.fixture
def broken() -> Iterator[Callable[[str], int]]:
    """Starts servers that hang up at a step; returns the port."""
    servers: list[socketserver.ThreadingTCPServer] = []

    def start(step: str) -> int:
        class Handler(socketserver.StreamRequestHandler):
            timeout = 5

            def handle(self) -> None:
                if step == "connect":
                    return
                self.wfile.write(b"220 hello\r\n")
                while line := self.rfile.readline():
                    verb = line[:4].upper().strip().decode()
                    if verb == step:
                        return
                    if verb == "DATA":
                        self.wfile.write(b"354 go\r\n")
                        if step == "middle":
                            self.rfile.readline()
                            return
                        while self.rfile.readline() not in (b".\r\n", b""):
                            pass
                        if step == "end":
                            return
                    self.wfile.write(b"250 ok\r\n")

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return int(server.server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("step", ["connect", "EHLO", "MAIL", "RCPT", "DATA"])
def test_what_breaks_before_the_end_of_the_mail_was_not_sent(step: str, broken: Callable[[str], int]) -> None:
    """A server must not deliver a mail whose end it has not seen: it may be tried again."""
    with pytest.raises(RetryableError):
        connector(broken(step)).send(message())


def test_what_breaks_after_the_end_of_the_mail_may_have_been_sent(broken: Callable[[str], int]) -> None:
    """It is never blindly repeated; the error says which Message-ID to look for."""
    with pytest.raises(OutcomeUnknownError, match=re.escape("<01ABC%3A2@shop.example>")):
        connector(broken("end")).send(message())


def test_a_server_that_is_away_was_sent_nothing() -> None:
    """Nobody listens there."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with pytest.raises(RetryableError):
        connector(port).send(message())


def test_without_a_server_nothing_can_be_sent() -> None:
    """And the reason names the setting."""
    with pytest.raises(UndeliverableError, match="smtp_host"):
        connector(1, smtp_host=None).send(message())


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"imap_host": "mail.example.com"}, "imap_security"),
        ({"smtp_host": "mail.example.com"}, "smtp_security"),
        ({"password": None}, "password"),
        ({"password": None, "refresh_token": Secret("r")}, "token_url"),
        ({"refresh_token": Secret("r"), "token_url": "http://x", "client_id": "c"}, "token_url"),
        ({"addresses": ()}, "addresses"),
        ({"addresses": ("@shop.example",)}, "from_address"),
        ({"addresses": ("shop",)}, "addresses"),
        ({"folders": ()}, "folders"),
    ],
)
def test_settings_that_cannot_work_are_refused(changed: dict[str, Any], told: str) -> None:
    """A password never travels in clear but on this machine."""
    with pytest.raises(ConfigError, match=told):
        make_settings(**changed)
