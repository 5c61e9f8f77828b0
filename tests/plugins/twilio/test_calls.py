"""Calls in: legs, ends, recordings; and the TwiML that answers one."""

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from crocevia import Event, Ignored, InteractionCompleted, InteractionSeen, Unrecognised
from crocevia.errors import MalformedError
from crocevia_twilio import TwilioVoice
from tests.plugins.twilio.conftest import form, parsed, signed, voice_settings
from tests.plugins.twilio.twilio_api import OURS

ANNA = "+393331112233"
URL = "https://crossroads.example/hooks/phone"
DESK = "+390299999999"
AT = "Tue, 08 Jul 2025 16:01:00 +0000"


def call(**said: str) -> bytes:
    """Anna calls."""
    return form(**{"CallSid": "CA1", "From": ANNA, "To": OURS, "Direction": "inbound", "CallStatus": "ringing", **said})


def leg(**said: str) -> bytes:
    """The desk's telephone rings for her."""
    return call(**{"CallSid": "CA2", "ParentCallSid": "CA1", "Direction": "outbound-dial", "To": DESK, **said})


def completed(event: Event) -> InteractionCompleted:
    """The event as what it must be."""
    assert isinstance(event, InteractionCompleted)
    return event


@pytest.mark.parametrize(
    ("status", "outcome", "seconds"),
    [
        ("completed", "answered", 60),
        ("busy", "busy", None),
        ("no-answer", "missed", None),
        ("failed", "failed", None),
        ("canceled", "cancelled", None),
    ],
)
def test_a_call_that_is_not_put_through_ends_as_twilio_says(
    status: str, outcome: str, seconds: int | None, voice: TwilioVoice
) -> None:
    """Its beginning is its end less its length."""
    seen, end = parsed(voice, call(CallStatus=status, CallDuration="60", Timestamp=AT, SequenceNumber="3"))
    assert isinstance(seen, InteractionSeen)
    assert seen.at == datetime(2025, 7, 8, 16, 0, tzinfo=UTC)
    told = completed(end)
    assert (told.outcome, told.at) == (outcome, datetime(2025, 7, 8, 16, 1, tzinfo=UTC))
    assert told.duration == (None if seconds is None else timedelta(seconds=seconds))


def test_a_call_that_is_put_through_is_missed_until_a_leg_says_more() -> None:
    """Twilio's `completed` means that Twilio took it: said at the call's beginning, so that any leg's word is later."""
    voice = TwilioVoice(voice_settings(dial=(DESK,)))
    _, end = parsed(voice, call(CallStatus="completed", CallDuration="60", Timestamp=AT))
    assert (completed(end).outcome, completed(end).duration) == ("missed", None)
    assert completed(end).at == datetime(2025, 7, 8, 16, 0, tzinfo=UTC)


def test_an_outbound_call_is_the_called_ones_also_where_calls_are_put_through() -> None:
    """And one that a machine took is a voicemail."""
    voice = TwilioVoice(voice_settings(dial=(DESK,)))
    seen, end = parsed(
        voice, call(From=OURS, To=ANNA, Direction="outbound-api", CallStatus="completed", CallDuration="9")
    )
    assert isinstance(seen, InteractionSeen)
    assert (seen.direction, seen.customer.points[0].value) == ("outbound", ANNA)
    assert completed(end).outcome == "answered"
    machine = call(Direction="outbound-api", CallStatus="completed", AnsweredBy="machine_end_beep")
    assert completed(parsed(voice, machine)[1]).outcome == "voicemail"


def test_a_leg_completes_the_call_that_it_rang_for_and_is_none_itself() -> None:
    """The same is told by the leg and to the call: it has one key."""
    voice = TwilioVoice(voice_settings(dial=(DESK,)))
    [rings] = parsed(voice, leg(CallStatus="in-progress"))
    assert isinstance(rings, Ignored)
    [ended] = parsed(voice, leg(CallStatus="completed", CallDuration="42", Timestamp=AT))
    seen, dialled = parsed(
        voice, call(CallStatus="in-progress", DialCallStatus="completed", DialCallSid="CA2", DialCallDuration="42")
    )
    assert isinstance(seen, InteractionSeen)
    assert completed(ended).dedupe_key == completed(dialled).dedupe_key
    for told in (completed(ended), completed(dialled)):
        assert (told.of, told.outcome, told.duration) == ("CA1", "answered", timedelta(seconds=42))


def test_where_several_ring_one_that_is_not_answered_says_nothing() -> None:
    """Another one was, perhaps; the call itself is told in the end."""
    one, several = (TwilioVoice(voice_settings(dial=dial)) for dial in ((DESK,), (DESK, "client:anna")))
    unanswered = leg(CallStatus="canceled")
    assert completed(parsed(one, unanswered)[0]).outcome == "cancelled"
    assert isinstance(parsed(several, unanswered)[0], Ignored)
    assert completed(parsed(several, leg(CallStatus="completed", CallDuration="1"))[0]).outcome == "answered"


@pytest.mark.parametrize(
    ("result", "outcome"), [("bridged", "answered"), ("hangup", "cancelled"), ("queue-full", "missed")]
)
def test_a_queue_says_how_the_waiting_ended(result: str, outcome: str, voice: TwilioVoice) -> None:
    """Somebody took it, the caller went, there was no place."""
    _, told = parsed(voice, call(CallStatus="in-progress", QueueResult=result, QueueSid="QU1", QueueTime="30"))
    assert (completed(told).of, completed(told).outcome) == ("CA1", outcome)


def test_a_voicemail_is_told_by_its_verb_and_again_by_its_callback(voice: TwilioVoice) -> None:
    """One recording, whichever comes first; a recording of a call that was put through is none."""
    url = "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1"
    said = {"RecordingSid": "RE1", "RecordingUrl": url, "RecordingDuration": "12"}
    _, verb = parsed(voice, call(CallStatus="in-progress", Digits="hangup", **said))
    [callback] = parsed(voice, form(CallSid="CA1", RecordingStatus="completed", RecordingSource="RecordVerb", **said))
    assert completed(verb).dedupe_key == completed(callback).dedupe_key
    for told in (completed(verb), completed(callback)):
        assert (told.outcome, told.attachments[0].key, told.attachments[0].detail) == ("voicemail", "RE1", "12 s")
    [dialled] = parsed(voice, form(CallSid="CA1", RecordingStatus="completed", RecordingSource="DialVerb", **said))
    assert completed(dialled).outcome is None


def test_a_recording_that_is_none_is_ignored(voice: TwilioVoice) -> None:
    """Silence, or one that was deleted."""
    for status in ("absent", "failed", "in-progress"):
        [event] = parsed(voice, form(CallSid="CA1", RecordingSid="RE1", RecordingStatus=status))
        assert isinstance(event, Ignored)


def test_a_transcript_is_the_calls_text(voice: TwilioVoice) -> None:
    """And one that could not be made is ignored, as is a live one's line."""
    [told] = parsed(voice, call(TranscriptionSid="TR1", TranscriptionStatus="completed", TranscriptionText="Call me"))
    assert (completed(told).of, completed(told).text) == ("CA1", "Call me")
    for said in ({"TranscriptionStatus": "failed"}, {"TranscriptionEvent": "transcription-content"}):
        assert isinstance(parsed(voice, form(CallSid="CA1", TranscriptionSid="TR1", **said))[0], Ignored)


@pytest.mark.parametrize("number", ["+266696687", "anonymous", "+7378742833", "Restricted", "+86282452253", ""])
def test_a_caller_who_hides_the_number_is_nobody(number: str, voice: TwilioVoice) -> None:
    """Whatever stands in its place."""
    [seen] = parsed(voice, call(From=number))
    assert isinstance(seen, InteractionSeen)
    assert seen.customer.points == ()


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"CallStatus": "beamed"}, "a call's status 'beamed'"),
        ({"CallStatus": "in-progress", "DialCallStatus": "beamed"}, "a dialled call's status 'beamed'"),
        ({"CallStatus": "in-progress", "QueueResult": "beamed"}, "a queue's result 'beamed'"),
        ({"ParentCallSid": "CA0", "CallStatus": "beamed"}, "a call's status 'beamed'"),
        ({"From": "telepathy:anna"}, "an address of the road 'telepathy'"),
    ],
)
def test_what_is_not_known_yet_is_named(said: dict[str, str], what: str, voice: TwilioVoice) -> None:
    """Unrecognised, and what stands beside it is understood."""
    assert (
        Unrecognised(what=what, leaf=[e.leaf for e in parsed(voice, call(**said))][-1])
        == parsed(voice, call(**said))[-1]
    )


def test_messages_conferences_and_nonsense(voice: TwilioVoice) -> None:
    """Another kind's, another story's, nobody's."""
    assert isinstance(parsed(voice, form(MessageSid="SM1", Body="x"))[0], Ignored)
    inside = form(CallSid="CA1", ConferenceSid="CF1", StatusCallbackEvent="participant-join")
    assert isinstance(parsed(voice, inside)[0], Ignored)
    assert isinstance(parsed(voice, form(CallSid="CA1"))[0], Unrecognised)
    with pytest.raises(MalformedError):
        parsed(voice, b"[]")


# --- TwiML ----------------------------------------------------------------------------------------------------------


def answered(body: bytes, **settings: Any) -> ET.Element:
    """The document that answers a webhook."""
    said, content_type = TwilioVoice(voice_settings(**settings)).answer(signed(f"{URL}?a=1", body))
    assert content_type == "text/xml; charset=utf-8"
    root = ET.fromstring(said)  # noqa: S314 - our own
    assert root.tag == "Response"
    return root


def test_a_call_is_greeted_and_put_through() -> None:
    """To everybody at once; each telephone and the whole come back to us."""
    root = answered(
        call(),
        greeting='Buongiorno & "benvenuti" in <Casa>',
        dial=(DESK, "client:anna", "sip:desk@shop.example"),
        record=True,
        ring_seconds=15,
    )
    say, dial = root
    assert (say.tag, say.text, say.attrib) == ("Say", 'Buongiorno & "benvenuti" in <Casa>', {"language": "it-IT"})
    assert dial.attrib == {
        "action": URL,
        "timeout": "15",
        "answerOnBridge": "true",
        "record": "record-from-answer-dual",
        "recordingStatusCallback": URL,
    }
    assert [(one.tag, one.text, one.get("statusCallback")) for one in dial] == [
        ("Number", DESK, URL),
        ("Client", "anna", URL),
        ("Sip", "sip:desk@shop.example", URL),
    ]


def test_what_is_said_cannot_break_out_of_the_document() -> None:
    """Markup is text, a control letter that XML cannot hold is left out."""
    greeting = "</Say><Dial>+390000</Dial>\x0b\x00]]>"
    body, _ = TwilioVoice(voice_settings(greeting=greeting)).answer(signed(URL, call()))
    assert b"<Dial>" not in body
    [say] = answered(call(), greeting=greeting)
    assert say.text == "</Say><Dial>+390000</Dial>]]>"


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed", "canceled"])
def test_whom_nobody_answers_may_leave_a_message(status: str) -> None:
    """Where the settings say so."""
    again = call(CallStatus="in-progress", DialCallStatus=status)
    say, record = answered(again, dial=(DESK,), voicemail=True, voicemail_greeting="Dopo il tono", transcribe=True)
    assert (say.text, record.tag) == ("Dopo il tono", "Record")
    assert record.attrib == {
        "action": URL,
        "maxLength": "120",
        "playBeep": "true",
        "recordingStatusCallback": URL,
        "transcribe": "true",
        "transcribeCallback": URL,
    }
    assert list(answered(again, dial=(DESK,))) == []


@pytest.mark.parametrize(
    "said",
    [
        {"CallStatus": "in-progress", "DialCallStatus": "completed"},
        {"CallStatus": "in-progress", "RecordingUrl": "https://x", "RecordingSid": "RE1"},
        {"CallStatus": "in-progress", "QueueResult": "bridged"},
        {"CallStatus": "completed"},
        {"CallStatus": "ringing", "CallbackSource": "call-progress-events"},
        {"CallStatus": "in-progress", "ParentCallSid": "CA0"},
        {"CallStatus": "in-progress", "Direction": "outbound-api"},
    ],
)
def test_what_only_tells_is_answered_with_nothing(said: dict[str, str]) -> None:
    """Nobody is called twice, no message is asked for after one."""
    assert list(answered(call(**said), dial=(DESK,), voicemail=True)) == []


def test_a_queue_and_a_voicemail_alone() -> None:
    """Other ways to answer."""
    [enqueue] = answered(call(), queue="cassa & banco")
    assert (enqueue.tag, enqueue.text, enqueue.get("action")) == ("Enqueue", "cassa & banco", URL)
    assert [one.tag for one in answered(call(), voicemail=True)] == ["Record"]
    assert list(answered(call())) == []


def test_behind_a_proxy_twilio_comes_back_to_the_url_of_the_console() -> None:
    """Not to the one that the proxy calls."""
    [dial] = answered(call(), dial=(DESK,), webhook_url="https://shop.example/twilio/phone")
    assert dial.get("action") == "https://shop.example/twilio/phone"


@pytest.mark.parametrize("dial", [("3331112233",), ("+39 333",), ("mailto:a@b",), (DESK,) * 11])
def test_only_what_twilio_can_call_is_dialled(dial: tuple[str, ...]) -> None:
    """The settings are refused, not the call."""
    with pytest.raises(ValueError, match="dial"):
        voice_settings(dial=dial)
