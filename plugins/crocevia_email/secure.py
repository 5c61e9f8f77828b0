"""How servers are reached: TLS with verified certificates, and credentials."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from attrs import define, field

from crocevia import Http, Secret
from crocevia.errors import AuthError, OutcomeUnknownError
from crocevia_email.settings import Settings

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
_EARLY = timedelta(minutes=2)

logging.getLogger("imapclient").setLevel(logging.WARNING)  # what it logs at DEBUG is what customers write


def context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer, with host names and certificates verified."""
    made = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


@define
class Tokens:
    """Access tokens of OAuth 2.0, fetched by the refresh token and kept until shortly before they end.

    Source: RFC 6749, 6; what Google and Microsoft take by SASL XOAUTH2 (their mail protocol pages, 2026-08).
    """

    settings: Settings
    http: Http
    now: Callable[[], datetime]
    _token: Secret | None = field(default=None, init=False)
    _until: datetime | None = field(default=None, init=False)

    def token(self) -> str | None:
        """An access token; None where the settings have a password.

        Raises:
            AuthError: the provider gives none.
        """
        settings = self.settings
        if settings.refresh_token is None or settings.token_url is None:
            return None
        if self._token is not None and self._until is not None and self.now() < self._until:
            return self._token.reveal()
        form = {
            "grant_type": "refresh_token",
            "client_id": settings.client_id or "",
            "refresh_token": settings.refresh_token.reveal(),
        }
        if settings.client_secret is not None:
            form["client_secret"] = settings.client_secret.reveal()
        answer = self.http.request("POST", settings.token_url, data=form, idempotent=True)
        if 400 <= answer.status < 500 and answer.status != 429:
            raise AuthError(f"{self.http.connection}: the provider gives no access token; authorise anew")
        if not answer.ok:
            raise self.http.refusal(answer)
        given = answer.json()
        token = given.get("access_token") if isinstance(given, dict) else None
        if not isinstance(token, str) or not token:
            raise OutcomeUnknownError(f"{self.http.connection}: {answer.url} answered without an access token")
        lasts = given.get("expires_in")
        lasts_s = lasts if isinstance(lasts, int) and lasts > 0 else 600
        self._token, self._until = Secret(token), self.now() + timedelta(seconds=lasts_s) - _EARLY
        return token
