"""Messages out, over real HTTP: what Twilio is asked, and what its answers decide."""

from typing import Any

import pytest

from crocevia import Attachment, ContactPoint, Message, Receipt, Secret, Template
from crocevia.errors import (
    AuthError,
    OptedOutError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryableError,
    ThrottledError,
    UndeliverableError,
)
from crocevia_twilio import TwilioSms
from crocevia_twilio.refusals import CODES
from tests.plugins.twilio.conftest import HOOK, sms_settings
from tests.plugins.twilio.twilio_api import OURS, TwilioApi

ANNA = ContactPoint("phone", "", "+393331112233")
CALLBACK = ("StatusCallback", f"{HOOK}?crocevia=01J")


def connected(api: TwilioApi, **changed: Any) -> TwilioSms:
    """A connector that speaks with the API."""
    return TwilioSms(sms_settings(base_url=api.url, **changed), connection="sms")


def message(**said: Any) -> Message:
    """A message to Anna."""
    return Message(**{"id": "01J", "to": ANNA, "text": "Ciao", **said})


@pytest.mark.parametrize(
    ("settings", "said", "expected"),
    [
        ({}, {}, [("To", "+393331112233"), ("From", OURS), ("Body", "Ciao"), CALLBACK]),
        (
            {"messaging_service_sid": "MG1", "webhook_url": None},
            {"text": "Perché 1 + 1 = 2 & €?"},
            [("To", "+393331112233"), ("MessagingServiceSid", "MG1"), ("Body", "Perché 1 + 1 = 2 & €?")],
        ),
        (
            {"messaging_service_sid": "MG1"},
            {"conversation": "+390200000000,+393331112233"},
            [("To", "+393331112233"), ("From", "+390200000000"), ("Body", "Ciao"), CALLBACK],
        ),
        (
            {},
            {"conversation": f"whatsapp:{OURS},whatsapp:+393331112233", "text": None}
            | {"template": Template(name="HX1", language="it", parameters=("Anna", "10"))},
            [
                ("To", "whatsapp:+393331112233"),
                ("From", f"whatsapp:{OURS}"),
                ("ContentSid", "HX1"),
                ("ContentVariables", '{"1": "Anna", "2": "10"}'),
                CALLBACK,
            ],
        ),
        (
            {"sender": "whatsapp:+390212345678"},
            {"attachments": (Attachment(kind="image", url="https://shop.example/1.jpg"),)},
            [
                ("To", "whatsapp:+393331112233"),
                ("From", "whatsapp:+390212345678"),
                ("Body", "Ciao"),
                ("MediaUrl", "https://shop.example/1.jpg"),
                CALLBACK,
            ],
        ),
        (
            {},
            {"to": ContactPoint("messenger", "77", "42"), "conversation": "messenger:77,messenger:42"},
            [("To", "messenger:42"), ("From", "messenger:77"), ("Body", "Ciao"), CALLBACK],
        ),
        (
            {"webhook_url": f"{HOOK}?shop=1"},
            {"id": "01J.2"},
            [
                ("To", "+393331112233"),
                ("From", OURS),
                ("Body", "Ciao"),
                ("StatusCallback", f"{HOOK}?shop=1&crocevia=01J.2"),
            ],
        ),
    ],
)
def test_a_message_goes_out_from_where_the_customer_wrote_to(
    settings: dict[str, Any], said: dict[str, Any], expected: list[tuple[str, str]], api: TwilioApi
) -> None:
    """Or from the sender that starts conversations; our id travels in the status URL."""
    receipt = connected(api, **settings).send(message(**said))
    assert api.sent == [expected]
    assert receipt.key == "SM00000000000000000000000000000001"


def test_the_receipt_tells_the_conversation_that_was_begun(api: TwilioApi) -> None:
    """The same that an answer to it will be in; none while Twilio has not chosen a sender."""
    assert connected(api).send(message()) == Receipt(
        key="SM00000000000000000000000000000001", conversation=f"{OURS},+393331112233"
    )
    assert connected(api, messaging_service_sid="MG1").send(message()).conversation is None


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"text": None}, RejectedError),
        ({"to": ContactPoint("messenger", "77", "42")}, UndeliverableError),
        ({"to": ContactPoint("email", "", "anna@example.com")}, UndeliverableError),
        ({"attachments": (Attachment(kind="image", key="ME1"),)}, RejectedError),
    ],
)
def test_what_cannot_be_said_is_refused_before_twilio_is_asked(
    said: dict[str, Any], error: type[RemoteError], api: TwilioApi
) -> None:
    """Nothing is sent."""
    with pytest.raises(error, match="01J"):
        connected(api).send(message(**said))
    assert api.asked == []


def test_without_a_sender_only_replies_go_out(api: TwilioApi) -> None:
    """And the settings that are missing are named."""
    replying = connected(api, sender=None)
    with pytest.raises(RejectedError, match="messaging_service_sid"):
        replying.send(message())
    replying.send(message(conversation=f"{OURS},+393331112233"))
    assert len(api.sent) == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (21610, OptedOutError),
        (21211, UndeliverableError),
        (21614, UndeliverableError),
        (21612, UndeliverableError),
        (21408, UndeliverableError),
        (30003, UndeliverableError),
        (63016, UndeliverableError),
        (21606, RejectedError),
        (21617, RejectedError),
        (21611, ThrottledError),
        (20429, ThrottledError),
        (63018, ThrottledError),
        (20005, AuthError),
        (99999, RejectedError),
    ],
)
def test_each_code_decides_what_happens(code: int, error: type[RemoteError], api: TwilioApi) -> None:
    """The message names our id, the code and the next step, and neither the customer nor what was written."""
    api.refused[ANNA.value] = code
    with pytest.raises(error) as caught:
        connected(api).send(message(text="a secret of theirs"))
    assert type(caught.value) is error
    assert (caught.value.code, api.sent) == (str(code), [])
    told = str(caught.value)
    assert "message 01J" in told
    assert "secret" not in told
    assert ANNA.value not in told
    if isinstance(caught.value, ThrottledError):
        assert caught.value.after is not None


def test_every_code_names_a_next_step() -> None:
    """A code of five digits, an error of the tree, words."""
    for code, decision in CODES.items():
        assert 10_000 <= code <= 99_999
        assert issubclass(decision.error, RemoteError)
        assert decision.do


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, OutcomeUnknownError) for status in (200, 500, 502, 503)),
        (429, ThrottledError),
        (404, RemoteError),
    ],
)
def test_an_answer_without_a_code_is_decided_by_its_status(
    status: int, error: type[RemoteError], api: TwilioApi
) -> None:
    """A server in trouble may have taken it: it is never sent again on a guess."""
    api.says.append((status, None))
    with pytest.raises(error) as caught:
        connected(api).send(message())
    assert not (isinstance(caught.value, RetryableError) and status != 429)


def test_a_lost_answer_leaves_it_open(api: TwilioApi) -> None:
    """Twilio has it; who asked does not know."""
    api.loses = 1
    with pytest.raises(OutcomeUnknownError):
        connected(api).send(message())
    assert len(api.sent) == 1


def test_nobody_there_is_nothing_sent() -> None:
    """A port that is closed."""
    lonely = TwilioSms(sms_settings(base_url="http://127.0.0.1:9"))
    with pytest.raises(RetryableError):
        lonely.send(message())


def test_each_road_carries_what_it_can() -> None:
    """Pictures where MMS goes, templates and a window on WhatsApp."""
    plain, mms = TwilioSms(sms_settings()), TwilioSms(sms_settings(mms=True))
    text = plain.capabilities(None)
    assert (text.max_text, dict(text.media), text.reply_window, text.templates) == (1600, {}, None, False)
    assert mms.capabilities(f"{OURS},+393331112233").max_attachments == 10
    whatsapp = plain.capabilities(f"whatsapp:{OURS},whatsapp:+393331112233")
    assert (whatsapp.reply_window is not None, whatsapp.templates) == (True, True)
    assert TwilioSms(sms_settings(sender=f"whatsapp:{OURS}")).capabilities(None) == whatsapp
    assert plain.capabilities("messenger:77,messenger:42").templates is False


def test_check_looks_at_the_account_and_at_what_is_missing(api: TwilioApi) -> None:
    """Credentials first; then what cannot be done with these settings."""
    found = [(one.level, one.what) for one in connected(api).check()]
    assert found == [("ok", "account Shop")]
    bare = connected(api, sender=None, webhook_url=None, next_auth_token=Secret("second"))
    assert [(one.level, one.what) for one in bare.check()] == [
        ("ok", "account Shop"),
        ("warning", "next_auth_token"),
        ("warning", "sender"),
        ("warning", "webhook_url"),
    ]
    wrong = [one for one in connected(api, auth_token=Secret("wrong")).check() if one.level == "problem"]
    assert [one.what for one in wrong] == ["credentials"]
    assert "20003" in wrong[0].do


def test_an_api_key_signs_in_instead_of_the_token(api: TwilioApi) -> None:
    """Both halves of it, or neither."""
    keyed = connected(api, api_key="SK1", api_key_secret=Secret("s"))
    assert keyed.authorise() == {"Authorization": "Basic U0sxOnM="}
    with pytest.raises(ValueError, match="belong together"):
        sms_settings(api_key="SK1")
