"""What every answer but a webhook's carries, and who may see the pages."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from crocevia.web.ingress import Receive, Scope, Send
from crocevia.web.reply import reply

OPEN = ("/healthz", "/readyz", "/metrics")
"""Without personal data: for whoever reaches the server. Everything else is for this machine alone."""
_HEADERS = [
    (b"content-security-policy", b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
_NAMES = {name for name, _ in _HEADERS}
_FORWARDED = {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via"}
_ELSEWHERE = reply(
    403, b"The pages show personal data and are for this machine alone: open them here, or through `ssh -L`.\n"
)


class Guard:
    """ASGI around the framework: pages for this machine alone, and headers against what browsers would allow."""

    def __init__(self, app: Callable[[Any, Any, Any], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        if scope["path"] not in OPEN and not is_local(scope):
            await send(_ELSEWHERE.start)
            await send(_ELSEWHERE.body)
            return

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in _NAMES]
                message = {**message, "headers": [*kept, *_HEADERS]}
            await send(message)

        await self._app(scope, receive, guarded)


def is_local(scope: Scope) -> bool:
    """Whether a browser on this machine asks, under a name of this machine.

    The Host header is looked at because another site's name may be made to point here (DNS rebinding), and the
    marks of a proxy because what it forwards comes from elsewhere.
    """
    client = scope.get("client")
    headers = dict(scope["headers"])
    if client is None or not _is_loopback(client[0]) or _FORWARDED & headers.keys():
        return False
    host = headers.get(b"host", b"").decode("latin-1").lower()
    name = host[: host.index("]") + 1].strip("[]") if host.startswith("[") and "]" in host else host.partition(":")[0]
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
