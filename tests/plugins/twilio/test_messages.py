"""Messages in: roads, files, consent, statuses, and what is odd."""

from datetime import UTC, datetime
from typing import Literal

import pytest

from crocevia import (
    Attachment,
    ConsentReported,
    Ignored,
    InteractionSeen,
    MediaSource,
    StatusReported,
    Unrecognised,
)
from crocevia.errors import GoneError, MalformedError
from crocevia_twilio import TwilioSms
from tests.plugins.twilio.conftest import form, parsed, sms_settings
from tests.plugins.twilio.twilio_api import OURS

ANNA = "+393331112233"


def inbound(**said: str) -> bytes:
    """A message of Anna's, unless told otherwise."""
    return form(**{"MessageSid": "SM1", "From": ANNA, "To": OURS, "Body": "Ciao", "SmsStatus": "received", **said})


@pytest.mark.parametrize(
    ("sender", "ours", "address"),
    [
        (ANNA, OURS, "phone||+393331112233"),
        (f"whatsapp:{ANNA}", f"whatsapp:{OURS}", "phone||+393331112233"),
        (f"rcs:{ANNA}", "rcs:shop_agent", "phone||+393331112233"),
        ("whatsapp:IT.7000000000001", f"whatsapp:{OURS}", "whatsapp||IT.7000000000001"),
        ("messenger:4321", "messenger:1234", "messenger|1234|4321"),
        ("40404", OURS, "sms_sender||40404"),
        ("BANCA", OURS, "sms_sender||BANCA"),
    ],
)
def test_each_road_has_its_own_addresses(sender: str, ours: str, address: str, sms: TwilioSms) -> None:
    """A number is one whichever road it came by; anything else means something on its road alone."""
    [seen] = parsed(sms, inbound(From=sender, To=ours))
    assert isinstance(seen, InteractionSeen)
    [point] = seen.author.points
    assert point.address == address
    assert point.verified is not address.startswith("sms_sender")
    assert seen.conversation == f"{ours},{sender}"


def test_a_road_that_is_not_known_is_kept_and_named(sms: TwilioSms) -> None:
    """Twilio opens new ones."""
    [event] = parsed(sms, inbound(From="telepathy:anna"))
    assert event == Unrecognised(what="an address of the road 'telepathy'")


def test_where_and_what_is_said_beside_words(sms: TwilioSms) -> None:
    """A place on a map, an answer to a message, an advertisement."""
    body = inbound(
        Latitude="45.07",
        Longitude="7.68",
        Label="Mole Antonelliana",
        OriginalRepliedMessageSid="SM9",
        ReferralSourceId="120",
    )
    [seen] = parsed(sms, body)
    assert isinstance(seen, InteractionSeen)
    assert seen.in_reply_to == "SM9"
    assert seen.attachments == (
        Attachment(kind="location", name="Mole Antonelliana", detail="45.07,7.68"),
        Attachment(kind="referral", key="120"),
    )


def test_a_count_of_files_that_is_absurd_does_no_harm(sms: TwilioSms) -> None:
    """Ten at most; the rest is told as a number."""
    [seen] = parsed(sms, inbound(NumMedia="999999", MediaUrl0="https://x/ME1", MediaContentType0="video/mp4"))
    assert isinstance(seen, InteractionSeen)
    assert [(file.kind, file.key) for file in seen.attachments] == [("video", "ME1"), ("document", "SM1/Media")]


def consent(event: object) -> tuple[bool, str, str, str]:
    """What a report of consent says."""
    assert isinstance(event, ConsentReported)
    return event.granted, event.purpose, event.party.points[0].address, event.evidence


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"Body": "Stop", "OptOutType": "STOP"}, (False, "keyword STOP")),
        ({"Body": "basta", "OptOutType": "STOP"}, (False, "keyword STOP")),
        ({"Body": "unstop", "OptOutType": "start"}, (True, "keyword START")),
    ],
)
def test_a_keyword_of_twilios_is_a_message_and_a_consent(
    said: dict[str, str], expected: tuple[bool, str], sms: TwilioSms
) -> None:
    """As the account was set up, in whatever language."""
    seen, told = parsed(sms, inbound(**said))
    assert isinstance(seen, InteractionSeen)
    assert consent(told) == (expected[0], "all", "phone||+393331112233", expected[1])


def test_what_twilio_does_not_mark_is_left_to_the_core(sms: TwilioSms) -> None:
    """Words are heard there, the same on every road; HELP is answered by Twilio."""
    for said in ({"Body": "STOP"}, {"Body": "HELP", "OptOutType": "HELP"}):
        assert [type(event) for event in parsed(sms, inbound(**said))] == [InteractionSeen]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        *((status, "sending") for status in ("accepted", "scheduled", "queued", "sending")),
        *((status, status) for status in ("sent", "delivered", "read")),
        *((status, "failed") for status in ("undelivered", "failed", "canceled")),
    ],
)
def test_each_status_means_what_it_says(said: str, expected: str, sms: TwilioSms) -> None:
    """Our message's id comes back in the URL."""
    body = form(MessageSid="SM2", MessageStatus=said, SmsStatus=said, From=OURS, To=ANNA)
    [event] = parsed(sms, body, query="a=1&crocevia=01JX&b=2")
    assert isinstance(event, StatusReported)
    assert (event.of, event.status, event.callback) == ("SM2", expected, "01JX")


def test_a_failure_says_twilios_code_and_what_to_do(sms: TwilioSms) -> None:
    """A code that we know, one that we do not, none."""
    for code, detail in (
        ("30003", "30003: the telephone is off or out of reach: use another channel"),
        ("39999", "39999"),
        ("", None),
    ):
        [event] = parsed(sms, form(MessageSid="SM2", MessageStatus="failed", To=ANNA, ErrorCode=code))
        assert isinstance(event, StatusReported)
        assert event.detail == detail


def test_a_status_of_tomorrow_is_kept(sms: TwilioSms) -> None:
    """Unrecognised, not lost."""
    [event] = parsed(sms, form(MessageSid="SM2", MessageStatus="teleported", To=ANNA))
    assert event == Unrecognised(what="a message's status 'teleported'")


def test_redeliveries_have_one_key_and_messages_that_differ_have_two(sms: TwilioSms) -> None:
    """Twilio repeats what was not answered in time."""
    keys = [parsed(sms, inbound(MessageSid=sid))[0] for sid in ("SM1", "SM1", "SM2")]
    assert len({event.dedupe_key for event in keys if isinstance(event, InteractionSeen)}) == 2


def test_a_call_is_somebody_elses(sms: TwilioSms) -> None:
    """A number's voice webhook may be set to the wrong connection."""
    [event] = parsed(sms, form(CallSid="CA1", CallStatus="ringing"))
    assert isinstance(event, Ignored)
    assert "twilio_voice" in event.reason


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"hello", b"a=b&c=d", b"[]", b"{", b'{"a": 1}', b"\0"])
def test_what_is_not_twilios_is_malformed(body: bytes, sms: TwilioSms) -> None:
    """Quarantined, whatever it is."""
    with pytest.raises(MalformedError):
        parsed(sms, body)


def test_times_of_the_api_are_in_its_own_zone_and_odd_ones_are_the_arrivals(sms: TwilioSms) -> None:
    """`+0000`, another offset, garbage."""
    for told, expected in (
        ("Tue, 08 Jul 2025 16:00:01 +0000", datetime(2025, 7, 8, 16, 0, 1, tzinfo=UTC)),
        ("Tue, 08 Jul 2025 18:00:01 +0200", datetime(2025, 7, 8, 16, 0, 1, tzinfo=UTC)),
        ("yesterday", None),
        ("Tue, 99 Jul 2025 16:00:01 +0000", None),
    ):
        body = b'{"sid": "SM1", "direction": "inbound", "from": "+39333", "to": "+3902", "date_sent": "%s"}'
        [seen] = parsed(sms, body % told.encode())
        assert isinstance(seen, InteractionSeen)
        assert expected in (seen.at, None)
        assert seen.at.year in (2025, 2026)


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1", True),
        ("https://api.dublin.ie1.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1", True),
        ("http://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1", False),
        ("https://api.twilio.com.evil.example/ME1", False),
        ("https://evil.example/api.twilio.com", False),
        ("https://api.twilio.com@evil.example/ME1", False),
        ("https://api.twilio.com:8443/ME1", False),
    ],
)
def test_credentials_go_to_the_api_alone(url: str, given: Literal[True, False]) -> None:
    """A webhook names a URL; that is no reason to give it the token."""
    sms = TwilioSms(sms_settings(base_url="https://api.dublin.ie1.twilio.com"))
    source = sms.media(Attachment(kind="image", url=url))
    assert source == MediaSource(url=url, headers=dict(sms.authorise()) if given else {})
    with pytest.raises(GoneError):
        sms.media(Attachment(kind="image", key="ME1"))
