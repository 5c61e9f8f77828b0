"""The company's own channels at `/chat/<connection>/...`: browsers and apps of its customers call them.

Bare ASGI beside the webhooks: what a visitor posts takes the same way to the disk before its 200, and what he reads is
the log. Nothing is known of any kind of channel here; its connector says what is to be done about a call.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from attrs import evolve, frozen

from crocevia.connector import ServesVisitors
from crocevia.errors import MalformedError, SignatureError, StoreError
from crocevia.model import Raw, Visit, VisitorReads, VisitorReply, VisitorSaid, from_us
from crocevia.signatures import Request
from crocevia.store import conversations
from crocevia.store.conversations import Line, Mark
from crocevia.store.journal import GroupCommit
from crocevia.sync.world import World
from crocevia.web import caller
from crocevia.web.ingress import Receive, Scope, Send, drain, headers_of, query_of
from crocevia.web.pressure import Pressure
from crocevia.web.reply import RETRY_AFTER_S
from crocevia.web.throttle import Throttle
from crocevia.web.waiting import Marks, Waiting

PREFIX = "/chat/"
MOST_BODY_BYTES = 64 << 10
"""Room for a text of some thousand characters however its JSON spells them."""
LONGEST_WAIT_S = 25.0
"""Shorter than what proxies allow an answer by default (nginx and others: 60 s)."""
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_log = structlog.get_logger("crocevia.web")


@frozen
class _Channel:
    name: str
    kind: str
    connector: ServesVisitors
    origins: frozenset[str]


class Visitors:
    """The ASGI application under `/chat/`, for one event loop.

    Args:
        world: Whose connections.
        journal: Commits raws, those of many requests at once.
        pressure: What stands in the way of taking more in; None: nobody looks.

    Attributes:
        counts: `{(connection, status): requests answered so}`; those for an unknown connection under `""`.
        waiting: Who waits for news.
    """

    def __init__(self, world: World, journal: GroupCommit, pressure: Pressure | None = None) -> None:
        self.counts: dict[tuple[str, int], int] = {}
        self.waiting = Waiting(self._marks)
        self._world = world
        self._journal = journal
        self._pressure = pressure
        self._channels: dict[str, _Channel] = {}
        self._by_address = Throttle(burst=120, per_minute=600)  # a whole office may sit behind one
        self._by_visitor = Throttle(burst=30, per_minute=120)
        self._writers = Throttle(burst=20, per_minute=30)
        self._loop: asyncio.AbstractEventLoop | None = None

    def close(self) -> None:
        """Let those go who wait; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.waiting.close)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self._loop = asyncio.get_running_loop()
        name, _, path = scope["path"][len(PREFIX) :].partition("/")
        channel = self._channel(name)
        headers = headers_of(scope)
        if channel is None:
            name, said = "", _error(404, "there is no connection of this name that people may call")
        else:
            taken = await self._origin(channel, path, scope, headers, receive)
            if taken is None:
                return  # the client went away: there is nobody to answer
            said = taken
        counted = (name, said.status)
        self.counts[counted] = self.counts.get(counted, 0) + 1
        await _send(send, said)

    def _channel(self, name: str) -> _Channel | None:
        found = self._channels.get(name)
        live = self._world.lives.get(name)
        if found is None and live is not None and isinstance(live.connector, ServesVisitors):
            origins = frozenset(live.connector.origins())
            found = self._channels[name] = _Channel(name, live.kind, live.connector, origins)
        return found

    async def _origin(
        self, channel: _Channel, path: str, scope: Scope, headers: Mapping[str, str], receive: Receive
    ) -> VisitorReply | None:
        """Look whose page calls: another's browser is told no before anything is read."""
        origin = headers.get("origin")
        if origin is not None and origin not in channel.origins:
            return _error(403, "pages of this origin may not call; the connection's setting `origins` names who may")
        if scope["method"] == "OPTIONS":
            return VisitorReply(status=204, headers=caller.preflight(origin) if origin else caller.cross_origin(None))
        if scope["method"] not in ("GET", "POST"):
            said: VisitorReply | None = _error(405, "GET or POST")
        else:
            said = await self._call(channel, path, scope, headers, receive)
        return said and evolve(said, headers={**caller.cross_origin(origin), **said.headers})

    async def _call(
        self, channel: _Channel, path: str, scope: Scope, headers: Mapping[str, str], receive: Receive
    ) -> VisitorReply | None:
        """Read the request, ask the connector what is to be done, and do it; None when the client went away."""
        waits = self._by_address.wait_s(caller.address(scope, headers), self._world.clock.monotonic_s())
        if waits:
            return _too_many(waits)
        body = await _body(receive, headers)
        if not isinstance(body, bytes):
            return body
        request = Request(
            method=scope["method"],
            url=scope["path"],
            headers=headers,
            query=query_of(scope["query_string"]) if scope["query_string"] else {},
            body=body,
        )
        visit = self._asked(channel, request, path)
        if isinstance(visit, VisitorSaid):
            return await self._keep(channel, visit)
        return await self._show(channel, visit, receive) if isinstance(visit, VisitorReads) else visit

    def _asked(self, channel: _Channel, request: Request, path: str) -> Visit:
        """What the connector says is to be done about it."""
        try:
            visit = channel.connector.serve(request, path, self._world.clock.now())
        except SignatureError as error:
            return _error(401, str(error))
        except MalformedError as error:
            return _error(400, str(error))
        except Exception as error:  # noqa: BLE001 - a stranger's request found a connector's bug: nothing of it is done
            _log.error("a visitor's call failed", connection=channel.name, error=type(error).__name__)
            return _error(400, "this call cannot be answered")
        return visit or _error(404, "there is nothing here that is called so")

    # --- what is said -----------------------------------------------------------------------------------------------

    async def _keep(self, channel: _Channel, visit: VisitorSaid) -> VisitorReply:
        """Acknowledge what is on disk; ask for the rest again."""
        if waits := self._writers.wait_s(f"{channel.name}/{visit.visitor}", self._world.clock.monotonic_s()):
            return _too_many(waits)
        if self._pressure is not None and self._pressure.refusal(channel.name) is not None:
            return _BUSY
        if visit.about and not await self._is_theirs(channel, visit):
            return _error(404, "there are no such lines to be read here")
        raw = Raw(connection=channel.name, kind=channel.kind, body=visit.body, received_at=self._world.clock.now())
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[StoreError | None] = loop.create_future()
        if not self._journal.submit(raw, partial(_hand_over, loop, kept)):
            return _BUSY
        failure = await kept
        if failure is not None:
            _log.warning("a visitor's words were not kept", connection=channel.name, reason=str(failure))
            return _BUSY
        return visit.reply

    async def _is_theirs(self, channel: _Channel, visit: VisitorSaid) -> bool:
        try:
            _, shown = await self._read(channel, visit.conversations)
        except StoreError:
            return False
        return set(visit.about) <= {line.key for line in shown if line.ours}

    # --- what is shown ----------------------------------------------------------------------------------------------

    async def _show(self, channel: _Channel, visit: VisitorReads, receive: Receive) -> VisitorReply | None:
        """The lines that are new to him; where there are none, wait for some as long as he wants to."""
        if waits := self._by_visitor.wait_s(f"{channel.name}/{visit.visitor}", self._world.clock.monotonic_s()):
            return _too_many(waits)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + min(visit.wait_s, LONGEST_WAIT_S)
        gone = asyncio.ensure_future(_gone(receive))
        try:
            while True:
                try:
                    marks, shown = await self._read(channel, visit.conversations)
                except StoreError as error:
                    _log.warning("a conversation could not be read", connection=channel.name, reason=str(error))
                    return _BUSY
                new = conversations.since(shown, visit.after)
                left_s = until_s - loop.time()
                if new or left_s <= 0 or self.waiting.full:
                    told = [_told(line) for line in new]
                    return VisitorReply.json({**visit.also, "lines": told, "cursor": conversations.cursor(shown)})
                await self.waiting.news(visit.conversations, marks, left_s, gone)
                if gone.done():
                    return None
        finally:
            gone.cancel()

    async def _read(self, channel: _Channel, mine: tuple[str, ...]) -> tuple[Marks, Sequence[Line]]:
        """Conversations and their marks, as of one moment; in another thread."""

        def read() -> tuple[Marks, Sequence[Line]]:
            names = self._world.lives
            with self._world.store.reading() as connection:
                found = conversations.marks(connection, names, mine)
                shown = conversations.lines(connection, names, channel.name, mine)
            return tuple([found.get(one) for one in mine]), shown

        return await asyncio.get_running_loop().run_in_executor(None, read)

    def _marks(self, wanted: Collection[str]) -> Mapping[str, Mark]:
        with self._world.store.reading() as connection:
            return conversations.marks(connection, self._world.lives, wanted)


# --- details --------------------------------------------------------------------------------------------------------


def _told(line: Line) -> dict[str, Any]:
    """A line as its customer gets it; who of the company wrote it is not told."""
    told: dict[str, Any] = {
        "id": line.uid,
        "key": line.key,
        "from": "company" if line.ours else "visitor",
        "at": from_us(line.at).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "text": line.text,
    }
    if line.subject:
        told["subject"] = line.subject
    if line.buttons:
        told["buttons"] = [{"title": title, "id": id_} for title, id_ in line.buttons]
    marked = {"removed": line.removed, "edited": line.edited_at > 0, "automated": line.automated}
    return told | {name: True for name, holds in marked.items() if holds}


def _hand_over(
    loop: asyncio.AbstractEventLoop, kept: asyncio.Future[StoreError | None], failure: StoreError | None
) -> None:
    """Hand a commit's result over, from the journal's thread."""

    def settle() -> None:
        if not kept.done():
            kept.set_result(failure)

    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:  # the loop is closed: its clients are gone, and what was kept is kept
        return


async def _body(receive: Receive, headers: Mapping[str, str]) -> bytes | VisitorReply | None:
    """The whole body; a refusal, or None when the client went away."""
    if headers.get("content-encoding", "identity") != "identity":
        return _error(415, "send the body as it is, without a content coding")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MOST_BODY_BYTES:
            if message.get("more_body"):
                await drain(receive)
            return _error(413, f"at most {MOST_BODY_BYTES >> 10} KiB", connection="close")
        if not message.get("more_body"):
            return b"".join(chunks)


async def _gone(receive: Receive) -> None:
    """Return when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, said: VisitorReply) -> None:
    named = {**_HEADERS, "content-length": str(len(said.body))}
    if said.status == 204:
        del named["content-length"]
    if said.body:
        named["content-type"] = said.content_type
    lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in {**named, **said.headers}.items()]
    await send({"type": "http.response.start", "status": said.status, "headers": lines})
    await send({"type": "http.response.body", "body": said.body})


def _error(status: int, error: str, **headers: str) -> VisitorReply:
    said = VisitorReply.json({"error": error}, status)
    return evolve(said, headers={name.replace("_", "-"): value for name, value in headers.items()})


def _too_many(waits_s: float) -> VisitorReply:
    return _error(429, "too many calls at once: wait a little", retry_after=str(math.ceil(waits_s)))


_BUSY = _error(503, "it could not be done now: try again", retry_after=str(RETRY_AFTER_S))
