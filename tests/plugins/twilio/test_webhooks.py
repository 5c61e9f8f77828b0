"""Webhooks over real HTTP, through the daemon's own door, as Twilio sends them through a proxy."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests

from crocevia import Connector
from crocevia.store.journal import GroupCommit
from crocevia.store.tables import interactions, journal
from crocevia.testing import FakeClock
from crocevia.web.app import build_app, serve
from crocevia_twilio import TwilioSms, TwilioVoice
from tests.plugins.road import Hub
from tests.plugins.twilio.conftest import form, signature, sms_settings, voice_settings
from tests.plugins.twilio.twilio_api import OURS

ANNA = "+393331112233"
CONSOLE = "https://shop.example/twilio/road"
Plug = Callable[[Connector[Any]], Hub]


@contextmanager
def door(made: Hub, public_url: str | None = None) -> Iterator[Callable[..., requests.Response]]:
    """Posts a form to the daemon, signed for the URL that Twilio called."""
    kept = GroupCommit(made.store, lambda names: None)
    served = serve(build_app(made.world, kept, public_url=public_url))

    def post(body: bytes, called: str, key: bytes = b"authtoken") -> requests.Response:
        query = urlsplit(called).query
        headers = {
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
            "x-twilio-signature": signature(called, body, key),
        }
        url = f"{served.url}/hooks/road" + (f"?{query}" if query else "")
        return requests.post(url, data=body, headers=headers, timeout=10)

    try:
        yield post
    finally:
        served.stop()
        kept.close()


def test_a_call_is_answered_with_twiml_and_kept(hub: Plug) -> None:
    """The proxy calls another URL than the console's; what is signed for the proxy's own is refused."""
    made = hub(
        TwilioVoice(
            voice_settings(dial=("+390299999999",), webhook_url=CONSOLE, reconcile_minutes=0), clock=FakeClock()
        )
    )
    body = form(CallSid="CA1", From=ANNA, To=OURS, Direction="inbound", CallStatus="ringing")
    with door(made) as post:
        answer = post(body, CONSOLE)
        refused = [post(body, f"{CONSOLE}/other"), post(body, CONSOLE, key=b"another token")]
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert b'<Dial action="https://shop.example/twilio/road"' in answer.content
    assert [one.status_code for one in refused] == [401, 401]
    made.settle()
    assert [row["key"] for row in made.rows(interactions)] == ["CA1"]


def test_a_message_is_answered_with_nothing_and_a_status_keeps_its_query(hub: Plug) -> None:
    """Where the daemon knows its public URL, the console's is that with the connection's name."""
    made = hub(TwilioSms(sms_settings(webhook_url=None, reconcile_minutes=0), connection="road", clock=FakeClock()))
    console = "https://shop.example/hooks/road"
    with door(made, public_url="https://shop.example") as post:
        answer = post(form(MessageSid="SM1", From=ANNA, To=OURS, Body="Ciao è tardi?", SmsStatus="received"), console)
        post(form(MessageSid="SM2", MessageStatus="sent", To=ANNA), f"{console}?crocevia=01J")
    assert (answer.status_code, answer.content.split(b"\n")[1]) == (200, b"<Response/>")
    headers = [json.loads(row["headers"]) for row in made.rows(journal)]
    assert headers == [{":query": ""}, {":query": "crocevia=01J"}], "no signature, and what was handed back"
    made.settle()
    assert [row["text"] for row in made.rows(interactions)] == ["Ciao è tardi?"]
