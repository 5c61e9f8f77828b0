"""Recorded mails, the malformed ones too."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from crocevia import Attachment, InteractionSeen, StatusReported, Unrecognised
from crocevia.cli import main
from tests.plugins.email.conftest import NOW, Parse

CHATWOOT = "4e6e35f5a38b4_479f13bb90078178@small-app-01.mail"

# The values were read in the files and written down by hand: file -> what its one mail says.
MAILS: dict[str, dict[str, Any]] = {
    "chatwoot/attachments_without_text": {"text": None, "names": ["1kb.png", "1kb.png"], "sizes": [1049, 1049]},
    "chatwoot/auto_reply_with_auto_submitted": {"automated": True, "conversation": CHATWOOT},
    "chatwoot/html_and_attachments": {
        "text": "This is html and attachments only mail",
        "names": ["1610894557447.jpg"],
        "kinds": ["image"],
    },
    "chatwoot/in_reply_to": {
        "in_reply_to": "0CB459E0-0336-41DA-BC88-E6E28C697DDB@chatwoot.com",
        "conversation": CHATWOOT,
        "subject": "Discussion: Let's debate these attachments",
        "automated": False,
    },
    "chatwoot/mail_with_no_date": {"at": NOW, "text": "text only mail", "points": ["email||testemail@gmail.com"]},
    "chatwoot/mail_with_no_subject": {"subject": None, "names": ["avatar1.jpeg", "avatar2.jpg"]},
    "chatwoot/mail_with_quote": {
        "text": "Yes, I am providing you step how to reproduce this issue\n\n\n\n"
        "--\n* Sony Mathew*\nSoftware developer\n*Mob:9999999999",
        "conversation": "CAFkiBVxGoURoqdkY-O_25F-8b41kb-GWBc6hh4Djd5ynwOikXA@mail.gmail.com",
        "at": datetime(2021, 8, 19, 8, 44, 31, tzinfo=UTC),
    },
    "chatwoot/reply_cc": {
        "text": "Hello,\n\nFind the related inbox.\n\n--\n*Sony Mathew*",
        "to": ["email||test123@example.com", "email||test@example.com"],
        "name": "Sony Mathew",
    },
    "mikel_mail/attachment_emails__attachment_nonascii_filename": {"names": ["ciële.txt"]},
    "mikel_mail/attachment_emails__attachment_with_base64_encoded_name": {"names": ["This is a test.pdf"]},
    "mikel_mail/attachment_emails__attachment_with_quoted_filename": {
        "subject": "Eelanalüüsi päring",
        "names": ["Eelanalüüsi päring.jpg"],
        "sizes": [1952],
    },
    "mikel_mail/attachment_emails__attachment_message_rfc822_inline_image": {
        "text": None,
        "names": ["img.png", "Testmail.eml"],
        "kinds": ["image", "document"],
    },
    "mikel_mail/error_emails__bad_date_header": {
        "at": datetime(2010, 12, 11, 3, 20, 19, tzinfo=UTC),
        "conversation": "sha:05facf7e351749cf27f9459e55a4678e",
        "automated": True,
    },
    "mikel_mail/error_emails__bad_date_header2": {"at": datetime(2010, 12, 15, 6, 59, 10, tzinfo=UTC), "names": []},
    "mikel_mail/error_emails__invalid_subject_characters": {
        "subject": "Formação FrenetikPolis: Mega Campanha Final Verão | Cursos de Setembro",
        "text": "TEST",
    },
    "mikel_mail/mime_emails__raw_email2": {"names": ["smime.p7s"], "sizes": [2361]},
    "mikel_mail/mime_emails__sig_only_email": {"names": ["signature.asc"], "kinds": ["document"]},
    "mikel_mail/multi_charset__japanese": {
        "subject": "まみむめも",
        "text": "かきくえこ\n\n-- \nhttp://lindsaar.net/\nRails, RSpec and Life blog....",
    },
    "mikel_mail/multi_charset__ks_c_5601-1987": {"text": "스티해"},
    "mikel_mail/plain_emails__raw_email_reply": {
        "text": "Message body",
        "conversation": "473FF3B8.9020707@xxx.org",
        "in_reply_to": "348F04F142D69C21-291E56D292BC@xxxx.net",
    },
    "mikel_mail/rfc2822__example07": {
        "conversation": "1234@local.machine.example",
        "in_reply_to": "3456@example.net",
        "at": datetime(1997, 11, 21, 17, 0, tzinfo=UTC),
    },
    "mikel_mail/rfc2822__example10": {
        "points": ["email||pete@silly.test"],
        "to": ["email||c@public.example", "email||joe@example.org", "email||jdoe@one.test"],
    },
    "mikel_mail/rfc6532__utf8_headers": {
        "points": ["email||jdöe@mächine.example"],
        "name": "Jöhn Doe",
        "subject": "Säying Hello",
        "text": "body",
    },
}

BOUNCES = {
    "multi_address_bounce1": "5.1.1",
    "multipart_report_multiple_status": "5.3.0",
    "report_530": "5.3.0",
}


def said(event: InteractionSeen, name: str) -> Any:
    """What an expectation's name means."""
    views: dict[str, Any] = {
        "points": [point.address for point in event.author.points],
        "name": event.author.name,
        "to": [point.address for party in event.recipients for point in party.points],
        "names": [file.name for file in event.attachments],
        "kinds": [file.kind for file in event.attachments],
        "sizes": [file.size_bytes for file in event.attachments],
    }
    return views[name] if name in views else getattr(event, name)


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_of_the_corpus_says_what_was_read_in_it_by_hand(name: str, corpus: Path, parse: Parse) -> None:
    """Sender, time, thread, words and files, as far as they were written down."""
    (event,) = parse((corpus / "payloads" / "email" / f"{name}.eml").read_bytes())
    assert isinstance(event, InteractionSeen)
    assert {field: said(event, field) for field in MAILS[name]} == MAILS[name]


@pytest.mark.parametrize("name", BOUNCES)
def test_a_bounce_of_the_corpus_is_a_failure_of_the_mail_it_is_about(name: str, corpus: Path, parse: Parse) -> None:
    """With the code of RFC 3463."""
    path = corpus / "payloads" / "email" / "mikel_mail" / f"multipart_report_emails__{name}.eml"
    (event,) = parse(path.read_bytes())
    assert isinstance(event, StatusReported)
    assert (event.status, (event.detail or "").partition(":")[0]) == ("failed", BOUNCES[name])


def test_dmarc_of_a_recorded_mail_counts_where_its_server_is_ours(corpus: Path, parse: Parse) -> None:
    """Google's result of an aligned DKIM signature, for who has Google as his server, and for nobody else."""
    body = (corpus / "payloads" / "email" / "chatwoot" / "notification.eml").read_bytes()
    found = [parse(body, authserv_id=server)[0] for server in ("mx.google.com", "mx.shop.example", None)]
    assert [event.author.points[0].verified for event in found if isinstance(event, InteractionSeen)] == [
        True,
        False,
        False,
    ]


def test_every_mail_of_the_corpus_is_understood(corpus: Path, parse: Parse, capsys: pytest.CaptureFixture[str]) -> None:
    """No mail raises, each is one event; at least 95 % are a touch or a report, and none is unrecognised."""
    files = sorted((corpus / "payloads").rglob("*.eml"))
    count: Counter[str] = Counter()
    for file in files:
        (event,) = parse(file.read_bytes())
        count[event.tag] += 1
        assert not isinstance(event, Unrecognised), file.name
    with capsys.disabled():
        print(f"\ne-mail corpus: {len(files)} mails, {dict(count)}")  # noqa: T201 - the figures are the point
    assert len(files) >= 84
    assert count["interaction seen"] + count["status reported"] >= 0.95 * len(files)


def test_every_mail_cut_anywhere_is_still_a_mail(corpus: Path, parse: Parse) -> None:
    """A line that broke, a disk that was full: what is there is read."""
    for file in sorted((corpus / "payloads" / "email").rglob("*.eml")):
        body = file.read_bytes()[:20_000]
        for end in range(40, len(body), max(1, len(body) // 3)):
            (event,) = parse(body[:end])
            assert event is not None


def test_a_mail_is_translated_without_any_settings(corpus: Path) -> None:
    """By `crocevia translate`, to look at it."""
    path = corpus / "payloads" / "email" / "chatwoot" / "reply_cc.eml"
    done = CliRunner().invoke(main, ["translate", "email", str(path)])
    assert (done.exit_code, "Find the related inbox." in done.output) == (0, True)


def test_attachments_have_keys_where_the_mailbox_is_known(corpus: Path, parse: Parse) -> None:
    """Folder, validity, UID and part, as IMAP numbers it; a file read by hand has none."""
    body = (corpus / "payloads" / "email" / "chatwoot" / "html_and_attachments.eml").read_bytes()
    headers = {"imap-folder": "INBOX/Più;1", "imap-validity": "7", "imap-uid": "9"}

    def files(event: Any) -> tuple[Attachment, ...]:
        assert isinstance(event, InteractionSeen)
        return event.attachments

    (there,) = files(parse(body, headers=headers)[0])
    (nowhere,) = files(parse(body)[0])
    assert (there.key, nowhere.key) == ("imap:INBOX%2FPi%C3%B9%3B1;7;9;2", None)


def test_what_providers_post_by_http_is_no_mail(corpus: Path, parse: Parse) -> None:
    """Postmark's JSON, SendGrid's forms and source texts lie there too: none raises, none passes for a touch."""
    folder = corpus / "payloads" / "email"
    others = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in (".json", ".txt"))
    found = [parse(path.read_bytes()) for path in others]
    assert [[type(event) for event in events] for events in found] == [[Unrecognised]] * 5
