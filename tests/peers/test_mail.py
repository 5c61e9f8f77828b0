"""E-mail against a real Dovecot and a real Postfix."""

import contextlib
import itertools
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from crocevia import (
    Attachment,
    ContactPoint,
    Event,
    InteractionSeen,
    Message,
    ParseContext,
    Raw,
    RawPage,
    Secret,
    StatusReported,
)
from crocevia.errors import AuthError, GoneError, RejectedError, RetryableError
from crocevia_email import Email, Settings
from tests.peers.mail_house import PASSWORD, MailHouse, problem, running_mail_house

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("mail")]

_PATIENCE_S = 60.0
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
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


def test_a_mail_is_heard_through_idle_within_two_seconds(
    house: MailHouse, desk: str, connect: Connect, listen: Callable[..., Ear]
) -> None:
    """Nothing is asked for meanwhile: the other look would come a minute later. It is not marked as read."""
    email = connect(look_seconds=60.0)
    ear = listen(email)
    time.sleep(0.3)  # it is idle by now
    began_s = time.monotonic()
    house.post(mail("m1", "Subject: Taglie", to=f"{desk}@shop.test"), to=f"{desk}@shop.test")
    (page,) = ear.mails(1)
    took_s = time.monotonic() - began_s

    event = said(email, page)
    assert took_s < 2.0
    assert isinstance(event, InteractionSeen)
    assert (event.key, event.subject, event.text) == ("m1@customers.test", "Taglie", "Buongiorno")
    with house.mailbox(desk) as client:
        client.select_folder("INBOX", readonly=True)
        assert client.search(["UNSEEN"]) == client.search()


def test_what_the_mailbox_holds_is_told_when_history_is_wanted_and_not_otherwise(
    house: MailHouse, desk: str, connect: Connect, listen: Callable[..., Ear]
) -> None:
    """The first start reads `history_days` back; without, it begins where the folder ends."""
    listen().end()
    for number in range(3):
        house.post(mail(f"old{number}"), to=f"{desk}@shop.test")
    Ear(connect()).until(lambda: len(house.mails(desk)) == 3)
    new, all_ = listen(), listen(connect(history_days=3))
    house.post(mail("fresh"), to=f"{desk}@shop.test")
    assert keys(connect(), new.mails(1)) == ["fresh"]
    assert sorted(keys(connect(), all_.mails(4))) == ["fresh", "old0", "old1", "old2"]


def test_dmarc_of_our_own_server_decides_who_is_verified(
    house: MailHouse, desk: str, connect: Connect, listen: Callable[..., Ear]
) -> None:
    """Only the server's own name counts, and of that only what stands on top."""
    ear, email = listen(), connect()
    good = "Authentication-Results: mx.shop.test; dmarc=pass header.from=customers.test"
    bad = "Authentication-Results: mx.shop.test; dmarc=fail header.from=customers.test"
    foreign = "Authentication-Results: mx.evil.test; dmarc=pass header.from=customers.test"
    for key, fields in (("proven", (good,)), ("forged", (bad, good)), ("foreign", (foreign,)), ("bare", ())):
        house.post(mail(key, *fields), to=f"{desk}@shop.test")
    events = [said(email, page) for page in ear.mails(4)]
    verified = {
        event.key.partition("@")[0]: event.author.points[0].verified
        for event in events
        if isinstance(event, InteractionSeen)
    }
    assert verified == {"proven": True, "forged": False, "foreign": False, "bare": False}


def test_an_answer_arrives_in_its_thread(
    house: MailHouse, desk: str, connect: Connect, listen: Callable[..., Ear]
) -> None:
    """With the subject of the mail it answers, which the connector looks up, and with its thread."""
    ear, email = listen(), connect(from_name="Negozio Più", keep_sent="Sent")
    customer = f"anna{desk}@customers.test"
    house.post(
        mail("q2", "Subject: Re: =?utf-8?q?Perch=C3=A9=3F?=", "References: <q1@customers.test>"), to=f"{desk}@shop.test"
    )
    asked = said(email, ear.mails(1)[0])
    assert isinstance(asked, InteractionSeen)
    message = Message(
        id="01ABC#2",
        to=ContactPoint("email", "", customer),
        conversation=asked.conversation,
        in_reply_to=asked.key,
        text="Certo!\n.\nÈ così.",
    )
    receipt = email.send(message)
    Ear(email).until(lambda: house.mails(f"anna{desk}"))
    (arrived,) = house.mails(f"anna{desk}")
    (copy,) = (said(email, page) for page in ear.mails(2)[1:])

    header = arrived.partition(b"\r\n\r\n")[0].decode()
    assert receipt.key == "01ABC%232@shop.test"
    assert "In-Reply-To: <q2@customers.test>" in header
    assert "References: <q1@customers.test> <q2@customers.test>" in header
    assert f"Message-ID: <{receipt.key}>" in header
    now = datetime.now(UTC)
    (read,) = email.parse(Raw(connection="mail", kind="email", body=arrived, received_at=now), ParseContext(now=now))
    assert isinstance(read, InteractionSeen)
    assert (read.subject, read.text) == ("Re: Perché?", "Certo!\n.\nÈ così.")
    assert read.author.name == "Negozio Più"
    assert isinstance(copy, StatusReported)  # the copy in Sent settles a send whose answer was lost
    assert (copy.of, copy.status, copy.callback) == (receipt.key, "sent", "01ABC#2")


def test_what_postfix_bounces_is_a_failed_message(
    house: MailHouse, desk: str, connect: Connect, listen: Callable[..., Ear]
) -> None:
    """It takes the message, cannot deliver it and says so by mail."""
    ear, email = listen(), connect()
    receipt = email.send(Message(id="77", to=ContactPoint("email", "", "vanished@customers.test"), text="Ecco"))
    status = said(email, ear.mails(1)[0])
    assert isinstance(status, StatusReported)
    assert (status.of, status.status, status.callback) == (receipt.key, "failed", "77")
    assert status.detail == "5.1.1: user unknown"


@pytest.mark.parametrize(
    ("to", "error", "code"),
    [("rejected@customers.test", RejectedError, "5.7.1"), ("greylisted@customers.test", RetryableError, "4.7.1")],
)
def test_what_postfix_refuses_is_a_decision(to: str, error: type[Exception], code: str, connect: Connect) -> None:
    """For good, or for now."""
    with pytest.raises(error) as raised:
        connect().send(Message(id="5", to=ContactPoint("email", "", to), text="Ecco"))
    assert getattr(raised.value, "code", None) == code
    assert to not in str(raised.value)


def test_a_dovecot_that_dies_while_we_idle_loses_and_doubles_nothing(
    house: MailHouse, desk: str, connect: Connect, listen: Callable[..., Ear]
) -> None:
    """The line breaks, is opened again, and goes on behind the last mail kept."""
    email = connect(look_seconds=30.0)
    ear = listen(email)
    house.post(mail("before"), to=f"{desk}@shop.test")
    ear.mails(1)
    house.kill("dovecot")
    ear.until(lambda: ear.broken)
    house.post(mail("while it is away"), to=f"{desk}@shop.test")  # Postfix keeps it
    house.start("dovecot")
    house.post(mail("after"), to=f"{desk}@shop.test")
    house.postfix("flush")
    assert sorted(keys(email, ear.mails(3))) == ["after", "before", "whileitisaway"]


def test_a_folder_numbered_anew_is_read_again_and_known_by_its_keys(
    house: MailHouse, desk: str, connect: Connect, listen: Callable[..., Ear]
) -> None:
    """Another UIDVALIDITY: all comes again, under the same keys, and nothing is left out."""
    email = connect()
    ear = listen(email)
    house.post(mail("one"), to=f"{desk}@shop.test")
    ear.mails(1)
    ear.end()
    validity = json.loads(ear.cursor or "")["INBOX"][0]
    Ear(email).until(lambda: time.time() > validity + 1)  # Dovecot takes the second for it
    for name in (house.folder / "home" / desk / "Maildir").glob("dovecot*"):
        name.unlink()  # Dovecot numbers anew what it finds
    house.post(mail("two"), to=f"{desk}@shop.test")
    Ear(email).until(lambda: len(house.mails(desk)) == 2)
    again = listen(email, ear.cursor)
    assert sorted(keys(email, again.mails(2))) == ["one", "two"]


def test_a_listener_killed_before_its_page_was_kept_hears_the_page_again(
    house: MailHouse, desk: str, connect: Connect, listen: Callable[..., Ear]
) -> None:
    """The cursor is that of the last page kept; the mail comes again, byte for byte."""
    email = connect(mark_seen=True)
    ear = listen(email)
    ear.end()
    house.post(mail("once"), to=f"{desk}@shop.test")
    stop = threading.Event()
    stream = iter(email.listen(ear.cursor, stop))
    lost = next(page for page in stream if page.body)
    stream.close()  # type: ignore[attr-defined]  # a generator: what was yielded is never kept
    with house.mailbox(desk) as client:
        client.select_folder("INBOX", readonly=True)
        assert client.search(["SEEN"]) == []
    again = listen(email, ear.cursor).mails(1)
    assert [page.body for page in again] == [lost.body]


_DAEMON = """
[crocevia]
listen = "127.0.0.1:0"
lease_seconds = 1

[connections.mail]
kind = "email"
imap_host = "localhost"
imap_port = {imaps}
username = "{desk}"
password = "{password}"
addresses = ["{desk}@shop.test"]
ca_file = "{cert}"
"""


def _holds(rows: Callable[[str], list[str]], wanted: int) -> bool:
    return len(rows("SELECT key FROM interactions")) >= wanted


def test_a_daemon_that_is_killed_while_mails_come_logs_each_once(house: MailHouse, desk: str, tmp_path: Path) -> None:
    """By kill -9, in the midst of them; what came before, meanwhile and after is there, and nothing twice."""
    settings = tmp_path / "crocevia.toml"
    settings.write_text(_DAEMON.format(desk=desk, cert=house.folder / "cert.pem", password=PASSWORD, **house.ports))

    def rows(query: str) -> list[str]:
        """The first column of a query; none before the store is made."""
        with contextlib.closing(sqlite3.connect(tmp_path / "crocevia.db")) as connection:
            try:
                return [row[0] for row in connection.execute(query)]
            except sqlite3.OperationalError:
                return []

    wait = Ear(None).until  # type: ignore[arg-type]  # it hears nothing, and waits as they do
    for start, wanted in ((0, 3), (12, 24)):
        command = [sys.executable, "-m", "crocevia", "--settings", str(settings), "run"]
        with (tmp_path / "log").open("ab") as log, subprocess.Popen(command, stdout=log, stderr=log) as daemon:
            try:
                wait(lambda: rows("SELECT cursor FROM cursors WHERE connection = 'mail'"))
                for number in range(start, start + 12):
                    house.post(mail(f"n{number}"), to=f"{desk}@shop.test")
                wait(partial(_holds, rows, wanted))
            finally:
                daemon.kill()
    assert sorted(rows("SELECT key FROM interactions")) == sorted(f"n{number}@customers.test" for number in range(24))


def test_a_large_mail_comes_without_its_files_and_they_are_fetched_when_wanted(
    house: MailHouse, desk: str, connect: Connect, listen: Callable[..., Ear]
) -> None:
    """The raw has headers and texts; an attachment's key leads to its bytes, and nowhere once the mail is gone."""
    email = connect(whole_bytes=20_000)
    ear = listen(email)
    file = bytes(range(256)) * 400
    house.post(_with_file(file), to=f"{desk}@shop.test")
    page = ear.mails(1)[0]
    event = said(email, page)
    assert isinstance(event, InteractionSeen)
    assert len(page.body) < 10_000
    assert event.text == "Ecco il catalogo."
    (found,) = event.attachments
    assert (found.kind, found.name, found.mime_type) == ("document", "catalogo.pdf", "application/pdf")
    assert found.size_bytes is not None
    assert found.size_bytes > len(file)
    assert email.media(found).content == file
    with house.mailbox(desk) as client:
        client.select_folder("INBOX")
        client.delete_messages(client.search())
        client.expunge()
    with pytest.raises(GoneError):
        email.media(found)
    with pytest.raises(RejectedError):
        email.media(Attachment(kind="document", key="imap:INBOX;x;y"))


def _with_file(file: bytes) -> bytes:
    from email.message import EmailMessage  # noqa: PLC0415 - used here alone

    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "anna@customers.test", "desk@shop.test", "Catalogo"
    made["Message-ID"] = "<file@customers.test>"
    made.set_content("Ecco il catalogo.\n")
    made.add_attachment(file, maintype="application", subtype="pdf", filename="catalogo.pdf")
    return made.as_bytes().replace(b"\n", b"\r\n")


def test_mails_are_marked_as_read_only_where_a_setting_says_so(
    house: MailHouse, desk: str, connect: Connect, listen: Callable[..., Ear]
) -> None:
    """`mark_seen`, once the page is kept."""
    ear = listen(connect(mark_seen=True))
    house.post(mail("seen"), to=f"{desk}@shop.test")
    ear.mails(1)

    def seen() -> bool:
        with house.mailbox(desk) as client:
            client.select_folder("INBOX", readonly=True)
            return bool(client.search(["SEEN"]))

    ear.until(seen)


def test_a_check_tells_what_is_wrong(connect: Connect, tmp_path: Path) -> None:
    """A good account, a wrong password, a certificate that nobody vouches for, a folder that is not there."""

    def problems(email: Email) -> list[str]:
        return [finding.what for finding in email.check() if finding.level == "problem"]

    assert problems(connect()) == []
    assert [finding.what for finding in connect(sent_folders=()).check() if finding.level == "warning"] == [
        "sent_folders"
    ]
    assert problems(connect(password=Secret("wrong"))) == ["password", "smtp_password"]
    assert problems(connect(ca_file=None)) == ["imap_host", "smtp_host"]
    assert problems(connect(folders=("INBOX", "Nowhere"))) == ["folder Nowhere"]
    with pytest.raises(AuthError):
        connect(password=Secret("wrong")).send(
            Message(id="1", to=ContactPoint("email", "", "anna@customers.test"), text="?")
        )


def test_starttls_is_taken_where_it_is_set(house: MailHouse, connect: Connect) -> None:
    """The same mailbox by its other door."""
    email = connect(imap_security="starttls", imap_port=house.ports["imap"])
    assert [finding.level for finding in email.check()] == ["ok"] * 4
