"""``/services/oauth2``: tokens by password, client credentials, JWT assertion and refresh; who the user is."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import jwt

from crocevia_salesforce.simulator.api import root
from crocevia_salesforce.simulator.errors import refuse
from crocevia_salesforce.simulator.http import Answer, Call
from crocevia_salesforce.simulator.org import Org

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")


class _OAuthError(Exception):
    """A token request that is refused; the two words of its answer."""


def _form(call: Call) -> dict[str, str]:
    found = dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
    scheme, _, basic = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(basic + "==").decode("utf-8", "replace").partition(":")
        except ValueError:  # no base64: no client is named, which the flow will say
            pair = ("", "", "")
        found = {"client_id": unquote(pair[0]), "client_secret": unquote(pair[2]), **found}
    return {**call.params, **found}


@root.add("POST", "/services/oauth2/token", is_open=True)
def token(org: Org, call: Call) -> Answer:
    """Give an access token."""
    form = _form(call)
    grants = {
        "password": _password,
        "client_credentials": _client_credentials,
        "refresh_token": _refresh,
        JWT_GRANT: _assertion,
    }
    try:
        user, more = grants.get(form.get("grant_type", ""), _unsupported)(org, call, form)
    except _OAuthError as error:
        return Answer(400, {"error": error.args[0], "error_description": error.args[1]}, {"Cache-Control": "no-store"})
    return Answer(200, _token_body(org, call, user, more), {"Cache-Control": "no-store"})


def _token_body(org: Org, call: Call, user: str, more: dict[str, str]) -> dict[str, Any]:
    """Return a token reply; recorded ones have no ``expires_in``."""
    issued_at = str(int(org.clock.now().timestamp() * 1000))
    identity = identity_url(org, call, user)
    mac = hmac.digest(org.options.client_secret.encode(), (identity + issued_at).encode(), hashlib.sha256)
    return {
        "access_token": org.sessions.open(user),
        "signature": base64.b64encode(mac).decode(),
        "scope": "api refresh_token",
        "instance_url": call.base_url,
        "id": identity,
        "token_type": "Bearer",
        "issued_at": issued_at,
        **more,
    }


def identity_url(org: Org, call: Call, user: str) -> str:
    """Return a user's identity URL: at the common door, or here for a client that does not know Salesforce's hosts."""
    host = urlsplit(call.base_url).hostname or ""
    base = "https://login.salesforce.com" if host.endswith(".salesforce.com") else call.base_url
    return f"{base}/id/{org.org_id}/{user}"


def _unsupported(org: Org, call: Call, form: dict[str, str]) -> tuple[str, dict[str, str]]:
    del org, call, form
    raise _OAuthError("unsupported_grant_type", "grant type not supported")


def _check_client(org: Org, form: dict[str, str], *, secret: bool) -> None:
    if form.get("client_id") != org.options.client_id:
        raise _OAuthError("invalid_client_id", "client identifier invalid")
    if secret and form.get("client_secret") != org.options.client_secret:
        raise _OAuthError("invalid_client", "invalid client credentials")


def _password(org: Org, call: Call, form: dict[str, str]) -> tuple[str, dict[str, str]]:
    del call
    _check_client(org, form, secret=True)
    good = {org.options.password, org.options.password + org.options.security_token}
    if form.get("username") != org.options.username or form.get("password") not in good:
        raise _OAuthError("invalid_grant", "authentication failure")
    return org.integration_user, {"refresh_token": org.sessions.refresh_token(org.integration_user)}


def _client_credentials(org: Org, call: Call, form: dict[str, str]) -> tuple[str, dict[str, str]]:
    host = call.headers.get("host", "")
    if host.startswith(("login.salesforce.com", "test.salesforce.com")):
        raise _OAuthError("invalid_grant", "request not supported on this domain")
    _check_client(org, form, secret=True)
    return org.integration_user, {}


def _refresh(org: Org, call: Call, form: dict[str, str]) -> tuple[str, dict[str, str]]:
    del call
    _check_client(org, form, secret="client_secret" in form)
    user = org.sessions.redeem(form.get("refresh_token", ""))
    if user is None:
        raise _OAuthError("invalid_grant", "expired access/refresh token")
    return user, {"refresh_token": org.sessions.refresh_token(user)}


def _assertion(org: Org, call: Call, form: dict[str, str]) -> tuple[str, dict[str, str]]:
    if org.options.public_key is None:
        raise _OAuthError("invalid_grant", "user hasn't approved this consumer")
    try:
        claims = jwt.decode(
            form.get("assertion", ""),
            _key(org.options.public_key),
            algorithms=["RS256"],
            options={
                "verify_aud": False,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "require": ["iss", "sub", "aud", "exp"],
            },
        )
    except (jwt.PyJWTError, ValueError) as error:
        raise _OAuthError("invalid_grant", "invalid assertion") from error
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if not {str(audience).rstrip("/") for audience in audiences} & {
        *_AUDIENCES,
        call.base_url,
        f"https://{call.headers.get('host')}",
    }:
        raise _OAuthError("invalid_grant", "audience is invalid")
    if claims["iss"] != org.options.client_id:
        raise _OAuthError("invalid_client_id", "client identifier invalid")
    if claims["sub"] != org.options.username:
        raise _OAuthError("invalid_grant", "user hasn't approved this consumer")
    if _seconds(claims["exp"]) <= org.clock.now().timestamp():
        raise _OAuthError("invalid_grant", "expired authorization code")
    return org.integration_user, {}


def _seconds(claim: Any) -> float:
    """Return a claim's seconds since 1970, also from text, as simple-salesforce sends them; 0 for what is no time."""
    try:
        return float(claim)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _key(pem: str) -> Any:
    """Return the public key of a PEM certificate or key."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415  # only with JWT
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415  # only with JWT

    data = pem.encode()
    return load_pem_x509_certificate(data).public_key() if b"CERTIFICATE" in data else load_pem_public_key(data)


@root.add("POST", "/services/oauth2/revoke", is_open=True)
def revoke(org: Org, call: Call) -> Answer:
    """End a token."""
    given = _form(call).get("token")
    if not given:
        return Answer(400, {"error": "invalid_request", "error_description": "missing token"})
    org.sessions.end(given)
    return Answer(200)


@root.add("POST", "/services/oauth2/introspect", is_open=True)
def introspect(org: Org, call: Call) -> Answer:
    """Say whether a token is good, to the connected app that it was given to."""
    form = _form(call)
    try:
        _check_client(org, form, secret=True)
    except _OAuthError as error:
        return Answer(401, {"error": "invalid_client", "error_description": error.args[1]})
    found = org.sessions.life_of(form.get("token", ""))
    if found is None:
        return Answer(body={"active": False})
    kind, user, ends = found
    return Answer(
        body={
            "active": True,
            "scope": "api refresh_token",
            "client_id": org.options.client_id,
            "username": org.options.username,
            "sub": identity_url(org, call, user),
            "token_type": f"{kind}_token",
            "exp": int(ends),
        },
    )


@root.add("GET", "/services/oauth2/userinfo")
@root.add("POST", "/services/oauth2/userinfo")
def userinfo(org: Org, call: Call) -> Answer:
    """Say whose session it is."""
    user = call.actor.user_id if call.actor else ""
    sobject = org.schema.get("User")
    row = (org.database.row(sobject, user) if sobject else None) or {}
    base = call.base_url
    return Answer(
        body={
            "sub": identity_url(org, call, user),
            "user_id": user,
            "organization_id": org.org_id,
            "preferred_username": row.get("Username"),
            "nickname": row.get("FirstName"),
            "name": row.get("Name"),
            "email": row.get("Email"),
            "email_verified": True,
            "given_name": row.get("FirstName"),
            "family_name": row.get("LastName"),
            "zoneinfo": "GMT",
            "urls": {
                "rest": f"{base}/services/data/v{{version}}/",
                "sobjects": f"{base}/services/data/v{{version}}/sobjects/",
                "query": f"{base}/services/data/v{{version}}/query/",
            },
            "active": True,
            "user_type": "STANDARD",
            "language": "en_US",
            "locale": "en_US",
            "utcOffset": 0,
        },
    )


@root.add("GET", "/id/{org_id}/{user_id}")
def identity(org: Org, call: Call, org_id: str, user_id: str) -> Answer:
    """Identity URL of a token reply."""
    if org_id != org.org_id or call.actor is None or user_id != call.actor.user_id:
        raise refuse(403, "FORBIDDEN", "Wrong_Org" if org_id != org.org_id else "Bad_Id")
    told: dict[str, Any] = userinfo(org, call).body
    return Answer(
        body={
            "id": told["sub"],
            "asserted_user": True,
            "user_id": user_id,
            "organization_id": org_id,
            "username": told["preferred_username"],
            "nick_name": told["nickname"],
            "display_name": told["name"],
            "email": told["email"],
            "email_verified": True,
            "first_name": told["given_name"],
            "last_name": told["family_name"],
            "timezone": "GMT",
            "urls": told["urls"],
            **{key: told[key] for key in ("active", "user_type", "language", "locale", "utcOffset")},
        },
    )
