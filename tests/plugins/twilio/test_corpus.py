"""Every published payload of Twilio's: understood leaf by leaf, and meaning what a person reads there."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crocevia import (
    Connector,
    Event,
    Ignored,
    InteractionCompleted,
    InteractionSeen,
    ParseContext,
    Raw,
    StatusReported,
    Unrecognised,
)
from crocevia_twilio import TwilioSms, TwilioVoice
from tests.plugins.twilio.conftest import sms_settings, voice_settings

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
Read = Callable[[str], list[Event]]


def read(connector: Connector[Any], path: Path) -> list[Event]:
    """What a connector makes of a file; every leaf is exactly one event."""
    raw = Raw(connection="x", kind=connector.kind, body=path.read_bytes(), received_at=NOW)
    events = list(connector.parse(raw, ParseContext(now=NOW, region="IT")))
    assert sorted(event.leaf for event in events) == sorted(connector.leaves(raw) or [])
    return events


@pytest.fixture
def messages(corpus: Path) -> Read:
    """A file of the API's, read as messages."""
    sms = TwilioSms(sms_settings())
    return lambda name: read(sms, corpus / f"payloads/twilio/api/official_{name}.json")


@pytest.fixture
def calls(corpus: Path) -> Read:
    """A file of the API's, or a form, read as calls."""
    voice = TwilioVoice(voice_settings())
    folder = corpus / "payloads/twilio"
    return lambda name: read(
        voice,
        folder / f"voice/{name}.form"
        if "200" not in name and "201" not in name
        else folder / f"api/official_{name}.json",
    )


def test_nothing_in_the_corpus_raises_and_nine_of_ten_are_understood(corpus: Path) -> None:
    """Each kind reads all of it; what is the other's, or an empty page, is ignored with that reason."""
    files = [path for path in sorted((corpus / "payloads/twilio").rglob("*")) if path.suffix in (".json", ".form")]
    files = [path for path in files if path.parent.name in ("api", "voice")]
    assert len(files) == 25
    understood = other = unknown = 0
    for path in files:
        found = [*read(TwilioSms(sms_settings()), path), *read(TwilioVoice(voice_settings()), path)]
        understood += sum(not isinstance(event, Ignored | Unrecognised) for event in found)
        other += sum(isinstance(event, Ignored) for event in found)
        unknown += sum(isinstance(event, Unrecognised) for event in found)
    assert (understood, unknown) == (32, 0), "100 % of what tells of a message or call"
    assert other > 0


def test_forms_that_lack_their_message_are_kept_and_called_so(corpus: Path) -> None:
    """A parameter twice, an empty one, an emoji in percent: no exception; without an id it is no message yet."""
    for name in ("form_duplicate_and_empty", "form_plus_and_percent"):
        path = corpus / f"payloads/_oddities/{name}.form"
        [event] = read(TwilioSms(sms_settings()), path)
        assert isinstance(event, Unrecognised), name
        assert event.what == "a message with no id"
        whole = Raw(
            connection="x", kind="twilio_sms", body=path.read_bytes() + b"&MessageSid=SM1&To=%2B1", received_at=NOW
        )
        [seen] = TwilioSms(sms_settings()).parse(whole, ParseContext(now=NOW))
        assert isinstance(seen, InteractionSeen)
        assert seen.text == {"form_duplicate_and_empty": "second", "form_plus_and_percent": "1 + 1 = 2 & 😀"}[name]


SENT = {
    "message_get_200__fetch": ("testing", "+18182008801", datetime(2019, 5, 24, 17, 18, 28, tzinfo=UTC), "sent"),
    "message_post_200__redactbody": (None, "+18182008801", datetime(2019, 5, 24, 17, 18, 28, tzinfo=UTC), "sent"),
    "messages_post_201__createwithmessagingservice": (
        "Hello! 👍",
        "+14155552345",
        datetime(2015, 7, 30, 20, 12, 33, tzinfo=UTC),
        "sending",
    ),
    "messages_post_201__createwithqueuedstatus": (
        "Hello! 👍",
        "+14155552345",
        datetime(2015, 7, 30, 20, 12, 33, tzinfo=UTC),
        "sending",
    ),
    "messages_post_201__createscheduledmessagesms": (
        "Hello! 👍",
        "+15558675310",
        datetime(2021, 11, 29, 22, 40, 10, tzinfo=UTC),
        "sending",
    ),
    "messages_post_201__createscheduledmessagewhatsapp": (
        "Hello! 👍",
        "+15558675310",
        datetime(2021, 11, 29, 22, 40, 10, tzinfo=UTC),
        "sending",
    ),
    "messages_post_201__create": ("Hello! 👍", "+14155552345", datetime(2023, 8, 24, 5, 1, 45, tzinfo=UTC), "sending"),
}


@pytest.mark.parametrize("name", SENT)
def test_a_message_that_went_out_says_what_to_whom_when_and_how_it_fares(name: str, messages: Read) -> None:
    """Values read in the files and written down by hand."""
    text, to, at, status = SENT[name]
    seen, reported = messages(name)
    assert isinstance(seen, InteractionSeen)
    assert isinstance(reported, StatusReported)
    assert (seen.direction, seen.kind, seen.text, seen.at) == ("outbound", "message", text, at)
    assert [point.address for point in seen.customer.points] == [f"phone||{to}"]
    assert (reported.of, reported.status) == (seen.key, status)


def test_the_calls_of_a_page_are_told_with_their_length(calls: Read) -> None:
    """Legs complete the call that they belong to."""
    for name in ("calls_get_200__readfullpage1", "calls_get_200__readfullpage2"):
        first, second = calls(name)
        assert isinstance(first, InteractionCompleted)
        assert isinstance(second, InteractionCompleted)
        assert first.of == "CAdeadbeefdeadbeefdeadbeefdeadbeef"
        assert (first.duration, first.outcome) == (timedelta(seconds=4), "answered")
        assert first.at == datetime(2019, 10, 18, 17, 3, tzinfo=UTC)
        assert second.of == "CAdeadbeefdeadbeefdeadbeefdeadbeee"
        assert (second.duration, second.outcome) == (timedelta(seconds=3), "answered")
        assert second.at == datetime(2019, 10, 18, 16, 3, tzinfo=UTC)


def test_a_whole_call_says_who_when_and_how_long(calls: Read) -> None:
    """Values read in the file and written down by hand."""
    seen, end = calls("calls_post_201__createwithtwiml")
    assert isinstance(seen, InteractionSeen)
    assert isinstance(end, InteractionCompleted)
    assert (seen.key, seen.kind, seen.direction) == ("CAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "call", "inbound")
    assert [point.address for point in seen.customer.points] == ["phone||+14158675308"]
    assert [point.address for point in seen.recipients[0].points] == ["phone||+14158675309"]
    assert seen.at == datetime(2010, 8, 31, 20, 36, 29, tzinfo=UTC)
    assert (end.duration, end.outcome) == (timedelta(seconds=15), "answered")
    assert end.at == datetime(2010, 8, 31, 20, 36, 44, tzinfo=UTC)


def test_a_recording_that_was_deleted_is_ignored_and_its_neighbour_is_not(calls: Read) -> None:
    """In another time zone than most."""
    deleted, kept = calls("recordings_get_200__readincludesoftdeleted")
    assert deleted == Ignored(reason="a recording that is deleted", leaf="/recordings/0")
    assert isinstance(kept, InteractionCompleted)
    assert (kept.of, kept.attachments[0].key) == (
        "CAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
        "REaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
    )
    assert kept.at == datetime(2022, 2, 14, 21, 23, 6, tzinfo=UTC)


def test_a_recording_names_its_call_its_file_and_its_length(calls: Read) -> None:
    """Over https, whatever the list says: credentials go there."""
    [found] = calls("recordings_get_200__readfull")
    assert isinstance(found, InteractionCompleted)
    assert found.of == "CAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    [file] = found.attachments
    assert (file.kind, file.key, file.detail) == ("voice", "REaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "4 s")
    assert file.url is not None
    assert file.url.startswith("https://api.twilio.com/2010-04-01/Accounts/")
    assert found.at == datetime(2016, 10, 14, 21, 56, 38, tzinfo=UTC)


def test_who_hides_their_number_is_nobody_in_particular(calls: Read) -> None:
    """+266696687 is ANONYMOUS on a telephone's keys."""
    [seen] = calls("anonymous_caller")
    assert isinstance(seen, InteractionSeen)
    assert (seen.kind, seen.direction, seen.customer.points) == ("call", "inbound", ())


def test_a_softphone_is_no_telephone_number(calls: Read) -> None:
    """`client:` and `sip:` are addresses of their own."""
    [seen] = calls("sip_and_client_addresses")
    assert isinstance(seen, InteractionSeen)
    assert [point.address for point in seen.customer.points] == ["twilio_client||tommy"]
    assert [point.address for point in seen.recipients[0].points] == ["sip||agent@example.sip.twilio.com"]


ENDED = {"status_busy": "busy", "status_canceled": "cancelled", "status_failed": "failed"}


@pytest.mark.parametrize("name", ENDED)
def test_a_call_that_came_to_nothing_says_why(name: str, calls: Read) -> None:
    """The status tells of the call itself too, whatever else was missed."""
    seen, completed = calls(name)
    assert isinstance(seen, InteractionSeen)
    assert isinstance(completed, InteractionCompleted)
    assert [point.address for point in seen.customer.points] == ["phone||+14155550100"]
    assert (completed.of, completed.outcome) == (seen.key, ENDED[name])
    assert completed.at == datetime(2025, 7, 8, 16, 0, tzinfo=UTC)
    assert completed.duration is None


def test_a_call_under_way_is_told_once_and_has_no_outcome(calls: Read) -> None:
    """Ringing, or answering a menu."""
    for name in ("status_ringing", "gather_digits"):
        [seen] = calls(name)
        assert isinstance(seen, InteractionSeen)
        assert (seen.key, seen.outcome) == ("CA00000000000000000000000000000abc", None)
