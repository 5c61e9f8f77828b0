"""Twilio's connectors, an API to speak with, and a core that they are connected to."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha1
from hmac import new
from typing import Any
from urllib.parse import urlencode

import pytest

from crocevia import Connector, Event, ParseContext, Raw, Request, Secret
from crocevia.testing import FakeClock
from crocevia_twilio import TwilioSms, TwilioVoice
from crocevia_twilio.form import pairs
from crocevia_twilio.sms import SmsSettings
from crocevia_twilio.voice import VoiceSettings
from tests.plugins.road import empty_store, hub
from tests.plugins.twilio.twilio_api import ACCOUNT, OURS, TwilioApi, served

__all__ = ["empty_store", "hub"]

HOOK = "https://crossroads.example/hooks/sms"
Parse = Callable[..., list[Event]]


def sms_settings(**changed: Any) -> SmsSettings:
    """Settings of a messaging connection, as `crocevia.toml` would give them."""
    given: dict[str, Any] = {"account_sid": ACCOUNT, "auth_token": Secret("authtoken"), "sender": OURS}
    return SmsSettings(**{**given, "webhook_url": HOOK, **changed})


def voice_settings(**changed: Any) -> VoiceSettings:
    """Settings of a connection for calls."""
    return VoiceSettings(**{"account_sid": ACCOUNT, "auth_token": Secret("authtoken"), **changed})


def signature(url: str, body: bytes, key: bytes = b"authtoken") -> str:
    """As Twilio signs a form."""
    signed = url.encode() + b"".join(name + value for name, value in sorted(set(pairs(body))))
    return b64encode(new(key, signed, sha1).digest()).decode()


def signed(url: str, body: bytes, key: bytes = b"authtoken") -> Request:
    """A webhook as Twilio sends it."""
    return Request(method="POST", url=url, headers={"x-twilio-signature": signature(url, body, key)}, body=body)


def form(**said: str) -> bytes:
    """A form of Twilio's."""
    return urlencode({"AccountSid": ACCOUNT, **said}).encode()


def parsed(connector: Connector[Any], body: bytes, query: str = "", clock: FakeClock | None = None) -> list[Event]:
    """What a connector makes of a body; every leaf is exactly one event."""
    now = (clock or FakeClock()).now()
    headers = {":query": query} if query else {}
    raw = Raw(connection="x", kind=connector.kind, body=body, received_at=now, headers=headers)
    events = list(connector.parse(raw, ParseContext(now=now, region="IT")))
    assert sorted(event.leaf for event in events) == sorted(connector.leaves(raw) or [])
    return events


@pytest.fixture
def api() -> Iterator[TwilioApi]:
    """A running API."""
    with served(TwilioApi()) as running:
        yield running


@pytest.fixture
def sms() -> TwilioSms:
    """Messages."""
    return TwilioSms(sms_settings())


@pytest.fixture
def voice() -> TwilioVoice:
    """Calls that nobody is dialled for."""
    return TwilioVoice(voice_settings())
