"""Signature and handshake of Meta's webhooks."""

import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from crocevia import Request
from crocevia.errors import SignatureError
from crocevia_meta.whatsapp import WhatsApp

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BODY = b'{"object":"whatsapp_business_account","entry":[{"text":"\\u00e8"}]}'


def request(body: bytes, signature: str | None) -> Request:
    """A delivery."""
    headers = {} if signature is None else {"x-hub-signature-256": signature}
    return Request(method="POST", url="https://crocevia.example/hooks/whatsapp", headers=headers, body=body)


def digest(body: bytes, key: str = "app secret") -> str:
    """As Meta signs."""
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def test_a_delivery_signed_with_the_app_secret_is_metas(whatsapp: WhatsApp) -> None:
    """Over the raw bytes, escapes and all."""
    whatsapp.verify(request(BODY, digest(BODY)), NOW, {})


@pytest.mark.parametrize(
    "signature",
    [None, "", "sha256=", digest(BODY)[7:], digest(BODY, "another"), digest(BODY + b" "), "sha1=ab", "sha256=\udce8"],
)
def test_any_other_signature_is_refused(signature: str | None, whatsapp: WhatsApp) -> None:
    """Missing, cut, of another secret or body, in bytes that are no text."""
    with pytest.raises(SignatureError):
        whatsapp.verify(request(BODY, signature), NOW, {})


def handshake(**query: str) -> Request:
    """The GET that Meta makes when a webhook is set up."""
    return Request(
        method="GET",
        url="https://crocevia.example/hooks/whatsapp",
        headers={},
        query={f"hub.{name}": value for name, value in query.items()},
    )


def test_the_handshake_is_answered_with_the_challenge(whatsapp: WhatsApp) -> None:
    """When the token is ours."""
    asked = handshake(mode="subscribe", verify_token="verify token", challenge="1158201444")
    assert whatsapp.challenge(asked) == "1158201444"


@pytest.mark.parametrize(
    "query", [{"verify_token": "wrong"}, {}, {"mode": "unsubscribe", "verify_token": "verify token"}]
)
def test_a_handshake_with_another_token_is_refused(query: dict[str, str], whatsapp: WhatsApp) -> None:
    """The answer would prove a webhook that is not theirs."""
    with pytest.raises(SignatureError):
        whatsapp.challenge(handshake(**{"mode": "subscribe", "challenge": "1", **query}))


def test_other_requests_are_no_handshake(whatsapp: WhatsApp) -> None:
    """A delivery, or somebody who looks."""
    assert whatsapp.challenge(request(BODY, digest(BODY))) is None
    assert whatsapp.challenge(handshake()) is None
