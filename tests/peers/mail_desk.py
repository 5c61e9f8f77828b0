"""A mailbox of a real mail house, a connector that reads it, and what hears its pages."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import define, field

from crocevia import (
    Event,
    ParseContext,
    Raw,
    RawPage,
    Secret,
)
from crocevia.errors import RetryableError
from crocevia_email import Email, Settings
from tests.peers.mail_house import PASSWORD, MailHouse, problem, running_mail_house

_PATIENCE_S = 60.0
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def house() -> Iterator[MailHouse]:
    """Both servers; each test has mailboxes of its own."""
    if why := problem():
        pytest.skip(why)
    with running_mail_house() as running:
        yield running


@pytest.fixture
def desk() -> str:
    """The name of the mailbox that this test's connection reads."""
    return f"desk{next(_NUMBERS)}"


Connect = Callable[..., Email]


@pytest.fixture
def connect(house: MailHouse, desk: str) -> Connect:
    """A connector of the test's mailbox, by TLS and with a password, as settings change it."""

    def made(**changed: Any) -> Email:
        given: dict[str, Any] = {
            "imap_host": "localhost",
            "imap_port": house.ports["imaps"],
            "username": desk,
            "password": Secret(PASSWORD),
            "addresses": (f"{desk}@shop.test",),
            "sent_folders": ("Sent",),
            "authserv_id": "mx.shop.test",
            "look_seconds": 1.0,
            "smtp_host": "localhost",
            "smtp_port": house.ports["smtp"],
            "ca_file": house.folder / "cert.pem",
        }
        return Email(Settings(**{**given, **changed}), connection="mail")

    return made


@define
class Ear:
    """Listens as the daemon does: a page is kept with its cursor, a broken stream is opened again."""

    email: Email
    cursor: str | None = None
    pages: list[RawPage] = field(factory=list)
    broken: list[Exception] = field(factory=list)
    stop: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> "Ear":
        """Begin, and return once it knows where it stands."""
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self.until(lambda: self.cursor is not None)
        return self

    def _listen(self) -> None:
        while not self.stop.is_set():
            try:
                for page in self.email.listen(self.cursor, self.stop):
                    self.cursor = page.cursor
                    self.pages.append(page)
            except RetryableError as error:
                self.broken.append(error)
                self.stop.wait(0.2)

    def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds."""
        end_s = time.monotonic() + _PATIENCE_S
        while not holds():
            assert time.monotonic() < end_s, f"it never came; broken: {self.broken}"
            time.sleep(0.01)

    def mails(self, count: int) -> list[RawPage]:
        """The mails heard, once there are so many."""
        self.until(lambda: len([page for page in self.pages if page.body]) >= count)
        return [page for page in self.pages if page.body]

    def end(self) -> None:
        """Stop and wait for it."""
        self.stop.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)
            assert not self._thread.is_alive()


@pytest.fixture
def listen(connect: Connect) -> Iterator[Callable[..., Ear]]:
    """Starts ears, and ends them after the test."""
    started: list[Ear] = []

    def start(email: Email | None = None, cursor: str | None = None) -> Ear:
        started.append(Ear(email or connect(), cursor))
        return started[-1].start()

    yield start
    for ear in started:
        ear.end()


def mail(key: str, *more: str, text: str = "Buongiorno", to: str = "desk@shop.test") -> bytes:
    """A customer's mail, as she writes it."""
    lines = ("From: Anna Rossi <anna@customers.test>", f"To: {to}", f"Message-ID: <{key}@customers.test>", *more)
    return "\r\n".join((*lines, "", text, "")).encode()


def said(email: Email, page: RawPage) -> Event:
    """What the connector makes of a page."""
    now = datetime.now(UTC)
    raw = Raw(connection="mail", kind="email", body=page.body, headers=page.headers, received_at=now, source="stream")
    (event,) = email.parse(raw, ParseContext(now=now))
    return event


def keys(email: Email, pages: list[RawPage]) -> list[str]:
    """The Message-IDs of the mails heard, without the domain."""
    return [getattr(said(email, page), "key", "").partition("@")[0] for page in pages]
