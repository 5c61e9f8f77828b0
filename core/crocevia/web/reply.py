"""Answers to webhooks, made ready once: the two messages of an ASGI response."""

from __future__ import annotations

from typing import Any

from attrs import frozen

TEXT = "text/plain; charset=utf-8"
RETRY_AFTER_S = 5


@frozen
class Reply:
    """One HTTP answer. `start` and `body` are ASGI messages; nobody changes them."""

    status: int
    start: dict[str, Any]
    body: dict[str, Any]


def reply(status: int, body: bytes, content_type: str = TEXT, **headers: str) -> Reply:
    """Make an answer; a header's name is given with underscores for hyphens.

    Raises:
        UnicodeEncodeError: a header is not Latin-1.
    """
    named = {"content-length": str(len(body))}
    if body:
        named |= {"content-type": content_type, "x-content-type-options": "nosniff"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
    return Reply(
        status,
        {"type": "http.response.start", "status": status, "headers": lines},
        {"type": "http.response.body", "body": body},
    )


UNSIGNED = reply(401, b"the signature or token is missing or wrong\n")
UNKNOWN = reply(404, b"there is no connection of this name that takes webhooks\n")
NOT_ALLOWED = reply(405, b"webhooks are posted\n", allow="GET, POST")
NO_HANDSHAKE = reply(405, b"this is no handshake that the connection knows; webhooks are posted\n", allow="POST")
TOO_LARGE = reply(413, b"at most 1 MiB\n", connection="close")
ENCODED = reply(415, b"send the body as it is, without a content coding\n", accept_encoding="identity")
BUSY = reply(503, b"too much at once, nothing is kept: send it again\n", retry_after=str(RETRY_AFTER_S))
NOT_KEPT = reply(503, b"it could not be kept: send it again\n", retry_after=str(RETRY_AFTER_S))
