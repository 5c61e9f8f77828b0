"""Webhooks are Twilio's: its own vectors, ports, proxies, JSON, and two tokens at once."""

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from crocevia import Request, Secret
from crocevia.errors import SignatureError
from crocevia.testing import FakeClock
from crocevia_twilio import TwilioSms
from crocevia_twilio.signature import spellings, verify
from tests.plugins.twilio.conftest import HOOK, form, signature, signed, sms_settings

NOW = FakeClock().now()
BODY = form(MessageSid="SM1", From="+393331112233", To="+390212345678", Body="perché no? 1 + 1")


def connector(**changed: Any) -> TwilioSms:
    """A connector without a URL of its own, unless given."""
    return TwilioSms(sms_settings(**{"webhook_url": None, **changed}))


def test_twilios_own_vectors_pass(corpus: Path) -> None:
    """Forms, another port, a parameter given thrice: what was published is accepted, and one letter less is not."""
    vectors = json.loads((corpus / "payloads/_signatures/vectors.json").read_text())
    forms = [one for one in vectors if one["channel"].startswith("twilio") and "params" in one["input"]]
    assert len(forms) == 3
    for vector in forms:
        given = vector["input"]
        token, url = given.get("token", "12345"), given["url"]
        body = urlencode(given["params"], doseq=True).encode()
        request = Request(method="POST", url=url, headers={"x-twilio-signature": vector["expected"]}, body=body)
        verify(request, [Secret(token)])
        with pytest.raises(SignatureError):
            verify(Request(method="POST", url=url, headers=request.headers, body=body[:-1]), [Secret(token)])


def test_a_body_that_is_no_form_is_told_by_its_hash(corpus: Path) -> None:
    """Twilio's own hash is accepted; another body under the same signed URL is not."""
    vectors = json.loads((corpus / "payloads/_signatures/vectors.json").read_text())
    [vector] = [one for one in vectors if one["channel"] == "twilio json bodySHA256"]
    body = vector["input"]["body"].encode()
    url = f"{HOOK}?bodySHA256={vector['expected']}"
    headers = {"x-twilio-signature": signature(url, b"")}
    query = {"bodySHA256": vector["expected"]}
    connector().verify(Request(method="POST", url=url, headers=headers, query=query, body=body), NOW, {})
    for other in (body + b" ", b"", b"Body=1"):
        with pytest.raises(SignatureError, match="bodySHA256"):
            connector().verify(Request(method="POST", url=url, headers=headers, query=query, body=other), NOW, {})


def test_a_json_body_without_its_hash_in_the_url_is_not_signed() -> None:
    """The URL alone is signed then: anybody's body would pass."""
    headers = {"x-twilio-signature": signature(HOOK, b"")}
    with pytest.raises(SignatureError):
        connector().verify(Request(method="POST", url=HOOK, headers=headers, body=b'{"a": 1}'), NOW, {})


def test_a_hash_that_was_added_to_the_url_does_not_carry_another_body() -> None:
    """A parameter of the URL is signed with it."""
    body = b'{"Body": "forged"}'
    query = {"bodySHA256": hashlib.sha256(body).hexdigest()}
    request = Request(
        method="POST",
        url=f"{HOOK}?{urlencode(query)}",
        headers={"x-twilio-signature": signature(HOOK, b"")},
        query=query,
        body=body,
    )
    with pytest.raises(SignatureError):
        connector().verify(request, NOW, {})


@pytest.mark.parametrize(
    ("called", "seen"),
    [
        ("https://shop.example:443/hooks/sms", "https://shop.example/hooks/sms"),
        ("https://shop.example/hooks/sms", "https://shop.example:443/hooks/sms"),
        ("http://shop.example:80/hooks/sms", "http://shop.example/hooks/sms"),
        ("https://shop.example/hooks/sms", "https://shop.example:8443/hooks/sms"),
        ("https://[2001:db8::1]:443/h", "https://[2001:db8::1]/h"),
    ],
)
def test_a_port_may_be_signed_or_left_out(called: str, seen: str) -> None:
    """Some of Twilio's products do the one, some the other."""
    request = Request(method="POST", url=seen, headers={"x-twilio-signature": signature(called, BODY)}, body=BODY)
    connector().verify(request, NOW, {})


def test_another_host_or_scheme_is_not_the_one_that_was_called() -> None:
    """Only the port is uncertain."""
    hosts = {urlsplit(url).hostname for url in spellings("https://shop.example:8443/hooks/sms")}
    assert hosts == {"shop.example"}
    for seen in ("http://shop.example/hooks/sms", "https://other.example/hooks/sms"):
        headers = {"x-twilio-signature": signature("https://shop.example/hooks/sms", BODY)}
        with pytest.raises(SignatureError):
            connector().verify(Request(method="POST", url=seen, headers=headers, body=BODY), NOW, {})


def test_behind_a_proxy_the_url_of_the_console_counts_with_the_query_that_came() -> None:
    """The proxy talks plain HTTP to another host; `webhook_url` says what Twilio called."""
    called = f"{HOOK}?crocevia=01J"
    headers = {"x-twilio-signature": signature(called, BODY)}
    inside = Request(method="POST", url="http://10.0.0.7:8080/hooks/sms?crocevia=01J", headers=headers, body=BODY)
    connector(webhook_url=HOOK).verify(inside, NOW, {})
    with pytest.raises(SignatureError):
        connector().verify(inside, NOW, {})


def test_while_the_token_is_changed_webhooks_of_both_are_taken() -> None:
    """And of no third."""
    both = connector(next_auth_token=Secret("second"))
    both.verify(signed(HOOK, BODY), NOW, {})
    both.verify(signed(HOOK, BODY, b"second"), NOW, {})
    for wrong in (b"third", b""):
        with pytest.raises(SignatureError):
            both.verify(signed(HOOK, BODY, wrong), NOW, {})


def test_bytes_that_are_no_text_are_signed_as_they_are() -> None:
    """Latin-1 in a form, escaped or not."""
    for body in (b"Body=caff%E8&MessageSid=SM1", b"Body=caff\xe8&MessageSid=SM1", b"Body=%ZZ&MessageSid=SM1"):
        connector().verify(signed(HOOK, body), NOW, {})
