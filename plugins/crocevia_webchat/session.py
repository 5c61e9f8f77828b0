"""Visitors: who calls is known by a signed token that the daemon gave him, and nothing is kept for it here."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any

import jwt
from attrs import evolve, frozen

from crocevia import Secret
from crocevia.errors import SignatureError
from crocevia_webchat.identity import MOST_TEXT, Identity

ANONYMOUS_LIFE = timedelta(days=180)
"""Of a token since the visitor was here last: each session renews it."""
KNOWN_LIFE = timedelta(hours=12)
"""Of the token of somebody who was identified: then, or at any new session, his identity is asked for again."""

_OPTIONS: Any = {"verify_exp": False, "verify_sub": False}  # looked at by the clock that everything else goes by


@frozen(kw_only=True)
class Visitor:
    """A browser or app.

    Attributes:
        id: Not to be guessed; it names the conversation too.
        subject: Whom the site has proven it to be; None: nobody yet. Then his lines are shown only to who proves that.
        told: Digest of the identity that was kept last.
    """

    id: str
    subject: str | None = None
    told: str | None = None


def begin(visitor: Visitor | None, identity: Identity | None, site: str) -> Visitor:
    """Who somebody is who opens a session with what he had before, and with whom he proves to be now.

    A visitor who signs in stays the visitor he was, so that his lines stay. Who signs out, or signs in as somebody
    else at the same browser, is another visitor. One who signs in with no token is the same on each of his devices.
    """
    if identity is None:
        return visitor if visitor is not None and visitor.subject is None else Visitor(id=f"v{secrets.token_hex(16)}")
    if visitor is not None and visitor.subject in (None, identity.subject):
        return evolve(visitor, subject=identity.subject)
    named = f"{site}|{identity.subject}".encode("utf-8", "surrogatepass")
    return Visitor(id=f"u{hashlib.blake2b(named, digest_size=16).hexdigest()}", subject=identity.subject)


def derive(secret: Secret, purpose: str, site: str) -> bytes:
    """A key for one purpose: what is signed for one is worth nothing for another, nor at another site."""
    return hmac.new(secret.reveal().encode(), f"crocevia webchat {purpose}|{site}".encode(), hashlib.sha256).digest()


def life(visitor: Visitor) -> timedelta:
    """How long his token holds."""
    return ANONYMOUS_LIFE if visitor.subject is None else KNOWN_LIFE


def issue(visitor: Visitor, secret: Secret, site: str, now: datetime) -> str:
    """A token that proves who he is."""
    claims = {"vid": visitor.id, "exp": int((now + life(visitor)).timestamp())}
    if visitor.subject is not None:
        claims |= {"sub": visitor.subject, "told": visitor.told}
    return jwt.encode(claims, derive(secret, "visitor", site), algorithm="HS256")


def read(token: str, keys: tuple[Secret, ...], site: str, now: datetime) -> Visitor:
    """Whose token it is.

    Raises:
        SignatureError: it is not ours, or has expired: open a session.
    """
    for secret in keys if len(token) <= MOST_TEXT else ():
        try:
            claims = jwt.decode(token, derive(secret, "visitor", site), algorithms=["HS256"], options=_OPTIONS)
        except (jwt.PyJWTError, ValueError, RecursionError):
            continue
        if claims["exp"] <= now.timestamp():
            raise SignatureError("the visitor's token has expired: open a session")
        return Visitor(id=claims["vid"], subject=claims.get("sub"), told=claims.get("told"))
    raise SignatureError("the visitor's token is missing or wrong: open a session")
