"""Both of Twilio's kinds keep the contract."""

from base64 import b64encode
from hashlib import sha1
from hmac import new
from typing import Any

from crocevia.testing import connector_suite
from crocevia_twilio import TwilioSms, TwilioVoice
from crocevia_twilio.form import pairs
from tests.plugins.twilio.peers import SmsPeer, VoicePeer

SETTINGS = {"account_sid": "AC00000000000000000000000000000001", "auth_token": "authtoken"}
URL = "https://crocevia.example/hooks/suite"


def sign(body: bytes, settings: Any) -> dict[str, str]:
    """Sign as Twilio does."""
    signed = URL.encode() + b"".join(name + value for name, value in sorted(set(pairs(body))))
    digest = new(settings.auth_token.reveal().encode(), signed, sha1).digest()
    return {"X-Twilio-Signature": b64encode(digest).decode()}


TestTwilioSms = connector_suite(
    TwilioSms,
    samples="sms_samples/",
    settings={**SETTINGS, "sender": "+390212345678", "webhook_url": URL},
    sign=sign,
    peer=SmsPeer,
)
TestTwilioVoice = connector_suite(
    TwilioVoice,
    samples="voice_samples/",
    settings={
        **SETTINGS,
        "webhook_url": URL,
        "dial": ["+390299999999"],
        "voicemail": True,
        "caller": "+390212345678",
        "agent": "client:desk",
    },
    sign=sign,
    peer=VoicePeer,
)
