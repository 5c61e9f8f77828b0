"""The server's side: bytes in, bytes out, and the faults that concern the connection."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from typing import Any

from crocevia_salesforce.simulator import dispatch
from crocevia_salesforce.simulator.api import (
    admin,
    auth,
    bulk,
    bulk1,
    collections,
    composite,
    pages,
    query,
    search,
    soap,
    sobjects,
    versions,
)
from crocevia_salesforce.simulator.errors import refuse
from crocevia_salesforce.simulator.http import Answer, Call, error_answer
from crocevia_salesforce.simulator.org import Org

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

SURFACE = (admin, auth, bulk, bulk1, collections, composite, pages, query, search, soap, sobjects, versions)
"""Importing these fills the routers of ``api``."""
TRANSPORT = "crocevia.transport"
MAX_BODY = 150 * 1024 * 1024
"""Bytes of an upload. Source: Bulk API 2.0 guide, "Upload Job Data", v60.0 (150 MB after base64)."""
_HTML = "text/html;charset=UTF-8"
_IDLE_SECONDS = 0.05
_GZIP_FROM = 2_048
"""Bytes from which an answer is compressed for a client that takes it."""
_LOGIN_HOSTS = frozenset({"login", "test"})
_MY_DOMAIN = "simulated.my.salesforce.com"
_EDGE = {
    "unavailable": Answer(
        503,
        b"<html><body>Our system is temporarily unavailable for maintenance</body></html>",
        {},
        _HTML,
    ),
    "server_error": Answer(500, b"", {}, _HTML),
    "not_acceptable": Answer(406, b"<html><body>Not Acceptable</body></html>", {}, _HTML),
    "enhance_calm": Answer(420, b"<html><body>Enhance Your Calm</body></html>", {}, _HTML),
}


class HeaderName(bytes):
    """A header's name as the org writes it: ``Content-Type``. Uvicorn would write it small, and some clients look."""

    __slots__ = ()

    def lower(self) -> HeaderName:
        """Return the name as it is."""
        return self

    def __eq__(self, other: object) -> bool:
        """Compare without case, for the server's own look at what it sends."""
        return isinstance(other, bytes) and bytes(self).lower() == bytes(other).lower()

    def __hash__(self) -> int:
        """Agree with ``__eq__``."""
        return hash(bytes(self).lower())


class Application:
    """The ASGI application of one org."""

    def __init__(self, org: Org, public_url: str | None = None) -> None:
        self.org = org
        self.public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request, or the server's start and stop."""
        if scope["type"] == "lifespan":
            working = asyncio.create_task(self._work())
            await _lifespan(receive, send)
            working.cancel()
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _work(self) -> None:
        """Work off Bulk jobs, a chunk at a time, between the requests."""
        while True:
            worked = self.org.jobs.step() or self.org.batches.step()
            await asyncio.sleep(0 if worked else _IDLE_SECONDS)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if body is None:
            return
        call = self._call(scope, body)
        transport = scope.get("extensions", {}).get(TRANSPORT)
        if "drop_before" in call.faults and transport:
            transport.abort()
            return
        if "slow" in call.faults:
            await asyncio.sleep(call.faults["slow"].seconds)
        outcome, sent = self._answer(call)
        await self._send(call, outcome, sent, send, transport)

    def _answer(self, call: Call) -> tuple[dispatch.Outcome, str]:
        edge = next((answer for kind, answer in _EDGE.items() if kind in call.faults), None)
        with self.org.lock:
            if edge:
                outcome, sent = dispatch.Outcome(edge, write=call.method != "GET", counted=False), "replaced"
            elif len(call.body) > MAX_BODY:
                answer = error_answer(refuse(413, "REQUEST_ENTITY_TOO_LARGE", "The request is too large"))
                outcome, sent = dispatch.Outcome(answer, write=True, counted=False), "whole"
            else:
                outcome = dispatch.respond(self.org, call)
                sent = (
                    "dropped"
                    if "commit_then_drop" in call.faults
                    else "truncated"
                    if "truncate" in call.faults
                    else "whole"
                )
            dispatch.record(self.org, call, outcome, sent)
        return outcome, sent

    def _call(self, scope: Scope, body: bytes) -> Call:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        target = scope["raw_path"].decode("latin-1")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        path, params = dispatch.split(target)
        if headers.get("content-encoding") in {"gzip", "deflate"}:
            body = _inflate(body, headers["content-encoding"])
        host = headers.get("host", "localhost")
        if host.split(".")[0] in _LOGIN_HOSTS:
            host = _MY_DOMAIN  # a token that was had at the common door is good at the org's own
        base = self.public_url or f"{scope['scheme']}://{host}"
        method = scope["method"]
        with self.org.lock:
            faults = {} if path.startswith("/_simulator") else self.org.faults.of_request(method, path)
        return Call(method, path, "", params, headers, body, base, None, faults)

    async def _send(self, call: Call, outcome: dispatch.Outcome, sent: str, send: Send, transport: Any) -> None:
        if sent == "dropped" and transport:
            transport.abort()
            return
        answer = outcome.answer
        payload = answer.payload()
        headers = {
            "Date": formatdate(usegmt=True),
            "Content-Length": str(len(payload)),
            "Cache-Control": "no-cache,must-revalidate,max-age=0,no-store,private",
            **answer.headers,
        }
        if answer.body is not None:
            headers["Content-Type"] = answer.content_type
        if len(payload) >= _GZIP_FROM and "gzip" in call.headers.get("accept-encoding", ""):
            payload = gzip.compress(payload, 1)
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding", "Content-Length": str(len(payload))}
        if outcome.counted and "no_limit_header" not in call.faults and sent != "replaced":
            with self.org.lock:
                headers["Sforce-Limit-Info"] = self.org.usage.header(stale="stale_limit_header" in call.faults)
        raw = [(HeaderName(name.encode("latin-1")), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        if sent == "truncated" and transport:
            await send({"type": "http.response.body", "body": payload[: len(payload) // 2], "more_body": True})
            transport.close()
            return
        await send({"type": "http.response.body", "body": b"" if call.method == "HEAD" else payload})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _read(receive: Receive) -> bytes | None:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _inflate(body: bytes, encoding: str) -> bytes:
    try:
        return gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body)
    except (OSError, EOFError, zlib.error):
        return body  # what cannot be unpacked cannot be read either: the parser will say so
