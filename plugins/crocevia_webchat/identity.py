"""Who a visitor is, as the site's own server has signed it: a JWT, HS256 with the connection's secret.

Claims are those of OpenID Connect (Core 1.0, section 5.1): `sub`, `iat` and `exp` are needed; `name`, `email`,
`email_verified`, `phone_number`, `phone_number_verified` may be there, the phone also as `phone`, `phone_verified`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import jwt
from attrs import asdict, frozen

from crocevia import Secret
from crocevia.errors import SignatureError

LONGEST_S = 86_400
"""A stolen identity is worth something until it expires: one that lives for longer than a day is refused."""
MOST_TEXT = 8192
_MOST_SUBJECT = 255
"""Characters. Source: OpenID Connect Core 1.0, section 2, `sub`."""
_OPTIONS: Any = {
    "require": ["sub", "iat", "exp"],
    "verify_exp": False,  # looked at below, by the clock that everything else goes by
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


@frozen(kw_only=True)
class Identity:
    """One person, as the site's server knows him. A contact point is verified only where the server says so."""

    subject: str
    name: str | None = None
    email: str | None = None
    email_verified: bool = False
    phone: str | None = None
    phone_verified: bool = False

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Identity:
        """From what was kept of it. Raises KeyError or TypeError where that is none."""
        texts: dict[str, Any] = {name: told.get(name) for name in ("name", "email", "phone")}
        if not all(isinstance(value, str | None) for value in (told["subject"], *texts.values())):
            raise TypeError("an identity is of texts")
        flags: dict[str, Any] = {name: told.get(name) is True for name in ("email_verified", "phone_verified")}
        return cls(subject=told["subject"], **texts, **flags)

    @property
    def digest(self) -> str:
        """Changes when anything of it does."""
        told = json.dumps(asdict(self), sort_keys=True)
        return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def proven(text: str, secrets: tuple[Secret, ...], site: str, now: datetime, skew_s: float) -> Identity:
    """Who a signed identity says somebody is.

    Raises:
        SignatureError: it is not signed with a secret, of another time or site, or lives too long.
    """
    claims = _claims(text, secrets)
    _check_times(claims, now.timestamp(), skew_s)
    audience = claims.get("aud", site)
    if site not in (audience if isinstance(audience, list) else [audience]):
        raise SignatureError("the identity is meant for another site (aud)")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= _MOST_SUBJECT:
        raise SignatureError(f"the identity's sub is no text of 1 to {_MOST_SUBJECT} characters")
    phone = "phone_number" if "phone_number" in claims else "phone"
    return Identity(
        subject=subject,
        name=_text(claims, "name"),
        email=_text(claims, "email"),
        email_verified=claims.get("email_verified") is True,
        phone=_text(claims, phone),
        phone_verified=claims.get(f"{phone}_verified") is True,
    )


def _claims(text: str, secrets: tuple[Secret, ...]) -> Mapping[str, Any]:
    if len(text) > MOST_TEXT:
        raise SignatureError("the identity is too long")
    for secret in secrets:
        try:
            found: Mapping[str, Any] = jwt.decode(text, secret.reveal(), algorithms=["HS256"], options=_OPTIONS)
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise SignatureError(f"the identity is no JWT as it should be ({type(error).__name__})") from None
        return found
    raise SignatureError("the identity is not signed with the connection's secret")


def _check_times(claims: Mapping[str, Any], now_s: float, skew_s: float) -> None:
    issued_s, expires_s = (_seconds(claims, name) for name in ("iat", "exp"))
    if issued_s > now_s + skew_s or ("nbf" in claims and _seconds(claims, "nbf") > now_s + skew_s):
        raise SignatureError("the identity is of the future: compare the site's clock with ours")
    if expires_s <= now_s - skew_s:
        raise SignatureError("the identity has expired: the site's server is to sign a new one")
    if expires_s - issued_s > LONGEST_S:
        raise SignatureError(f"the identity lives for longer than {LONGEST_S} seconds")


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise SignatureError(f"the identity's {name} is no number of seconds")
    return value


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value.strip()[:320] or None if isinstance(value, str) else None


def points(identity: Identity) -> Iterator[tuple[str, str, bool]]:
    """`(kind, value, verified)` of each address."""
    if identity.email:
        yield "email", identity.email, identity.email_verified
    if identity.phone:
        yield "phone", identity.phone, identity.phone_verified
