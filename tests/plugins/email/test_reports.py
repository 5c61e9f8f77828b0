"""What comes back about a mail of ours: bounces, receipts, complaints."""

import pytest

from crocevia import ConsentReported, Ignored, InteractionSeen, StatusReported
from tests.plugins.email.conftest import Parse, mail

OURS = "01ABC@shop.example"
DAEMON = "Mail Delivery System <MAILER-DAEMON@mx.example.net>"


def report(kind: str, *blocks: str, original: str = f"Message-ID: <{OURS}>\r\nTo: anna@example.com") -> bytes:
    """A multipart/report with one machine-readable part and the header of what it is about."""
    parts = [
        "Content-Type: text/plain\r\n\r\nSorry.",
        f"Content-Type: message/{kind}\r\n\r\n" + "\r\n\r\n".join(blocks),
        f"Content-Type: text/rfc822-headers\r\n\r\n{original}",
    ]
    text = "".join(f"--x\r\n{part}\r\n\r\n" for part in parts) + "--x--"
    return mail(f"Content-Type: multipart/report; report-type={kind}; boundary=x", text=text, sender=DAEMON)


def delivery(action: str, status: str = "5.1.1", more: str = "Diagnostic-Code: smtp; 550 no such user") -> bytes:
    """A report of RFC 3464 about one recipient."""
    return report(
        "delivery-status",
        "Reporting-MTA: dns; mx.example.net",
        f"Final-Recipient: rfc822; anna@example.com\r\nAction: {action}\r\nStatus: {status}\r\n{more}",
    )


def test_a_failed_delivery_is_a_failed_message(parse: Parse) -> None:
    """With its code, and our own id of the message, which also settles a send whose answer was lost."""
    (status,) = parse(delivery("failed"))
    assert isinstance(status, StatusReported)
    assert (status.of, status.callback, status.status) == (OURS, "01ABC", "failed")
    assert status.detail == "5.1.1: 550 no such user"


def test_a_delivery_that_is_confirmed_is_delivered_and_one_delayed_is_still_under_way(parse: Parse) -> None:
    """Only what is decided is told."""
    (delivered,) = parse(delivery("delivered", "2.0.0", ""))
    (delayed,) = parse(delivery("delayed", "4.4.1"))
    assert isinstance(delivered, StatusReported)
    assert (delivered.status, delivered.detail) == ("delivered", None)
    assert isinstance(delayed, Ignored)


def test_of_several_recipients_one_failure_decides(parse: Parse) -> None:
    """Whatever became of the others."""
    blocks = [
        f"Final-Recipient: rfc822; {n}@x\r\nAction: {a}\r\nStatus: 5.0.0"
        for n, a in (("a", "relayed"), ("b", "failed"))
    ]
    (status,) = parse(report("delivery-status", *blocks))
    assert isinstance(status, StatusReported)
    assert (status.status, status.detail) == ("failed", "5.0.0: undeliverable")


def test_a_report_of_somebody_elses_mail_names_no_message_of_ours(parse: Parse) -> None:
    """It is told with the key it has, and of nothing where it has none."""
    (other,) = parse(report("delivery-status", "Action: failed", original="Message-ID: <x@other.example>"))
    (nothing,) = parse(report("delivery-status", "Action: failed", original="Subject: x"))
    assert isinstance(other, StatusReported)
    assert (other.of, other.callback) == ("x@other.example", None)
    assert isinstance(nothing, Ignored)


UNSTRUCTURED = {
    "qmail": (
        ("Return-Path: <>",),
        (
            "Hi. This is the qmail-send program at mx.example.net.\r\n\r\n<anna@example.com>:\r\nNo mailbox "
            f"here. (#5.1.1)\r\n\r\n--- Below this line is a copy of the message.\r\n\r\nMessage-ID: <{OURS}>\r\n"
        ),
        "5.1.1: undeliverable",
    ),
    "Exim": (
        ("X-Failed-Recipients: anna@example.com",),
        (
            "A message that you sent could not be delivered.\r\n\r\n  anna@example.com\r\n  550 Unrouteable\r\n\r\n"
            "------ This is a copy of the message, including all the headers. ------\r\n\r\n"
            f"Subject: x\r\nMessage-Id: <{OURS}>\r\n\r\nCiao"
        ),
        "5.0.0: undeliverable",
    ),
}


@pytest.mark.parametrize("name", UNSTRUCTURED)
def test_bounces_for_people_alone_are_known_too(name: str, parse: Parse) -> None:
    """By the copy that they hand back."""
    fields, text, detail = UNSTRUCTURED[name]
    (status,) = parse(mail(*fields, text=text, sender=DAEMON))
    assert isinstance(status, StatusReported)
    assert (status.of, status.status, status.detail) == (OURS, "failed", detail)


def test_who_quotes_a_bounce_is_no_daemon(parse: Parse) -> None:
    """A customer who forwards one writes a mail."""
    event = parse(mail(text=UNSTRUCTURED["qmail"][1]))[0]
    assert isinstance(event, InteractionSeen)


@pytest.mark.parametrize(
    ("disposition", "status"),
    [
        ("manual-action/MDN-sent-manually; displayed", "read"),
        ("automatic-action/MDN-sent-automatically; deleted", None),
        ("manual-action/MDN-sent-manually; Displayed/error", "read"),
    ],
)
def test_a_receipt_says_that_it_was_read(disposition: str, status: str | None, parse: Parse) -> None:
    """Or that it was not."""
    (event,) = parse(report("disposition-notification", f"Original-Message-ID: <{OURS}>\r\nDisposition: {disposition}"))
    found = event.status if isinstance(event, StatusReported) else None
    assert found == status
    assert isinstance(event, StatusReported | Ignored)


def test_a_complaint_takes_consent_back(parse: Parse) -> None:
    """Of whom the mail was sent to; one about no message of ours, from nobody known, is believed by nobody."""
    fields = "Feedback-Type: abuse\r\nUser-Agent: x\r\nVersion: 1\r\nOriginal-Rcpt-To: <anna@example.com>"
    (consent,) = parse(report("feedback-report", fields))
    (forged,) = parse(report("feedback-report", fields, original="Message-ID: <x@other.example>"))
    (fine,) = parse(report("feedback-report", fields.replace("abuse", "not-spam")))
    assert isinstance(consent, ConsentReported)
    assert (consent.granted, consent.purpose, consent.party.points[0].value) == (False, "all", "anna@example.com")
    assert isinstance(forged, Ignored)
    assert isinstance(fine, Ignored)
