"""Tokens: four ways to get one, and one refresh for all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from attrs import frozen

from crocevia import Answer, Http, Secret
from crocevia.errors import AuthError, RemoteError, RetryableError, ThrottledError
from crocevia_salesforce.settings import Settings
from crocevia_salesforce.vault import Vault

_JWT_LIFE = timedelta(minutes=3)
_NEXT_STEP: dict[str, str] = {
    "invalid_client_id": "client_id is not that of an app of this org",
    "invalid_client": "client_secret is wrong, or the app does not allow this login",
    "redirect_uri_mismatch": "the refresh token was granted for another app",
    "app_not_found": "the org has no app with this client_id; an external client app wants audience = its My Domain",
    "invalid_app_access": "allow the integration user in the app's policies (permission set or profile)",
    "invalid_grant": "the app, user, key or token is not accepted: look at the app's policies, the user's login "
    "history and the certificate",
    "inactive_user": "the integration user is inactive",
    "inactive_org": "the org is inactive",
    "unsupported_grant_type": "switch the flow on in the app's OAuth settings",
    "invalid_scope": "give the app the scopes api and refresh_token",
}
"""Source: Salesforce Help, "OAuth 2.0 Authorization Errors", read 2026-10; `app_not_found`: simstudioai/sim PR 6508."""
_GRANT_STEP: dict[str, str] = {
    "approved": "in the app's policies choose 'Admin approved users are pre-authorized', and give the integration user "
    "the app's permission set or profile",
    "client credentials user": "choose the integration user as run-as user of the app's client credentials flow",
    "on this domain": "set instance_url to the org's My Domain",
    "audience": "set audience to the org's My Domain, or to https://login.salesforce.com for an older connected app",
    "invalid assertion": "private_key is not that of the certificate in the app",
    "authorization code": "the assertion had ended on its way: set this machine's clock",
    "refresh token": "it was used up or revoked: let the user authorise the app anew and set the new refresh_token, "
    "with token_file where the app rotates them",
    "ip restricted": "relax the login IP ranges of the app and of the user's profile for this machine",
    "inactive": "the integration user or the org is inactive",
}
"""`invalid_grant` means many things; its description tells which. Source: as above."""


@frozen
class Token:
    """An access token and the instance it is good for."""

    access: Secret
    instance_url: str


class Tokens:
    """Holds the current token. Threads that find it expired together cause one login; processes too, with a vault.

    Attributes:
        rotates: Whether the app was seen to give a new refresh token with each use.

    Args:
        settings: Which login, and its secrets.
        http: Calls of the connection.
        now: The wall clock, for the JWT's expiry and the age of kept tokens.
    """

    def __init__(self, settings: Settings, http: Http, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._http = http
        self._now = now
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._refresh_token = settings.refresh_token
        self._vault = _vault(settings, http.connection)
        self._unkept = False
        self.rotates = False

    def current(self) -> Token:
        """The token in use; the first call logs in. Raises what `renew` raises."""
        return self._token or self.renew(None)

    def renew(self, stale: Token | None) -> Token:
        """A token other than `stale`: that of another thread that was quicker, or of a new login.

        Raises:
            AuthError: the org refuses; the message says what to mend.
            RetryableError, ThrottledError: the org could not answer now.
        """
        with self._lock:
            if self._token is None or self._token is stale:
                self._token = self._log_in(first=stale is None)
            return self._token

    def _log_in(self, *, first: bool) -> Token:
        settings = self._settings
        if settings.login == "session id":
            if first and settings.session_id:
                return Token(settings.session_id, settings.instance_url)
            msg = f"{self._http.connection}: the session has ended and cannot be renewed: set another session_id"
            raise AuthError(msg, code="INVALID_SESSION_ID", status=401)
        if settings.login == "refresh token" and self._vault is not None:
            with self._vault.held():
                return self._refreshed(self._vault)
        return self._ask(self._form())

    def _refreshed(self, vault: Vault) -> Token:
        """The token of another process that was quicker, or a new one, kept before it is used."""
        kept = None if self._unkept else vault.read()
        if kept is not None:
            known = self._token.access.reveal() if self._token else None
            if kept.access != known and kept.is_fresh(self._now()):
                return Token(Secret(kept.access), kept.instance_url)
            self._refresh_token = Secret(kept.refresh)
        token = self._ask(self._form())
        self._unkept = True  # until it is: what the file holds is spent
        vault.keep(self._spendable(), token.access.reveal(), token.instance_url, self._now())
        self._unkept = False
        return token

    def _spendable(self) -> str:
        assert self._refresh_token is not None  # noqa: S101 - Settings refuse this login without one
        return self._refresh_token.reveal()

    def _form(self) -> dict[str, str]:
        settings = self._settings
        form = {"client_id": settings.client_id or ""}
        if settings.login == "jwt bearer":
            return {
                "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "assertion": self._assertion(settings),
            }
        if settings.client_secret:
            form["client_secret"] = settings.client_secret.reveal()
        if settings.login == "client credentials":
            return {**form, "grant_type": "client_credentials"}
        return {**form, "grant_type": "refresh_token", "refresh_token": self._spendable()}

    def _assertion(self, settings: Settings) -> str:
        claims = {
            "iss": settings.client_id,
            "sub": settings.username,
            "aud": settings.audience or settings.instance_url,
            "exp": int((self._now() + _JWT_LIFE).timestamp()),
        }
        key = settings.private_key.reveal() if settings.private_key else ""
        try:
            return jwt.encode(claims, key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            msg = f"{self._http.connection}: private_key is not a PEM private RSA key ({type(error).__name__})"
            raise AuthError(msg) from error

    def _ask(self, form: dict[str, str]) -> Token:
        url = f"{self._settings.instance_url}/services/oauth2/token"
        answer = self._http.request("POST", url, data=form, headers={"Accept": "application/json"}, idempotent=True)
        body = _body(answer)
        if not answer.ok or "access_token" not in body:
            raise self._refusal(answer, body)
        if (rotated := body.get("refresh_token")) and self._settings.login == "refresh token":
            self.rotates = self.rotates or rotated != form["refresh_token"]
            self._refresh_token = Secret(rotated)
        return Token(
            Secret(body["access_token"]), (body.get("instance_url") or self._settings.instance_url).rstrip("/")
        )

    def _refusal(self, answer: Answer, body: dict[str, Any]) -> RemoteError:
        given = body.get("error")
        code = given if isinstance(given, str) else None  # a proxy's error may be an object
        said = f"{self._http.connection}: login by {self._settings.login} was refused with {answer.status}"
        if code is None and (answer.status >= 500 or answer.status in (406, 420) or answer.ok):
            return RetryableError(f"{said}: the org is in trouble", status=answer.status)
        detail = str(body.get("error_description", ""))
        if answer.status == 429 or "rate exceeded" in detail:
            return ThrottledError(
                f"{said}: too many logins", after=timedelta(minutes=1), code=code, status=answer.status
            )
        step = _NEXT_STEP.get(str(code), "look at the user's login history in the org")
        if code == "invalid_grant":
            step = next((told for words, told in _GRANT_STEP.items() if words in detail.lower()), step)
        return AuthError(f"{said} ({code}): {step}, then `crocevia check`", code=code, status=answer.status)


def _vault(settings: Settings, connection: str) -> Vault | None:
    if settings.token_file is None or settings.token_key is None or settings.refresh_token is None:
        return None
    return Vault(Path(settings.token_file).expanduser(), settings.token_key, connection, settings.refresh_token)


def _body(answer: Answer) -> dict[str, Any]:
    """The decoded answer; empty when the edge answered without JSON."""
    try:
        body = answer.json()
    except RemoteError:
        return {}
    return body if isinstance(body, dict) else {}
