"""E-mail against a real Dovecot and a real Postfix."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crocevia import (
    Attachment,
    ContactPoint,
    InteractionSeen,
    Message,
    ParseContext,
    Raw,
    Secret,
    StatusReported,
)
from crocevia.errors import AuthError, GoneError, RejectedError, RetryableError
from crocevia_email import Email
from tests.peers.mail_desk import Connect, Ear, connect, desk, house, keys, listen, mail, said
from tests.peers.mail_house import MailHouse

__all__ = ["connect", "desk", "house", "listen"]
pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("mail")]


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
