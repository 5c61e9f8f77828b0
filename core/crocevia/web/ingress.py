"""Webhooks at `/hooks/<connection>`: verified over the raw bytes, committed to the journal, then acknowledged.

A bare ASGI application: a framework's routing would halve what one process takes in. Nothing about the content is
judged here; what is odd inside a verified body is quarantined by intake, after the 200.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import structlog

from crocevia.errors import SignatureError, StoreError
from crocevia.signatures import Request
from crocevia.store.journal import GroupCommit
from crocevia.sync.world import World
from crocevia.web import reply as replies
from crocevia.web.door import Door
from crocevia.web.pressure import Pressure
from crocevia.web.reply import Reply, reply

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Kept: TypeAlias = "asyncio.Future[StoreError | None]"

PREFIX = "/hooks/"
MOST_BODY_BYTES = 1 << 20
MOST_HELD_BYTES = 64 << 20
"""Of all bodies that are being read or committed: what a flood can make the process hold."""
DRAINED_BYTES = 8 << 20
"""So much of a body that is too large is read and thrown away, so that its sender reads the 413 and not a reset."""
REPEAT_S = 60.0
"""One cause of refusals is logged once in so long per connection; the metrics count each."""

_NO_KEYS: Mapping[str, bytes] = {}
_NONE: Mapping[str, str] = {}
_log = structlog.get_logger("crocevia.web")


class Ingress:
    """The ASGI application under `/hooks/`, for one event loop.

    Args:
        world: Whose connections.
        journal: Commits raws, those of many requests at once.
        public_url: What vendors see before `/hooks/...`, without a slash at its end; None: as the Host header says.
        pressure: What stands in the way of taking more in; None: nobody looks.

    Attributes:
        counts: `{(connection, status): requests answered so}`; those for an unknown connection under `""`.
        failure: Why the journal failed and when (the clock's monotonic seconds); None after a success.
    """

    def __init__(
        self, world: World, journal: GroupCommit, public_url: str | None = None, pressure: Pressure | None = None
    ) -> None:
        self.pressure = pressure
        self.counts: dict[tuple[str, int], int] = {}
        self.failure: tuple[float, str] | None = None
        self._world = world
        self._journal = journal
        self._public_url = public_url
        self._doors: dict[str, Door] = {}
        self._settled: deque[tuple[Kept, StoreError | None]] = deque()
        self._waking = False
        self._held_bytes = 0
        self._said_at_s: dict[tuple[str, str], float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        name = scope["path"][len(PREFIX) :]
        door = self._doors.get(name) or self._open(name)
        if door is None:
            name, said = "", replies.UNKNOWN
        else:
            taken = await self._take(door, scope, receive)
            if taken is None:
                return  # the client went away: there is nobody to answer
            said = taken
        counted = (name, said.status)
        self.counts[counted] = self.counts.get(counted, 0) + 1
        await send(said.start)
        await send(said.body)

    def _open(self, name: str) -> Door | None:
        live = self._world.lives.get(name)
        if live is None:
            return None
        beside = [(other, self._world.lives.get(other)) for other in live.options.webhooks_for]
        others = [Door.to(other, found.connector) for other, found in beside if found is not None]
        door = Door.to(name, live.connector, tuple([other for other in others if other is not None]))
        if door is not None:
            self._doors[name] = door
        return door

    async def _take(self, door: Door, scope: Scope, receive: Receive) -> Reply | None:
        """Read, verify, commit: the answer, or None when the client went away."""
        if scope["method"] not in ("POST", "GET"):
            return replies.NOT_ALLOWED
        headers = headers_of(scope)
        if headers.get("content-encoding", "identity") != "identity":
            return replies.ENCODED
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > MOST_BODY_BYTES:
            if "expect" not in headers:  # who asked first is told before sending anything
                await drain(receive)
            return replies.TOO_LARGE
        message = await receive()
        if message["type"] != "http.request":
            return None
        body: bytes | Reply | None = message.get("body", b"")
        if message.get("more_body") or len(message["body"]) > MOST_BODY_BYTES:
            body = await self._rest(message, receive)
        if not isinstance(body, bytes):
            return body
        request = Request(
            method=scope["method"],
            url=self._url(scope, headers),
            headers=headers,
            query=query_of(scope["query_string"]) if scope["query_string"] else _NONE,
            body=body,
        )
        now = self._world.clock.now()
        return self._judge(door, request, now) or await self._keep(door, request, now)

    async def _rest(self, message: MutableMapping[str, Any], receive: Receive) -> bytes | Reply | None:
        """The whole body, of which `message` is the first part; a refusal, or None when the client went away."""
        chunks: list[bytes] = []
        size = 0
        try:
            while message["type"] == "http.request":
                chunk: bytes = message.get("body", b"")
                more = message.get("more_body", False)
                size += len(chunk)
                self._held_bytes += len(chunk)
                if size > MOST_BODY_BYTES:
                    if more:
                        await drain(receive)
                    return replies.TOO_LARGE
                if self._held_bytes > MOST_HELD_BYTES:
                    return replies.BUSY
                if not more:
                    return b"".join((*chunks, chunk)) if chunks else chunk
                chunks.append(chunk)
                message = await receive()
            return None
        finally:
            self._held_bytes -= size

    def _judge(self, door: Door, request: Request, now: datetime) -> Reply | None:
        """Answer a handshake, refuse what is not the vendor's; None: it is, and is to be kept."""
        try:
            if door.challenge is not None and (said := door.challenge(request)) is not None:
                return reply(200, said.encode("utf-8", "replace"))
            if request.method != "POST":
                return replies.NO_HANDSHAKE
            door.verify(request, now, _NO_KEYS)
        except SignatureError as error:
            self._say("webhook refused", door.name, str(error))
            return replies.UNSIGNED
        except Exception as error:  # noqa: BLE001 - a stranger's request found a connector's bug: it stays unverified
            self._say("verification failed", door.name, type(error).__name__)
            return replies.UNSIGNED
        return None

    async def _keep(self, door: Door, request: Request, now: datetime) -> Reply:
        """Acknowledge what is on disk; ask for the rest again."""
        size = len(request.body)
        for each in (door, *door.others):  # taken for all of them, or asked to come again for all
            if self.pressure is not None and (why := self.pressure.refusal(each.name)) is not None:
                self._say("webhooks refused", each.name, why)
                return replies.BUSY
        if self._held_bytes + size > MOST_HELD_BYTES:
            self._say("webhooks refused", door.name, "too many bodies wait")
            return replies.BUSY
        raw, *copies = door.raws(request, now)
        kept: Kept = asyncio.get_running_loop().create_future()
        self._held_bytes += size
        try:
            if not self._journal.submit(raw, partial(self._settle, kept), *copies):
                self._say("webhooks refused", door.name, "the journal takes no more")
                return replies.BUSY
            failure = await kept
        finally:
            self._held_bytes -= size
        if failure is not None:
            self.failure = (self._world.clock.monotonic_s(), str(failure))
            self._say("webhook not kept", door.name, str(failure))
            return replies.NOT_KEPT
        self.failure = None
        return door.acknowledgement(request)

    # --- from the journal's thread to the loop ----------------------------------------------------------------------

    def _settle(self, kept: Kept, failure: StoreError | None) -> None:
        """Hand a result over, in the journal's thread; the loop is woken once for all results of a commit."""
        self._settled.append((kept, failure))
        if self._waking:
            return
        self._waking = True
        try:
            kept.get_loop().call_soon_threadsafe(self._wake)
        except RuntimeError:  # the loop is closed: its clients are gone, and what was kept is kept
            self._waking = False

    def _wake(self) -> None:
        self._waking = False  # before looking, so that what comes while looking wakes again
        while self._settled:
            kept, failure = self._settled.popleft()
            if not kept.done():
                kept.set_result(failure)

    # --- details ----------------------------------------------------------------------------------------------------

    def _url(self, scope: Scope, headers: Mapping[str, str]) -> str:
        """The URL that the vendor called, which some sign."""
        base = self._public_url
        if base is None:
            base = f"{scope.get('scheme', 'http')}://{headers.get('host', '')}"
        path = scope["raw_path"].decode("latin-1")
        query = scope["query_string"]
        return f"{base}{path}?{query.decode('latin-1')}" if query else f"{base}{path}"

    def _say(self, what: str, connection: str, reason: str) -> None:
        """Log a refusal, unless the same was logged a moment ago: anybody can make any number of them."""
        now = self._world.clock.monotonic_s()
        key = (what, connection)
        if now - self._said_at_s.get(key, -REPEAT_S) >= REPEAT_S:
            self._said_at_s[key] = now
            _log.warning(what, connection=connection, reason=reason)


def headers_of(scope: Scope) -> dict[str, str]:
    """Names in lower case; what was sent twice is joined by a comma."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def query_of(query: bytes) -> dict[str, str]:
    """The first value of each parameter."""
    return dict(reversed(parse_qsl(query.decode("latin-1"), keep_blank_values=True)))


async def drain(receive: Receive) -> None:
    """Read on without keeping, for a while."""
    read = 0
    while read < DRAINED_BYTES:
        message = await receive()
        read += len(message.get("body", b""))
        if not message.get("more_body"):
            return
