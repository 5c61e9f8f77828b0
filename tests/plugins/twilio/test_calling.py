"""Click-to-call: what Twilio is asked, what comes of it, and that one call is one call."""

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from crocevia import Connector, ContactPoint, Ignored, InteractionCompleted, Message, StatusReported
from crocevia.errors import OutcomeUnknownError, RejectedError, RemoteError, UndeliverableError
from crocevia.store.tables import commands, interactions
from crocevia.testing import FakeClock
from crocevia_twilio import TwilioVoice
from tests.plugins.road import Hub
from tests.plugins.twilio.conftest import form, parsed, voice_settings
from tests.plugins.twilio.twilio_api import OURS, TwilioApi

ANNA = "+393331112233"
HOOK = "https://crossroads.example/hooks/phone"
CALLING = {"caller": OURS, "agent": "client:desk", "agents": {"Bruno": "+390299999999"}, "webhook_url": HOOK}


def connected(api: TwilioApi, **changed: Any) -> TwilioVoice:
    """A connector that speaks with the API."""
    settings = voice_settings(**{"base_url": api.url, "reconcile_minutes": 0, **CALLING, **changed})
    return TwilioVoice(settings, connection="road", clock=FakeClock())


def wanted(**said: Any) -> Message:
    """Somebody wants to call Anna."""
    return Message(**{"id": "01J", "kind": "call", "to": ContactPoint("phone", "", ANNA), **said})


def ours(**said: str) -> bytes:
    """What Twilio says of the telephone that rings first."""
    return form(**{"CallSid": "CA1", "From": OURS, "To": "client:desk", "Direction": "outbound-api", **said})


def leg(**said: str) -> bytes:
    """And of Anna's."""
    return form(**{"CallSid": "CA2", "ParentCallSid": "CA1", "Direction": "outbound-dial", "To": ANNA, **said})


@pytest.mark.parametrize(
    ("author", "telephone"), [("Bruno", "+390299999999"), ("Carla", "client:desk"), (None, "client:desk")]
)
def test_the_telephone_of_who_calls_rings_first_and_then_the_customers(
    author: str | None, telephone: str, api: TwilioApi
) -> None:
    """Both tell what becomes of it, under our id."""
    receipt = connected(api, record=True).send(wanted(author=author))
    [sent] = api.sent
    said = dict(sent)
    url = f"{HOOK}?crocevia=01J"
    assert (said["To"], said["From"], said["StatusCallback"], said["Timeout"]) == (telephone, OURS, url, "20")
    assert [event for name, event in sent if name == "StatusCallbackEvent"] == ["initiated", "completed"]
    [dial] = ET.fromstring(said["Twiml"])  # noqa: S314 - our own
    assert dial.attrib == {
        "callerId": OURS,
        "timeout": "20",
        "record": "record-from-answer-dual",
        "recordingStatusCallback": url,
    }
    assert [(one.text, one.get("statusCallback")) for one in dial] == [(ANNA, url)]
    assert receipt.key == f"CA{1:032d}"


@pytest.mark.parametrize(
    ("settings", "said", "error"),
    [
        ({"agent": None}, {}, RejectedError),
        ({"caller": None}, {}, RejectedError),
        ({"webhook_url": None}, {}, RejectedError),
        ({}, {"to": ContactPoint("email", "", "anna@example.com")}, UndeliverableError),
        ({}, {"to": ContactPoint("phone", "unreadable", "ask at the desk")}, UndeliverableError),
    ],
)
def test_who_cannot_be_called_rings_nowhere(
    settings: dict[str, Any], said: dict[str, Any], error: type[RemoteError], api: TwilioApi
) -> None:
    """Refused before Twilio is asked, naming the setting or the address."""
    with pytest.raises(error, match="call 01J"):
        connected(api, **settings).send(wanted(**said))
    assert api.asked == []


def test_twilios_refusal_and_a_lost_answer(api: TwilioApi) -> None:
    """A number that cannot be called; a call that may ring already."""
    api.refused[ANNA] = 21215
    with pytest.raises(UndeliverableError, match="21215"):
        connected(api).send(wanted())
    api.refused.clear()
    api.loses = 1
    with pytest.raises(OutcomeUnknownError):
        connected(api).send(wanted())


@pytest.mark.parametrize("wrong", [{"agent": "desk"}, {"agents": {"Anna": "0299999999"}}, {"caller": "02 123"}])
def test_only_what_twilio_can_ring_is_a_telephone(wrong: dict[str, Any]) -> None:
    """The settings are refused, with the name of the setting."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        voice_settings(**wrong)


def test_only_calls_go_out_here(api: TwilioApi) -> None:
    """An answer in writing rings no telephone."""
    voice = connected(api)
    assert (voice.carries("call"), voice.carries("message")) == (True, False)
    assert voice.address_kinds() == ("phone",)


def test_the_telephone_that_rings_first_is_not_the_customer(api: TwilioApi) -> None:
    """Its status is ours, with our id; how the call went is told by the customer's leg."""
    voice, query = connected(api), "crocevia=01J"
    [sent] = parsed(voice, ours(CallStatus="initiated"), query)
    assert isinstance(sent, StatusReported)
    assert (sent.of, sent.status, sent.callback) == ("CA1", "sent", "01J")
    _, end = parsed(voice, ours(CallStatus="completed", CallDuration="60"), query)
    assert isinstance(end, InteractionCompleted)
    assert end.outcome == "missed", "until the customer's leg says that they talked"
    failed, end = parsed(voice, ours(CallStatus="no-answer"), query)
    assert isinstance(failed, StatusReported)
    assert isinstance(end, InteractionCompleted)
    assert (failed.status, end.outcome) == ("failed", "failed")
    [talked] = parsed(voice, leg(CallStatus="completed", CallDuration="42"), query)
    assert isinstance(talked, InteractionCompleted)
    assert (talked.of, talked.outcome) == ("CA1", "answered")


def test_in_the_list_too_it_is_not_the_customer(api: TwilioApi) -> None:
    """The query is not told there; the telephone is known from the settings."""
    body = b'{"calls": [{"sid": "CA1", "direction": "outbound-api", "to": "client:desk", "status": "completed"}]}'
    assert [type(event) for event in parsed(connected(api), body)] == [Ignored, Ignored]


def called(hub: Callable[[Connector[Any]], Hub], api: TwilioApi) -> tuple[Hub, str]:
    """Anna has called; somebody calls back from the CRM. The query that comes back."""
    made = hub(connected(api))
    made.post(form(CallSid="CA9", From=ANNA, To=OURS, Direction="inbound", CallStatus="ringing"))
    made.settle()
    [person] = made.crm.records()
    made.crm.create("Touch", person=person, direction="outbound", status="to send", kind="call", text="")
    made.settle()
    assert len(api.sent) == 1
    return made, dict(api.sent[0])["StatusCallback"].partition("?")[2]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_call_back_is_one_interaction_with_its_length(
    lost: int, hub: Callable[[Connector[Any]], Hub], api: TwilioApi
) -> None:
    """Also where Twilio's answer was lost: the first status settles it, and nobody is called twice."""
    api.loses = lost
    made, query = called(hub, api)
    [command] = made.rows(commands)
    assert command["state"] == ("unknown" if lost else "done")
    sid = {"CallSid": f"CA{1:032d}"}
    made.post(
        ours(**sid, CallStatus="initiated"),
        leg(ParentCallSid=sid["CallSid"], CallStatus="completed", CallDuration="42"),
        ours(**sid, CallStatus="completed", CallDuration="60"),
        query=query,
    )
    made.settle()
    assert [row["state"] for row in made.rows(commands)] == ["done"]
    assert len(api.sent) == 1
    [_, out] = made.rows(interactions, kind="call")
    assert (out["direction"], out["status"]) == ("outbound", "sent")
    detail = json.loads(out["detail"])
    assert (detail["outcome"], detail["duration_s"]) == ("answered", 42)
