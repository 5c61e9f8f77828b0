"""The vendor over HTTP: a bare ASGI application."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from crocevia_meta.simulator import admin_calls, graph_calls
from crocevia_meta.simulator.graph_calls import Call, Reply, reply
from crocevia_meta.simulator.refusals import Refusal
from crocevia_meta.simulator.vendor import Vendor

_LARGEST_BODY = 16 * 1024 * 1024
_LOG = logging.getLogger(__name__)
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class App:
    """Serves one vendor."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        body = bytearray()
        more = True
        while more and len(body) <= _LARGEST_BODY:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        url = f"http://{headers.get('host', '')}"
        if len(body) > _LARGEST_BODY:
            made = reply(Refusal(100, "The body is too large").body(), 413)
        else:
            made = self._answer(Call(scope["method"], scope["path"], headers, bytes(body), url))
        fields = [(b"content-type", made.type.encode()), (b"content-length", str(len(made.body)).encode())]
        await send({"type": "http.response.start", "status": made.status, "headers": fields})
        await send({"type": "http.response.body", "body": made.body})

    def _answer(self, call: Call) -> Reply:
        try:
            if call.path.startswith("/admin/"):
                return admin_calls.answer(self._vendor, call)
            if call.path.startswith("/media/"):
                return graph_calls.content(self._vendor, call, call.path.removeprefix("/media/"))
            return graph_calls.answer(self._vendor, call)
        except Refusal as refusal:
            return reply(refusal.body(), refusal.status)
        except Exception:  # noqa: BLE001 - a server answers 500 and goes on; the log has the trace
            _LOG.exception("the simulated vendor failed on %s %s", call.method, call.path)
            return reply({"error": {"message": "An unknown error occurred", "type": "OAuthException", "code": 1}}, 500)
