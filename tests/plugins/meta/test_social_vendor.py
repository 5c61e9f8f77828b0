"""The simulated page and account: strict towards the business, stubborn towards its webhook."""

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from crocevia import Secret
from crocevia_meta.simulator.social import RunningSocial, SocialSettings, running_social
from crocevia_meta.simulator.social.__main__ import main
from tests.plugins.meta.conftest import Listener

PAGE = "1065000000000001"


@pytest.fixture
def social(listener: Listener) -> Iterator[RunningSocial]:
    """A page and an account that deliver to the listener, everything twice."""
    settings = SocialSettings(
        app_secret=Secret("app secret"),
        access_token=Secret("token"),
        webhook=listener.url,
        redelivery_rate=1.0,
        backoff_s=0.02,
    )
    with running_social(settings) as running:
        yield running


def asked(social: RunningSocial, body: Any, path: str = f"{PAGE}/messages", bearer: str = "token") -> dict[str, Any]:
    """What a call is answered."""
    headers = {"Authorization": f"Bearer {bearer}"}
    found: dict[str, Any] = requests.post(f"{social.url}/v23.0/{path}", json=body, headers=headers, timeout=10).json()
    return found


def test_what_happens_is_told_signed_until_it_is_taken_and_once_more(social: RunningSocial, listener: Listener) -> None:
    """A comment and a message of one page, an Instagram message beside: each at least twice, none lost."""
    listener.answers = [503, 500]
    social.people.message("Anna", "Ciao")
    social.people.comment("Anna", "Bella")
    social.people.direct("anna", "Ciao")
    assert social.people.wait_idle()
    told: Counter[str] = Counter()
    for headers, body in listener.taken:
        digest = hmac.new(b"app secret", body, hashlib.sha256).hexdigest()
        assert headers["x-hub-signature-256"] == f"sha256={digest}"
        told.update(
            f"{json.loads(body)['object']} {branch}"
            for entry in json.loads(body)["entry"]
            for branch in entry
            if branch not in ("id", "time")
        )
    assert told == {"page messaging": 2, "page changes": 2, "instagram messaging": 2}
    assert len(listener.refused) == 2


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, None),
        ({"messaging_type": "UPDATE"}, 100),
        ({"tag": "HUMAN_AGENT"}, 100),
        ({"extra": 1}, 100),
        ({"recipient": {"id": "7"}}, 100),
        ({"recipient": {"comment_id": "7"}}, 100),
        ({"message": {}}, 100),
        ({"message": {"text": "x" * 2001}}, 100),
        ({"message": {"text": "x", "attachment": {"type": "image", "payload": {"url": "u"}}}}, 100),
        ({"message": {"attachment": {"type": "hologram", "payload": {"url": "u"}}}}, 100),
        (
            {"message": {"text": "x", "quick_replies": [{"content_type": "text", "title": "y", "payload": "z"}] * 14}},
            100,
        ),
        (
            {"message": {"text": "x", "quick_replies": [{"content_type": "text", "title": "y" * 21, "payload": "z"}]}},
            100,
        ),
    ],
)
def test_what_meta_does_not_document_is_refused(
    social: RunningSocial, changed: dict[str, Any], code: int | None
) -> None:
    """Keys, lengths and numbers; what is right is taken."""
    social.people.message("Anna", "Ciao")
    body = {
        "recipient": {"id": social.people.person("page", "Anna")},
        "messaging_type": "RESPONSE",
        "message": {"text": "Sì"},
        **changed,
    }
    assert asked(social, body).get("error", {}).get("code") == code
    assert len(social.people.said()) == (code is None)


def test_what_is_not_there_or_not_allowed_is_refused(social: RunningSocial) -> None:
    """A wrong token, another page, a comment of nobody's, an admin call that there is none of."""
    assert asked(social, {}, bearer="expired")["error"]["code"] == 190
    assert asked(social, {}, "7/messages")["error"]["error_subcode"] == 33
    assert asked(social, {"message": "x"}, "7_8/comments")["error"]["error_subcode"] == 33
    comment = social.people.comment_on_instagram("Anna", "Bella")
    assert asked(social, {"message": "x"}, f"{comment}/comments")["error"]["code"] == 100
    assert "id" in asked(social, {"message": "x"}, f"{comment}/replies")
    with pytest.raises(requests.HTTPError):
        social.people.edit("7_8", "x")


def test_it_runs_as_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It says where it is, and stops by itself; without secrets it does not start."""
    assert main(["--longest-s", "0"]) == 2
    assert "META_APP_SECRET and META_ACCESS_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("META_APP_SECRET", "s")
    monkeypatch.setenv("META_ACCESS_TOKEN", "t")
    assert main(["--longest-s", "0"]) == 0
    assert capsys.readouterr().out.startswith("http://127.0.0.1:")
