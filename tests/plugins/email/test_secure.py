"""Access tokens of providers that take no passwords."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests

from crocevia import Http, Secret
from crocevia.errors import AuthError, OutcomeUnknownError, RetryableError
from crocevia.testing import FakeClock
from crocevia_email.secure import Tokens
from tests.plugins.email.conftest import NOW, make_settings

URL = "https://login.example.com/token"


class Provider(requests.Session):
    """Answers as told, and remembers what it was asked."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__()
        self.status, self.answer = status, answer
        self.asked: list[dict[str, list[str]]] = []

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Without a network."""
        self.asked.append(parse_qs(str(request.body)))
        response = requests.Response()
        response.status_code, response.url = self.status, request.url or ""
        response.raw = io.BytesIO(json.dumps(self.answer).encode())
        return response


@pytest.fixture
def tokens() -> Callable[[Provider, FakeClock], Tokens]:
    """Tokens of a mailbox at this provider."""

    def made(provider: Provider, clock: FakeClock) -> Tokens:
        settings = make_settings(
            password=None,
            token_url=URL,
            client_id="client",
            client_secret=Secret("client secret"),
            refresh_token=Secret("refresh token"),
        )
        return Tokens(settings, Http("mail", new_session=lambda: provider), clock.now)

    return made


def test_a_token_is_fetched_once_and_again_shortly_before_it_ends(
    tokens: Callable[[Provider, FakeClock], Tokens],
) -> None:
    """By the refresh token; it is never printed."""
    clock, provider = FakeClock(NOW), Provider(200, {"access_token": "first", "expires_in": 3600})
    found = tokens(provider, clock)
    assert [found.token(), found.token()] == ["first", "first"]
    assert provider.asked == [
        {
            "grant_type": ["refresh_token"],
            "client_id": ["client"],
            "client_secret": ["client secret"],
            "refresh_token": ["refresh token"],
        }
    ]
    provider.answer = {"access_token": "next one"}
    clock.advance(timedelta(minutes=59).total_seconds())
    assert found.token() == "next one"
    assert not any(secret in repr(found) for secret in ("next one", "refresh token"))


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (400, {"error": "invalid_grant"}, AuthError),
        (401, {}, AuthError),
        (503, {}, RetryableError),
        (200, {"error": "x"}, OutcomeUnknownError),
        (200, [], OutcomeUnknownError),
    ],
)
def test_a_provider_that_gives_none_is_a_decision(
    status: int, answer: Any, error: type[Exception], tokens: Callable[[Provider, FakeClock], Tokens]
) -> None:
    """Without a secret in it."""
    with pytest.raises(error) as raised:
        tokens(Provider(status, answer), FakeClock(NOW)).token()
    assert "refresh token" not in str(raised.value)
    assert "client secret" not in str(raised.value)


def test_with_a_password_there_is_no_token() -> None:
    """And nobody is asked for one."""
    assert Tokens(make_settings(), Http("mail"), FakeClock(NOW).now).token() is None
