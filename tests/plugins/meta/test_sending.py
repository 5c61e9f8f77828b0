"""Messages out, as Meta is asked and as Meta answers."""

import io
import json
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from crocevia import Attachment, ContactPoint, Http, Message, Receipt, Secret, Template
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
from crocevia_meta.graph import CODES
from crocevia_meta.simulator import RunningVendor
from crocevia_meta.whatsapp import Settings, WhatsApp
from crocevia_meta.whatsapp.outgoing import body

ANNA = ContactPoint("phone", "", "+393331112233")
BEA = ContactPoint("whatsapp", "", "IT.7000000000001")
CONVERSATION = "700100200300:393331112233"


class Answers(BaseAdapter):
    """Answers every call the same; keeps what was asked."""

    def __init__(self, status: int, answer: bytes, headers: dict[str, str] | None = None) -> None:
        super().__init__()
        self.answer, self.status, self.headers = answer, status, headers or {}
        self.asked: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]  # requests' own keywords
        """Keep the request."""
        self.asked.append(request)
        response = requests.Response()
        response.status_code, response.url, response.raw = self.status, request.url or "", io.BytesIO(self.answer)
        response.headers.update(self.headers)
        return response

    def close(self) -> None:
        """Nothing is open."""


def connector(answers: Answers) -> WhatsApp:
    """A connector whose every call goes to `answers`."""

    class Session(requests.Session):
        def mount(self, prefix: str | bytes, adapter: BaseAdapter) -> None:
            super().mount(prefix, answers)

    settings = Settings(
        phone_number_id="106540352242922",
        app_secret=Secret("app secret"),
        access_token=Secret("access token"),
        verify_token=Secret("verify token"),
    )
    return WhatsApp(settings, connection="shop", http=Http("shop", new_session=Session))


def error(code: int, **more: Any) -> bytes:
    """Meta's error object."""
    return json.dumps({"error": {"message": f"(#{code}) x", "type": "OAuthException", "code": code, **more}}).encode()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            Message(id="c1", to=ANNA, text="Ciao", in_reply_to="wamid.1"),
            {
                "recipient_type": "individual",
                "to": "393331112233",
                "type": "text",
                "text": {"body": "Ciao", "preview_url": False},
                "context": {"message_id": "wamid.1"},
            },
        ),
        (
            Message(id="c1", to=BEA, text="Ciao"),
            {
                "recipient_type": "individual",
                "recipient": "IT.7000000000001",
                "type": "text",
                "text": {"body": "Ciao", "preview_url": False},
            },
        ),
        (
            Message(id="c1", to=ANNA, text="Ciao", conversation="7001:group:Y2Fw"),
            {
                "recipient_type": "group",
                "to": "Y2Fw",
                "type": "text",
                "text": {"body": "Ciao", "preview_url": False},
            },
        ),
        (
            Message(
                id="c1", to=ANNA, template=Template(name="order_update", language="en-US", parameters=("A1", "ok"))
            ),
            {
                "recipient_type": "individual",
                "to": "393331112233",
                "type": "template",
                "template": {
                    "name": "order_update",
                    "language": {"code": "en_US"},
                    "components": [
                        {"type": "body", "parameters": [{"type": "text", "text": "A1"}, {"type": "text", "text": "ok"}]}
                    ],
                },
            },
        ),
        (
            Message(
                id="c1",
                to=ANNA,
                text="La fattura",
                attachments=(Attachment(kind="document", url="https://shop.example/f.pdf", name="f.pdf"),),
            ),
            {
                "recipient_type": "individual",
                "to": "393331112233",
                "type": "document",
                "document": {"link": "https://shop.example/f.pdf", "caption": "La fattura", "filename": "f.pdf"},
            },
        ),
        (
            Message(id="c1", to=ANNA, attachments=(Attachment(kind="voice", key="99"),)),
            {
                "recipient_type": "individual",
                "to": "393331112233",
                "type": "audio",
                "audio": {"id": "99", "voice": True},
            },
        ),
    ],
    ids=["reply", "user id", "group", "template", "document", "voice"],
)
def test_a_message_becomes_the_json_that_meta_documents(message: Message, expected: dict[str, Any]) -> None:
    """With our id as callback data, so that a status settles what an answer did not."""
    assert body(message) == {"messaging_product": "whatsapp", "biz_opaque_callback_data": "c1", **expected}


@pytest.mark.parametrize(
    "message",
    [
        Message(id="c1", to=ANNA),
        Message(id="c1", to=ANNA, attachments=(Attachment(kind="image", key="1"), Attachment(kind="image", key="2"))),
        Message(id="c1", to=ANNA, text="x", attachments=(Attachment(kind="audio", key="1"),)),
        Message(id="c1", to=ANNA, text="x" * 1025, attachments=(Attachment(kind="image", key="1"),)),
        Message(id="c1", to=ANNA, attachments=(Attachment(kind="order", key="1"),)),
        Message(id="c1", to=ANNA, attachments=(Attachment(kind="image"),)),
    ],
    ids=["empty", "two files", "text under audio", "long caption", "no file", "nowhere"],
)
def test_what_one_message_cannot_hold_is_refused_before_it_is_sent(message: Message) -> None:
    """Nothing is dropped in silence."""
    with pytest.raises(RejectedError, match="message c1"):
        body(message)


def test_an_address_of_another_channel_is_undeliverable() -> None:
    """WhatsApp reaches phones and its own user ids."""
    with pytest.raises(UndeliverableError):
        body(Message(id="c1", to=ContactPoint("email", "", "a@example.org"), text="x"))


def test_a_reply_goes_out_on_the_number_that_the_customer_wrote_to() -> None:
    """Whatever number the settings name; the token comes along."""
    answers = Answers(200, b'{"messages":[{"id":"wamid.9"}]}')
    receipt = connector(answers).send(Message(id="c1", to=ANNA, conversation=CONVERSATION, text="Ciao"))
    assert receipt == Receipt(key="wamid.9", conversation=CONVERSATION)
    assert answers.asked[0].url == "https://graph.facebook.com/v23.0/700100200300/messages"
    assert answers.asked[0].headers["Authorization"] == "Bearer access token"


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (400, error(131047), UndeliverableError),
        (400, error(131026), UndeliverableError),
        (400, error(131050), OptedOutError),
        (429, error(130429), ThrottledError),
        (400, error(131056), RetryableError),
        (400, error(80007), ThrottledError),
        (401, error(190), AuthError),
        (403, error(10), AuthError),
        (403, error(200), AuthError),
        (403, error(299), AuthError),
        (400, error(131042), AuthError),
        (500, error(131000), RetryableError),
        (503, error(131016), RetryableError),
        (500, error(2), RetryableError),
        (400, error(100), RejectedError),
        (400, error(100, error_subcode=33), AuthError),
        (404, error(132001), RejectedError),
        (400, error(132000), RejectedError),
        (400, error(987654), RejectedError),
        (429, error(987654), ThrottledError),
        (500, error(1), OutcomeUnknownError),
        (502, b"<html>Bad Gateway</html>", OutcomeUnknownError),
        (401, b"", AuthError),
        (400, b"[]", RejectedError),
        (200, b'{"messages":[]}', OutcomeUnknownError),
        (200, b"ok", OutcomeUnknownError),
        (200, b"[1]", OutcomeUnknownError),
    ],
)
def test_what_meta_answers_decides(status: int, answer: bytes, expected: type[RemoteError]) -> None:
    """By Meta's code, else by the HTTP status; what may have gone out is never sent again blindly."""
    with pytest.raises(RemoteError) as raised:
        connector(Answers(status, answer)).send(Message(id="c1", to=ANNA, text="segreto"))
    assert type(raised.value) is expected
    assert raised.value.status == status
    assert "c1" in str(raised.value) or status == 200
    assert "segreto" not in str(raised.value)


def test_a_throttled_send_waits_as_long_as_meta_says() -> None:
    """Retry-After where it is given, else what is documented."""
    throttled = connector(Answers(429, error(130429), {"Retry-After": "7"}))
    with pytest.raises(ThrottledError) as raised:
        throttled.send(Message(id="c1", to=ANNA, text="x"))
    assert (raised.value.after.total_seconds() if raised.value.after else None, raised.value.scope) == (7, "send")


def test_every_code_has_a_next_step() -> None:
    """What to do is said, and a wait only where one is meant."""
    for code, decision in CODES.items():
        assert decision.do, code
        assert decision.after is None or issubclass(decision.error, RetryableError), code


def test_capabilities_say_what_whatsapp_takes(whatsapp: WhatsApp) -> None:
    """The window, the length, the sizes."""
    found = whatsapp.capabilities(None)
    assert found.reply_window is not None
    assert (found.max_text, found.reply_window.total_seconds(), found.templates) == (4096, 86400, True)
    assert found.media["image/jpeg"] == 5 * 1024 * 1024
    assert whatsapp.address_kinds() == ("phone", "whatsapp")


def test_check_finds_a_number_in_order(connected: WhatsApp) -> None:
    """And an account that sends its webhooks."""
    assert [(finding.level, finding.what) for finding in connected.check()] == [
        ("ok", "number +390110000000"),
        ("ok", "webhooks"),
    ]


def test_check_says_what_is_wrong_with_the_token(vendor: RunningVendor, connected: WhatsApp) -> None:
    """And what to do, without showing it."""
    wrong = Settings(
        phone_number_id="106540352242922",
        app_secret=Secret("app secret"),
        access_token=Secret("expired token"),
        verify_token=Secret("verify token"),
        base_url=vendor.url,
    )
    (finding,) = WhatsApp(wrong).check()
    assert (finding.level, finding.what) == ("problem", "access_token")
    assert "valid access token" in finding.do
    assert "expired token" not in finding.do


def test_check_says_that_the_number_is_not_there(vendor: RunningVendor) -> None:
    """A wrong id looks to Meta like one that the token may not see."""
    wrong = Settings(
        phone_number_id="1",
        app_secret=Secret("app secret"),
        access_token=Secret("access token"),
        verify_token=Secret("verify token"),
        base_url=vendor.url,
    )
    (finding,) = WhatsApp(wrong).check()
    assert finding.level == "problem"
    assert "check its id in the settings" in finding.do


def test_check_says_that_no_app_is_subscribed(vendor: RunningVendor, connected: WhatsApp) -> None:
    """Then nothing would ever come in."""
    vendor.vendor.webhook = None
    assert [finding.level for finding in connected.check()] == ["ok", "problem"]
