"""How vendors sign webhooks: each check raises SignatureError and nothing else, whatever the request holds.

The core calls a connector's `verify` over the raw bytes and answers 401 when it raises.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Literal

from attrs import field, frozen

from crocevia.errors import SignatureError
from crocevia.secret import Secret


@frozen(kw_only=True)
class Request:
    """A webhook request as it arrived.

    Attributes:
        method: `"POST"` or `"GET"`.
        url: The public URL that the vendor called, with the query (some vendors sign it).
        headers: Lower-case names; for a header sent twice, the values joined by a comma.
        query: Decoded parameters; a name given twice keeps its first value.
        body: The bytes, untouched.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(factory=dict)
    body: bytes = b""


def hmac_digest(
    request: Request,
    *,
    header: str,
    secret: Secret,
    prefix: str = "",
    algorithm: Literal["sha1", "sha256"] = "sha256",
) -> None:
    """Check a hex HMAC of the body in `header`, after `prefix` (`"sha256="`), in constant time.

    Raises:
        SignatureError: the header is missing, malformed or does not match; or no secret is set.
    """
    if not secret:
        msg = "no secret is set to check it with"
        raise SignatureError(msg)
    given = request.headers.get(header.lower())
    if given is None:
        msg = f"the {header} header is missing"
        raise SignatureError(msg)
    # Not `hmac.digest`: it gives the interpreter's lock away, which the event loop gets back only after a while.
    expected = prefix + hmac.new(secret.reveal().encode(), request.body, algorithm).hexdigest()
    if not hmac.compare_digest(_bytes(given), expected.encode()):
        msg = f"the {header} header does not match the body"
        raise SignatureError(msg)


def hmac_sha256(request: Request, *, header: str, secret: Secret, prefix: str = "") -> None:
    """Check a hex HMAC-SHA256 of the body; see `hmac_digest`."""
    hmac_digest(request, header=header, secret=secret, prefix=prefix)


def token(request: Request, *, header: str, secret: Secret) -> None:
    """Check that `header` equals the shared secret, in constant time (Telegram, Freshdesk, Odoo).

    Raises:
        SignatureError: the header is missing or wrong.
    """
    if not same_text(request.headers.get(header.lower()), secret):
        msg = f"the {header} header is missing or wrong"
        raise SignatureError(msg)


def same_text(given: str | None, secret: Secret) -> bool:
    """Whether a query parameter or field equals the secret, in constant time; None never does, nor an empty secret."""
    return given is not None and bool(secret) and hmac.compare_digest(_bytes(given), _bytes(secret.reveal()))


def _bytes(text: str) -> bytes:
    """Whatever a header or parameter may hold, also what is no character."""
    return text.encode("utf-8", "surrogatepass")
