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
MOST_BEFORE = 5
"""So many conversations from before he signed in are shown with his own."""
KNOWN_LIFE = timedelta(hours=12)
"""Of the token of somebody who was identified: then, or at any new session, his identity is asked for again."""

_OPTIONS: Any = {"verify_exp": False, "verify_sub": False}  # looked at by the clock that everything else goes by


@frozen(kw_only=True)
class Visitor:
    """A browser or app.

    Attributes:
        id: Names his conversation too. Not to be guessed while he is anonymous; then of the site's id of him.
        subject: Whom the site has proven it to be; None: nobody yet.
        told: Digest of the identity that was kept last; None: none, or he was somebody else besides since then.
        was: Ids that he had at this browser before he signed in, newest last: those lines are his as well.
    """

    id: str
    subject: str | None = None
    told: str | None = None
    was: tuple[str, ...] = ()

    @property
    def conversations(self) -> tuple[str, ...]:
        """All that he may read."""
        return (self.id, *self.was)


def begin(visitor: Visitor | None, known: Visitor | None, identity: Identity | None, site: str) -> Visitor:
    """Who somebody is who opens a session with what he had before, and with whom he proves to be now.

    Who signs in is the same visitor on each of his devices, and keeps what he wrote before at this one. Who signs out,
    or signs in as somebody else at the same browser, is another visitor, who reads nothing of that.

    Args:
        visitor: Whose token the browser has.
        known: Whose token it had when somebody was signed in last.
    """
    if identity is None:
        return visitor if visitor is not None and visitor.subject is None else Visitor(id=f"v{secrets.token_hex(16)}")
    named = f"{site}|{identity.subject}".encode("utf-8", "surrogatepass")
    found = Visitor(id=f"u{hashlib.blake2b(named, digest_size=16).hexdigest()}", subject=identity.subject)
    for before in (known, visitor):
        if before is not None and before.subject == identity.subject:
            found = before
    if visitor is not None and visitor.subject is None and visitor.id not in found.was:
        found = evolve(found, was=(*found.was, visitor.id)[-MOST_BEFORE:], told=None)
    return found


def derive(secret: Secret, purpose: str, site: str) -> bytes:
    """A key for one purpose: what is signed for one is worth nothing for another, nor at another site."""
    return hmac.new(secret.reveal().encode(), f"crocevia webchat {purpose}|{site}".encode(), hashlib.sha256).digest()


def life(visitor: Visitor) -> timedelta:
    """How long his token holds."""
    return ANONYMOUS_LIFE if visitor.subject is None else KNOWN_LIFE


def issue(visitor: Visitor, secret: Secret, site: str, now: datetime) -> str:
    """A token that proves who he is."""
    claims: dict[str, Any] = {"vid": visitor.id, "exp": int((now + life(visitor)).timestamp())}
    if visitor.subject is not None:
        claims |= {"sub": visitor.subject, "told": visitor.told, "was": visitor.was}
    return jwt.encode(claims, derive(secret, "visitor", site), algorithm="HS256")


def read(token: str, keys: tuple[Secret, ...], site: str, now: datetime, grace: timedelta = timedelta(0)) -> Visitor:
    """Whose token it is.

    Args:
        grace: So long after its end it is still taken: where an identity proves the same besides.

    Raises:
        SignatureError: it is not ours, or has expired: open a session.
    """
    for secret in keys if len(token) <= MOST_TEXT else ():
        try:
            claims = jwt.decode(token, derive(secret, "visitor", site), algorithms=["HS256"], options=_OPTIONS)
        except (jwt.PyJWTError, ValueError, RecursionError):
            continue
        if claims["exp"] <= (now - grace).timestamp():
            raise SignatureError("the visitor's token has expired: open a session")
        return Visitor(
            id=claims["vid"], subject=claims.get("sub"), told=claims.get("told"), was=tuple(claims.get("was", ()))
        )
    raise SignatureError("the visitor's token is missing or wrong: open a session")
