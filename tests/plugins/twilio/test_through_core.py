"""The whole road: Twilio's webhooks into the log and the CRM, replies out, what was lost settled."""

import json
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from crocevia import Connector
from crocevia.store.tables import commands, interactions, profiles
from crocevia.testing import FakeClock
from crocevia_twilio import TwilioSms, TwilioVoice
from tests.plugins.road import Hub
from tests.plugins.twilio.conftest import form, sms_settings, voice_settings
from tests.plugins.twilio.twilio_api import OURS, TwilioApi

ANNA = "+393331112233"
Plug = Callable[[Connector[Any]], Hub]


def sms_hub(hub: Plug, api: TwilioApi, **changed: Any) -> Hub:
    """A core with messages; its lists are not read unless a test wants it."""
    settings = sms_settings(base_url=api.url, **{"reconcile_minutes": 0, **changed})
    return hub(TwilioSms(settings, connection="road", clock=FakeClock()))


def written(body: str, sid: str = "SM1") -> bytes:
    """Anna writes."""
    return form(MessageSid=sid, From=ANNA, To=OURS, Body=body, SmsStatus="received")


def reply(made: Hub, text: str) -> str:
    """Somebody answers her in the CRM."""
    [person] = made.crm.records()
    return made.crm.create("Touch", person=person, direction="outbound", status="to send", text=text)


def test_a_message_comes_in_once_and_its_answer_goes_out_and_is_told(hub: Plug, api: TwilioApi) -> None:
    """Redelivered, statuses in the wrong order and doubled: one touch each, as far as it got."""
    made = sms_hub(hub, api)
    made.post(written("Avete la taglia 42?"), written("Avete la taglia 42?"))
    made.settle()
    reply(made, "Sì, venga!")
    made.settle()
    [sent] = api.sent
    callback = dict(sent)["StatusCallback"].partition("?")[2]
    assert dict(sent) | {"StatusCallback": ""} == {
        "To": ANNA,
        "From": OURS,
        "Body": "Sì, venga!",
        "StatusCallback": "",
    }
    for status in ("delivered", "sent", "delivered"):
        made.post(form(MessageSid=f"SM{1:032d}", MessageStatus=status, To=ANNA, From=OURS), query=callback)
    made.settle()
    assert len(api.sent) == 1
    assert made.touches() == [
        ("inbound", "Avete la taglia 42?", "received"),
        ("outbound", "Sì, venga!", "delivered"),
    ]


def test_a_send_whose_answer_was_lost_is_settled_by_its_status_and_never_repeated(hub: Plug, api: TwilioApi) -> None:
    """Our id comes back in the query of the status URL."""
    made = sms_hub(hub, api)
    made.post(written("Ciao"))
    made.settle()
    api.loses = 1
    reply(made, "Eccomi")
    made.settle()
    [command] = made.rows(commands)
    assert (command["state"], len(api.sent)) == ("unknown", 1)
    query = dict(api.sent[0])["StatusCallback"].partition("?")[2]
    assert command["uid"] in query
    made.post(form(MessageSid=f"SM{1:032d}", MessageStatus="sent", To=ANNA, From=OURS), query=query)
    made.settle()
    [command] = made.rows(commands)
    assert (command["state"], len(api.sent)) == ("done", 1)
    assert ("outbound", "Eccomi", "sent") in made.touches()


def test_a_send_whose_answer_was_lost_is_found_in_the_list(hub: Plug, api: TwilioApi) -> None:
    """Where Twilio tells no statuses: the same words to the same customer."""
    made = sms_hub(hub, api, webhook_url=None, reconcile_minutes=1)
    api.items["Messages"] = []
    made.post(written("Ciao"))
    made.settle()
    api.loses = 1
    reply(made, "Eccomi")
    made.settle()
    assert [row["state"] for row in made.rows(commands)] == ["unknown"]
    at = made.clock.now().strftime("%a, %d %b %Y %H:%M:%S +0000")
    out = {"sid": f"SM{1:032d}", "direction": "outbound-api", "from": OURS, "to": ANNA, "body": "Eccomi"}
    api.items["Messages"] = [{**out, "status": "delivered", "date_sent": at, "date_updated": at}]
    made.clock.advance(120)
    made.settle()
    assert [row["state"] for row in made.rows(commands)] == ["done"]
    assert len(api.sent) == 1
    assert ("outbound", "Eccomi", "delivered") in made.touches()
    assert len(made.rows(interactions)) == 2


def test_who_said_stop_is_sent_nothing_until_start(hub: Plug, api: TwilioApi) -> None:
    """As Twilio marks it; the core does not even ask Twilio."""
    made = sms_hub(hub, api)
    made.post(form(MessageSid="SM1", From=ANNA, To=OURS, Body="Basta", SmsStatus="received", OptOutType="STOP"))
    made.settle()
    reply(made, "Un'offerta")
    made.settle()
    assert api.sent == []
    assert ("outbound", "Un'offerta", "failed") in made.touches()
    made.clock.advance(60)
    made.post(form(MessageSid="SM2", From=ANNA, To=OURS, Body="Start", SmsStatus="received", OptOutType="START"))
    made.settle()
    reply(made, "Bentornata")
    made.settle()
    assert [dict(sent)["Body"] for sent in api.sent] == ["Bentornata"]


def test_a_stop_that_only_twilio_knows_is_remembered(hub: Plug, api: TwilioApi) -> None:
    """21610 once: the second is not even asked."""
    made = sms_hub(hub, api)
    made.post(written("Ciao"))
    made.settle()
    api.refused[ANNA] = 21610
    for text in ("Uno", "Due"):
        reply(made, text)
        made.settle()
    assert [asked for asked in api.asked if asked.startswith("POST")] == [api.asked[0]]
    assert {row["state"] for row in made.rows(commands)} == {"refused"}


# --- calls ----------------------------------------------------------------------------------------------------------


def told(made: Hub) -> dict[str, Any]:
    """The one interaction there is: its kind, and what is known of it."""
    [row] = made.rows(interactions)
    detail = row["detail"] if isinstance(row["detail"], dict) else json.loads(row["detail"])
    files = [file["key"] for file in detail.get("attachments", ())]
    return {
        "kind": row["kind"],
        "outcome": detail.get("outcome"),
        "s": detail.get("duration_s"),
        "files": files,
        "text": row["text"],
    }


def ago(seconds: int) -> str:
    """A time before the test's clock, as Twilio writes it."""
    return format_datetime(FakeClock().now() - timedelta(seconds=seconds))


def story() -> list[bytes]:
    """Anna calls, the desk does not answer, she leaves a message that is written down."""
    call = {"CallSid": "CA1", "From": ANNA, "To": OURS, "Direction": "inbound"}
    recording = {"RecordingSid": "RE1", "RecordingUrl": "https://api.twilio.com/RE1", "RecordingDuration": "12"}
    source = {"RecordingSource": "RecordVerb", "RecordingStatus": "completed", "RecordingStartTime": ago(0)}
    return [
        form(**call, CallStatus="ringing"),
        form(
            CallSid="CA2",
            ParentCallSid="CA1",
            From=ANNA,
            To="+390299999999",
            Direction="outbound-dial",
            CallStatus="no-answer",
            Timestamp=ago(10),
        ),
        form(**call, CallStatus="in-progress", DialCallStatus="no-answer", DialCallSid="CA2"),
        form(CallSid="CA1", **recording, **source),
        form(**call, CallStatus="in-progress", Digits="hangup", **recording),
        form(**call, CallStatus="completed", CallDuration="60", Timestamp=ago(0)),
        form(**call, CallStatus="completed", TranscriptionSid="TR1", TranscriptionText="Mi richiami"),
    ]


def test_a_call_its_legs_voicemail_and_transcript_are_one_interaction_in_any_order(hub: Plug) -> None:
    """As they come, backwards, and twice."""
    made = hub(
        TwilioVoice(voice_settings(dial=("+390299999999",), voicemail=True, reconcile_minutes=0), clock=FakeClock())
    )
    made.post(*reversed(story()), *story())
    made.settle()
    assert told(made) == {"kind": "call", "outcome": "voicemail", "s": None, "files": ["RE1"], "text": "Mi richiami"}
    assert len(made.crm.records()) == 1
    assert len(made.crm.records("Touch")) == 1


def test_a_call_that_was_answered_is_as_long_as_was_talked(hub: Plug) -> None:
    """Not as long as it rang."""
    made = hub(TwilioVoice(voice_settings(dial=("+390299999999",), reconcile_minutes=0), clock=FakeClock()))
    call = {"CallSid": "CA1", "From": ANNA, "To": OURS, "Direction": "inbound"}
    dialled = {"DialCallStatus": "completed", "DialCallSid": "CA2", "DialCallDuration": "42"}
    made.post(
        form(**call, CallStatus="completed", CallDuration="60", Timestamp=ago(0)),
        form(**call, CallStatus="in-progress", **dialled),
    )
    made.settle()
    assert told(made) == {"kind": "call", "outcome": "answered", "s": 42, "files": [], "text": None}


def test_callers_who_hide_their_number_fill_no_crm(hub: Plug) -> None:
    """Each call is in the log, of nobody in particular; no record is made of it."""
    made = hub(TwilioVoice(voice_settings(reconcile_minutes=0), clock=FakeClock()))
    made.post(*(form(CallSid=f"CA{n}", From="+266696687", To=OURS, CallStatus="ringing") for n in range(3)))
    made.settle()
    assert len(made.rows(interactions)) == 3
    assert len(made.rows(profiles)) == 3
    assert (made.crm.records(), made.crm.records("Touch")) == ({}, {})
