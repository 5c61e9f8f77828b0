"""What a mail is, however it is written."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from crocevia import ConsentReported, Event, Ignored, InteractionSeen, StatusReported, Unrecognised
from crocevia.errors import MalformedError
from tests.plugins.email.conftest import NOW, Parse, mail


def seen(events: list[Event]) -> InteractionSeen:
    """The one touch."""
    assert isinstance(events[0], InteractionSeen)
    return events[0]


def points(party: Any) -> list[str]:
    """The addresses of a party."""
    return [point.value for point in party.points]


# --- threads and keys -----------------------------------------------------------------------------------------------


def test_a_thread_is_named_by_its_first_mail(parse: Parse) -> None:
    """Whoever answers, and whether a program gives References or In-Reply-To alone."""
    first = seen(parse(mail("Message-ID: <1@a>")))
    second = seen(parse(mail("Message-ID: <2@b>", "In-Reply-To: <1@a>", "To: a@a", sender="info@shop.example")))
    third = seen(parse(mail("Message-ID: <3@a>", "References: <1@a>\r\n\t<2@b>", "In-Reply-To: <2@b>")))
    assert {event.conversation for event in (first, second, third)} == {"1@a"}
    assert (third.key, third.in_reply_to) == ("3@a", "2@b")


def test_a_mail_without_a_message_id_is_known_by_its_bytes(parse: Parse) -> None:
    """The same again is the same mail, another is another."""
    one, two = mail("Message-ID: "), mail("Message-ID: ", text="Altro")
    keys = [seen(parse(body)).key for body in (one, one, two)]
    assert keys[0] == keys[1] != keys[2]
    assert keys[0].startswith("sha:")


def test_copies_to_two_of_our_addresses_are_one_mail(parse: Parse) -> None:
    """Delivered twice with one Message-ID: one key, whatever the servers wrote above."""
    copies = [mail(f"Received: by {name}", f"Delivered-To: {name}@shop.example") for name in ("info", "orders")]
    assert len({seen(parse(body)).dedupe_key for body in copies}) == 1


@pytest.mark.parametrize("field", ["In-Reply-To: anna@example.com", "In-Reply-To: ", "References: Your mail of Monday"])
def test_words_where_an_id_should_stand_join_no_threads(field: str, parse: Parse) -> None:
    """Programs write an address or a sentence there, the same for everybody."""
    assert seen(parse(mail(field))).conversation == "a1@example.com"


# --- who and when ---------------------------------------------------------------------------------------------------


def test_our_own_addresses_decide_who_is_the_customer(parse: Parse) -> None:
    """What lies in a folder of sent mail is ours; its first recipient who is not ours is the customer."""
    body = mail("To: orders@shop.example, Bruno <bruno@example.com>", "Cc: c@example.com", sender="info@shop.example")
    event = seen(parse(body, headers={"imap-folder": "Sent"}))
    assert (event.direction, event.status) == ("outbound", "sent")
    assert points(event.customer) == ["bruno@example.com"]
    assert event.customer.points[0].verified
    assert [points(party) for party in event.recipients] == [["bruno@example.com"], ["c@example.com"]]


def test_nobody_writes_in_our_name_into_our_inbox(parse: Parse) -> None:
    """Without our own server's word a mail from us is not ours; with it, it is a copy of one."""
    fields = ("To: bruno@example.com", "Cc: info@shop.example")
    ours = "Authentication-Results: mx.shop.example; dmarc=pass header.from=shop.example"
    inbox = {"imap-folder": "INBOX"}
    forged = parse(mail(*fields, sender="orders@shop.example"), headers=inbox)
    true = parse(mail(*fields, ours, sender="orders@shop.example"), headers=inbox)
    assert [type(event) for event in forged] == [Ignored]
    assert seen(true).direction == "outbound"
    assert isinstance(parse(mail(sender="info@shop.example"), headers={"imap-folder": "Sent"})[0], Ignored)


def test_a_form_on_our_site_writes_for_whom_its_answers_go_to(parse: Parse) -> None:
    """From us, to us, Reply-To the customer: theirs, and not proven by what proves us."""
    ours = "Authentication-Results: mx.shop.example; dmarc=pass header.from=shop.example"
    event = seen(parse(mail(ours, "Reply-To: Anna <anna@example.com>", sender="Form <info@shop.example>")))
    assert (event.direction, points(event.author)) == ("inbound", ["anna@example.com"])
    assert not event.author.points[0].verified


def test_a_reply_to_of_somebody_else_is_no_identity(parse: Parse) -> None:
    """It says where answers go, not who wrote."""
    event = seen(parse(mail("Reply-To: somebody@else.example")))
    assert points(event.author) == ["anna@example.com"]


@pytest.mark.parametrize(
    ("sender", "value", "name"),
    [
        ('"Rossi, Anna" <Anna.Rossi@Example.COM>', "Anna.Rossi@example.com", "Rossi, Anna"),
        ("=?utf-8?b?TmljY29sw7I=?= <n@example.com>", "n@example.com", "Niccolò"),
        ('"=?iso-8859-1?q?Niccol=F2?=" <n@example.com>', "n@example.com", "Niccolò"),
        ("n@example.com (Nino)", "n@example.com", "Nino"),
        ("=?x-nowhere?q?abc?= <n@example.com>", "n@example.com", "abc"),
        ("=?utf-8?b?A?= <n@example.com>", "n@example.com", "=?utf-8?b?A?="),
        ("Anna\x00\x1b\x07 <n@example.com>", "n@example.com", "Anna"),
        ("n@example.com", "n@example.com", None),
    ],
)
def test_senders_are_read_however_they_are_written(sender: str, value: str, name: str | None, parse: Parse) -> None:
    """Quoted, encoded, against the rules; the domain in lower case, the local part as written."""
    event = seen(parse(mail(sender=sender)))
    assert (points(event.author), event.author.name) == ([value], name)


@pytest.mark.parametrize("sender", ["", "Anna", "<>", "a b@example.com", "@example.com", "undisclosed-recipients:;"])
def test_a_mail_from_nobody_is_still_a_touch(sender: str, parse: Parse) -> None:
    """Anonymous, as a caller may be."""
    assert seen(parse(mail(sender=sender))).author.points == ()


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("Sat, 21 Nov 2026 10:00:00 +0100 (CET)", datetime(2026, 11, 21, 9, 0, tzinfo=UTC)),
        ("21 Nov 2026 10:00", datetime(2026, 11, 21, 10, 0, tzinfo=UTC)),
        ("Sat, 21 Nov 26 10:00:00 -0000", datetime(2026, 11, 21, 10, 0, tzinfo=UTC)),
        ("Thu, 01 Jan 1970 00:00:00 +0000", NOW),
        ("Fri, 31 Dec 9999 23:59:59 -2359", NOW),
        ("Mon, 1 Jan 2040 00:00:00 +0000", NOW),
        ("32 Foo 99999 25:61 +99999999", NOW),
        ("", NOW),
    ],
)
def test_a_date_that_cannot_be_gives_way_to_when_it_came(date: str, at: datetime, parse: Parse) -> None:
    """The sender's clock, unless it is plainly wrong."""
    assert seen(parse(mail(f"Date: {date}"))).at == at


def test_without_a_date_the_servers_own_times_count(parse: Parse) -> None:
    """The last Received, else the mailbox's own time."""
    arrived = {"imap-arrived": "2026-11-20T08:00:00+01:00"}
    assert seen(parse(mail("Date: ?"), headers=arrived)).at == datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
    received = mail("Received: from a by b; Fri, 20 Nov 2026 06:00:00 +0000", "Date: ?")
    assert seen(parse(received, headers=arrived)).at == datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


# --- what is no touch, or a machine's -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: auto-replied; x=y",
        "X-Autoreply: yes",
        "X-Auto-Response-Suppress: All",
        "Precedence: bulk",
        "Return-Path: <>",
        "List-Unsubscribe: <mailto:u@example.com>",
        "From: no-reply@example.com",
    ],
)
def test_what_a_program_wrote_is_marked(field: str, parse: Parse) -> None:
    """So that two programs never answer each other."""
    assert seen(parse(mail(field))).automated
    assert not seen(parse(mail("Auto-Submitted: no"))).automated


@pytest.mark.parametrize(
    ("fields", "setting"),
    [
        (("X-Spam-Flag: YES",), "ignore_spam"),
        (("X-Spam-Status: Yes, score=9",), "ignore_spam"),
        (("List-Id: Gardeners <gardeners.example.org>",), "ignore_bulk"),
        (("List-Unsubscribe: <mailto:u@x>", "Precedence: bulk"), "ignore_bulk"),
    ],
)
def test_spam_and_lists_are_ignored_unless_wanted(fields: tuple[str, ...], setting: str, parse: Parse) -> None:
    """With the reason."""
    (ignored,) = parse(mail(*fields))
    assert isinstance(ignored, Ignored)
    assert seen(parse(mail(*fields), **{setting: False})).text == "Buongiorno"


def test_a_group_of_our_own_is_no_mailing_list(parse: Parse) -> None:
    """A provider's group of info@ puts its List-Id on each customer's mail."""
    assert seen(parse(mail("List-Id: <info.shop.example>", "Precedence: list"))).automated


@pytest.mark.parametrize("subject", ["Unsubscribe", " unsubscribe.", "DISISCRIVIMI", "Annulla iscrizione"])
def test_an_unsubscribe_is_a_touch_and_a_word_about_consent(subject: str, parse: Parse) -> None:
    """For marketing: the customer may still be answered."""
    touch, consent = parse(mail(f"Subject: {subject}"))
    assert isinstance(touch, InteractionSeen)
    assert isinstance(consent, ConsentReported)
    assert (consent.granted, consent.purpose, points(consent.party)) == (False, "marketing", ["anna@example.com"])
    assert len(parse(mail("Subject: How do I unsubscribe from it?"))) == 1


def test_a_copy_of_what_we_sent_settles_it(parse: Parse) -> None:
    """Our own Message-ID in a folder of sent mail; in the inbox it is nothing of the kind."""
    body = mail("Message-ID: <01%3AB@shop.example>", "To: anna@example.com", sender="info@shop.example")
    (status,) = parse(body, headers={"imap-folder": "Sent"})
    assert isinstance(status, StatusReported)
    assert (status.of, status.status, status.callback) == ("01%3AB@shop.example", "sent", "01:B")
    assert isinstance(parse(body, headers={"imap-folder": "INBOX"})[0], Ignored)


# --- what is broken -------------------------------------------------------------------------------------------------

BROKEN: dict[str, bytes] = {
    "unknown charset": mail("Content-Type: text/plain; charset=x-nowhere", text="perché"),
    "a charset that is none": mail("Content-Type: text/plain; charset=rot13", text="perché"),
    "wrong charset": mail("Content-Type: text/plain; charset=us-ascii", text="perché"),
    "charset of RFC 2231": mail("Content-Type: text/plain; charset*=%FF''utf-8", text="perché"),
    "no charset": mail(text="perché"),
    "Windows-1252": mail(text="x").replace(b"\r\nx\r\n", "\r\nperché\r\n".encode("cp1252")),
    "unknown encoding": mail("Content-Transfer-Encoding: x-nowhere", text="perché"),
    "bad quoted-printable": mail("Content-Transfer-Encoding: quoted-printable", text="perch=C3=A9="),
    "line ends of one character": mail(text="perché").replace(b"\r\n", b"\n"),
    "no boundary": mail("Content-Type: multipart/mixed", text="perché"),
    "a boundary that never comes": mail("Content-Type: multipart/mixed; boundary=x", text="perché"),
    "control characters": mail(text="per\x00ch\x07é"),
    "an empty part before": mail(
        "Content-Type: multipart/alternative; boundary=x",
        text="--x\r\nContent-Type: text/plain\r\n\r\n \r\n--x\r\nContent-Type: text/html\r\n\r\n<p>perché</p>\r\n--x--",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_mail_says_what_can_be_read_in_it(name: str, parse: Parse) -> None:
    """The words are there in each of them."""
    assert (seen(parse(BROKEN[name])).text or "").strip() == "perché"


def test_a_bad_base64_is_read_as_far_as_it_goes(parse: Parse) -> None:
    """And a winmail.dat stays the file that it is."""
    assert (seen(parse(mail("Content-Transfer-Encoding: base64", text="cGVyY2g!"))).text or "").startswith("per")
    tnef = "--x\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n\r\nx\r\n--x--"
    (file,) = seen(parse(mail("Content-Type: multipart/mixed; boundary=x", text=tnef))).attachments
    assert (file.kind, file.name, file.mime_type) == ("document", "winmail.dat", "application/ms-tnef")


def test_an_invitation_says_what_it_invites_to(parse: Parse) -> None:
    """Where nothing else is written."""
    invitation = (
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Prova\\, con\r\n  Anna\r\n"
        "DTSTART;TZID=Europe/Rome:20261123T1000\r\n"
        "LOCATION:Negozio\r\nEND:VEVENT\r\nEND:VCALENDAR"
    )
    event = seen(parse(mail("Content-Type: text/calendar; method=REQUEST", text=invitation)))
    assert event.text == "Prova, con Anna\n20261123T1000\nNegozio"
    assert [file.mime_type for file in event.attachments] == ["text/calendar"]


def test_a_forward_keeps_what_it_forwards(parse: Parse) -> None:
    """That is its news."""
    text = "Vedi sotto\n\nOn Monday Bruno <b@example.com> wrote:\n> Buongiorno"
    assert seen(parse(mail("Subject: Fwd: Taglie", text=text))).text == text
    assert seen(parse(mail("Subject: Re: Taglie", text=text))).text == "Vedi sotto"


def test_parts_within_parts_without_end_are_no_trouble(parse: Parse) -> None:
    """Five thousand of them."""
    depth = 5_000
    body = b"From: a@example.com\r\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(depth)
    )
    assert points(seen(parse(body)).author) == ["a@example.com"]


@pytest.mark.parametrize(
    ("field", "unit"), [("From", "a@b.example,"), ("To", "<"), ("Subject", "=?x?q?a?= "), ("Content-Type", "a=b;")]
)
def test_a_huge_header_takes_no_time(field: str, unit: str, parse: Parse) -> None:
    """Half a million characters in one field: the library reads such a thing for ten seconds and more."""
    began_s = time.process_time()
    assert parse(mail(f"{field}: " + unit * (500_000 // len(unit))))
    assert time.process_time() - began_s < 3.0


@pytest.mark.parametrize("body", [b"hello", b"{}", b"\x00" * 100, b"\xff\xfe", b"null", b"\r\n\r\nx"])
def test_what_is_no_mail_is_said_to_be_none(body: bytes, parse: Parse) -> None:
    """Counted and kept."""
    assert [type(event) for event in parse(body)] == [Unrecognised]


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_nothing_at_all_is_malformed(body: bytes, parse: Parse) -> None:
    """There is nothing to keep."""
    with pytest.raises(MalformedError):
        parse(body)
