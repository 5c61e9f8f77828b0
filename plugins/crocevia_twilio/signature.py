"""How Twilio signs a webhook: `X-Twilio-Signature`, over the URL that it called and the form it sent.

Base64 of HMAC-SHA1, keyed by the account's auth token, over the whole URL followed by every parameter's name and value,
by name; of a parameter sent several times each different value counts once, in order. A body that is no form is told
by its SHA-256 in the URL (`bodySHA256`), which alone is signed then. Some of Twilio's products put the standard port
into what they sign, some leave a port out. Source: https://www.twilio.com/docs/usage/security (2026-03) and
twilio-python's `request_validator.py` at 306691e793f4.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from crocevia import Request, Secret
from crocevia.errors import SignatureError
from crocevia_twilio.form import pairs

HEADER = "X-Twilio-Signature"
BODY_HASH = "bodySHA256"
_STANDARD_PORTS = {"https": 443, "http": 80}


def verify(request: Request, tokens: Iterable[Secret], webhook_url: str | None = None) -> None:
    """Check that one of the account's tokens signed the request.

    Args:
        request: As it arrived.
        tokens: The auth token, and the next one while it is changed.
        webhook_url: What Twilio calls, where the request does not show it; None: the request's own URL.

    Raises:
        SignatureError: none of them did, or the body is not the one that was signed.
    """
    given = request.headers.get(HEADER.lower())
    if given is None:
        msg = f"the {HEADER} header is missing"
        raise SignatureError(msg)
    body = request.body
    if (told := request.query.get(BODY_HASH)) is not None:
        actual = hashlib.sha256(body).hexdigest()
        if not hmac.compare_digest(_bytes(told.lower()), actual.encode()):
            msg = f"the body is not the one whose {BODY_HASH} is in the URL"
            raise SignatureError(msg)
        body = b""
    parameters, keys = _parameters(body), [token.reveal().encode() for token in tokens if token]
    for url in spellings(_called(request.url, webhook_url)):
        signed = _bytes(url) + parameters
        if any(hmac.compare_digest(_bytes(given), signature(key, signed)) for key in keys):
            return
    msg = f"the {HEADER} header does not match: is the auth token the account's, and `webhook_url` what Twilio calls?"
    raise SignatureError(msg)


def signature(key: bytes, signed: bytes) -> bytes:
    """The header's value for what was signed."""
    return b64encode(hmac.new(key, signed, hashlib.sha1).digest())


def _parameters(body: bytes) -> bytes:
    values: defaultdict[bytes, set[bytes]] = defaultdict(set)
    for name, value in pairs(body):
        values[name].add(value)
    return b"".join(name + value for name in sorted(values) for value in sorted(values[name]))


def _called(url: str, webhook_url: str | None) -> str:
    """The URL that Twilio called: the one in its console, with the query that came."""
    if webhook_url is None:
        return url
    query = urlsplit(url).query
    return f"{webhook_url.partition('?')[0]}?{query}" if query else webhook_url


def spellings(url: str) -> list[str]:
    """The URL as it is, with the standard port, and without any."""
    parts = urlsplit(url)
    standard = _STANDARD_PORTS.get(parts.scheme)
    bare = _host(parts)
    found = [url, parts._replace(netloc=bare).geturl()]
    if standard is not None and parts.netloc == bare:
        found.append(parts._replace(netloc=f"{bare}:{standard}").geturl())
    return list(dict.fromkeys(found))


def _host(parts: SplitResult) -> str:
    """The network location without its port; an IPv6 address keeps its brackets."""
    host, colon, port = parts.netloc.rpartition(":")
    return host if colon and port.isdigit() else parts.netloc


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
