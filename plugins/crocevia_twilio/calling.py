"""Click-to-call: a telephone of ours rings; when it is taken, Twilio calls the customer and joins the two.

Source: https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource (2026-03).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from crocevia import Message
from crocevia.errors import RejectedError, UndeliverableError
from crocevia_twilio import addresses
from crocevia_twilio.account import status_url

if TYPE_CHECKING:
    from crocevia_twilio.voice import VoiceSettings


def form(message: Message, settings: VoiceSettings) -> bytes:
    """The body of `POST Calls.json`.

    Raises:
        RejectedError: the settings do not say who calls, or from which number.
        UndeliverableError: the customer's address is no telephone number.
    """
    return urlencode(list(_fields(message, settings))).encode()


def _fields(message: Message, settings: VoiceSettings) -> Iterator[tuple[str, str]]:
    if message.to.kind != "phone" or not addresses.is_phone(message.to.value):
        raise UndeliverableError(f"call {message.id}: a {message.to.kind} cannot be called, only a phone")
    telephone = settings.agents.get(message.author or "") or settings.agent
    if not telephone:
        said = (
            f"call {message.id}: no telephone is known for who wants to make it: add them to `agents`, or set `agent`"
        )
        raise RejectedError(said)
    if not settings.caller or not settings.webhook_url:
        raise RejectedError(f"call {message.id}: set `caller` and `webhook_url` to call customers")
    url = status_url(settings.webhook_url, message.id)
    yield "To", telephone
    yield "From", settings.caller
    yield "Timeout", str(settings.ring_seconds)
    yield "Twiml", _joined(message.to.value, settings, url)
    yield "StatusCallback", url
    for event in ("initiated", "completed"):  # the first settles what was not answered to
        yield "StatusCallbackEvent", event


def _joined(customer: str, settings: VoiceSettings, url: str) -> str:
    response = ET.Element("Response")
    dial = ET.SubElement(response, "Dial", callerId=settings.caller or "", timeout=str(settings.ring_seconds))
    if settings.record:
        dial.attrib |= {"record": "record-from-answer-dual", "recordingStatusCallback": url}
    ET.SubElement(dial, "Number", statusCallback=url, statusCallbackEvent="completed").text = customer
    return ET.tostring(response, encoding="unicode")
