"""How a call is answered: TwiML, made from the settings.

Source: https://www.twilio.com/docs/voice/twiml: `<Say>`, `<Dial>`, `<Enqueue>`, `<Record>` (2026-03).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from crocevia_twilio import addresses
from crocevia_twilio.form import Fields
from crocevia_twilio.voice_leaves import UNDER_WAY

if TYPE_CHECKING:
    from crocevia_twilio.voice import VoiceSettings

NOTHING = b'<?xml version="1.0" encoding="UTF-8"?>\n<Response/>'
_TAKEN = frozenset({"completed", "answered", "bridged", "bridging-in-process", "hangup"})


def answer(said: Fields, settings: VoiceSettings, url: str) -> bytes:
    """What is to be done now with the call that a webhook tells of; nothing, where it only tells.

    Args:
        said: The webhook's form.
        settings: Who is dialled, what is said.
        url: Where Twilio called, without its query: it comes back there.
    """
    if said.get("CallStatus") not in UNDER_WAY or "CallbackSource" in said or "ParentCallSid" in said:
        return NOTHING
    put_through = said.get("DialCallStatus") or said.get("QueueResult")
    response = ET.Element("Response")
    if put_through is not None:
        if put_through not in _TAKEN:
            _voicemail(response, settings, url)
    elif "RecordingUrl" in said or said.get("Direction") != "inbound":
        return NOTHING
    else:
        _welcome(response, settings, url)
    body: bytes = ET.tostring(response, encoding="UTF-8", xml_declaration=True)
    return body


def _welcome(response: ET.Element, settings: VoiceSettings, url: str) -> None:
    if settings.greeting:
        _say(response, settings.greeting, settings)
    if settings.dial:
        _dial(response, settings, url)
    elif settings.queue:
        ET.SubElement(response, "Enqueue", action=url).text = settings.queue
    else:
        _voicemail(response, settings, url)


def _dial(response: ET.Element, settings: VoiceSettings, url: str) -> None:
    dial = ET.SubElement(response, "Dial", action=url, timeout=str(settings.ring_seconds), answerOnBridge="true")
    if settings.record:
        dial.attrib |= {"record": "record-from-answer-dual", "recordingStatusCallback": url}
    for address in settings.dial:
        road, rest = addresses.split(address)
        name, text = {"client": ("Client", rest), "sip": ("Sip", address)}.get(road, ("Number", address))
        ET.SubElement(dial, name, statusCallback=url, statusCallbackEvent="completed").text = text


def _voicemail(response: ET.Element, settings: VoiceSettings, url: str) -> None:
    if not settings.voicemail:
        return
    if settings.voicemail_greeting:
        _say(response, settings.voicemail_greeting, settings)
    record = ET.SubElement(
        response,
        "Record",
        action=url,
        maxLength=str(settings.voicemail_seconds),
        playBeep="true",
        recordingStatusCallback=url,
    )
    if settings.transcribe:
        record.attrib |= {"transcribe": "true", "transcribeCallback": url}


def _say(response: ET.Element, text: str, settings: VoiceSettings) -> None:
    spoken = ET.SubElement(response, "Say", language=settings.language)
    if settings.voice:
        spoken.set("voice", settings.voice)
    spoken.text = "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")
