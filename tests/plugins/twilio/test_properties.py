"""Whatever Twilio or somebody else sends: events or MalformedError, never anything else."""

from contextlib import suppress
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from crocevia import Request, Secret
from crocevia.errors import MalformedError, SignatureError
from crocevia_twilio import TwilioSms, TwilioVoice
from crocevia_twilio.form import pairs
from crocevia_twilio.resources import CALL, MESSAGE, RECORDING
from crocevia_twilio.signature import verify
from tests.plugins.twilio.conftest import parsed, signed, sms_settings, voice_settings

_NAMES = sorted(
    {*MESSAGE.values(), *CALL.values(), *RECORDING.values(), "OptOutType", "MediaUrl0", "Latitude", "Longitude"}
    | {"DialCallStatus", "QueueResult", "TranscriptionSid", "TranscriptionText", "ConferenceSid", "SmsSid", "SmsStatus"}
)
_VALUES = st.sampled_from(
    ["", "completed", "delivered", "+393331112233", "whatsapp:", "client:", ":", "STOP", "9" * 30, "-1", "\0", "😀"]
) | st.text(max_size=20)
_FORMS = st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=8).map(lambda said: urlencode(said).encode())
_KINDS = (
    TwilioSms(sms_settings()),
    TwilioVoice(voice_settings(dial=("+390299999999", "client:a"), agent="client:a")),
)


@settings(max_examples=80, deadline=None)
@given(_FORMS | st.binary(max_size=60), st.sampled_from(["", "crocevia=1", "crocevia=&crocevia=%ff", "&&=%"]))
def test_any_form_is_understood_or_said_not_to_be(body: bytes, query: str) -> None:
    """By both kinds, leaf by leaf; TwiML or nothing answers it."""
    for connector in _KINDS:
        with suppress(MalformedError):
            assert parsed(connector, body, query)
        said, _ = connector.answer(Request(method="POST", url="https://x/y", headers={}, body=body))
        assert said.endswith((b"<Response/>", b"</Response>", b"<Response />"))


@settings(max_examples=80, deadline=None)
@given(_FORMS | st.binary(max_size=60), st.integers(0, 2**31), st.integers(0, 7))
def test_a_bit_that_is_not_what_was_signed_is_refused(body: bytes, place: int, bit: int) -> None:
    """Unless it changes nothing of what the form says."""
    request = signed("https://x/y", body)
    verify(request, [Secret("authtoken")])
    if not body:
        return
    index = place % len(body)
    changed = body[:index] + bytes([body[index] ^ (1 << bit)]) + body[index + 1 :]
    other = Request(method="POST", url=request.url, headers=request.headers, body=changed)
    try:
        verify(other, [Secret("authtoken")])
    except SignatureError:
        return
    assert sorted(set(pairs(changed))) == sorted(set(pairs(body)))
