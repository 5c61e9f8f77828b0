"""A TCP proxy that fails on purpose: every road between two programs of a run goes through one of these.

It knows nothing of what it carries but where an answer begins, so that it can break any protocol that asks and answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from attrs import define, field

Address = tuple[str, int] | str
"""Host and port, or the path of a Unix socket."""
Trick = Literal["forget", "truncate", "refuse 429", "refuse 503"]
"""What befalls single exchanges: the request is delivered and its answer swallowed; the answer breaks off; the request
is not delivered and the edge answers."""
State = Literal["open", "cut", "stalled", "black hole"]
"""What befalls a whole road: connections are reset and new ones refused; bytes wait; bytes vanish until it opens again,
and then their connections are reset."""

_CHUNK = 65_536
_KEPT_OF_ANSWER = 60
"""Bytes of a truncated answer that pass: within its headers or soon after them."""
_EDGE = {
    "refuse 429": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "refuse 503": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}


@define(eq=False)
class Road:
    """One listening port and who is behind it. Methods may be called from any thread.

    Attributes:
        port: On 127.0.0.1.
        upstreams: Asked in turn; who does not answer is passed over.
        hits: How often each state or trick has befallen a connection or an exchange.
    """

    name: str
    upstreams: list[Address]
    port: int = 0
    hits: Counter[str] = field(factory=Counter)
    _state: State = "open"
    _delay_s: float = 0.0
    _tricks: list[Trick] = field(factory=list)
    _loop: asyncio.AbstractEventLoop | None = None
    _changed: asyncio.Event = field(factory=asyncio.Event)
    _open: set[asyncio.StreamWriter] = field(factory=set)
    _server: asyncio.Server | None = None
    _turn: int = 0

    @property
    def url(self) -> str:
        """For programs that speak HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def set(self, state: State) -> None:
        """Let the whole road be so from now on."""
        self._call(lambda: self._set(state))

    def slow(self, delay_s: float) -> None:
        """Let each chunk of bytes take so long; 0: none."""
        self._call(lambda: setattr(self, "_delay_s", delay_s))

    def play(self, trick: Trick, times: int = 1) -> None:
        """Let the next exchanges go so, as many."""
        self._call(lambda: self._tricks.extend([trick] * times))

    def mend(self) -> None:
        """Everything is well again."""
        self._call(self._mend)

    def _call(self, what: Callable[[], None]) -> None:
        assert self._loop is not None
        done = threading.Event()

        def run() -> None:
            what()
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(10), f"the proxy of {self.name} does not move"

    # --- in the loop's thread -----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen."""
        self._loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop listening and reset what is open."""
        if self._server is not None:
            self._server.close()
        self._reset()

    def _set(self, state: State) -> None:
        if state == "cut" or (self._state == "black hole" and state != "black hole"):
            self._reset()
        self._state = state
        self._changed.set()
        self._changed = asyncio.Event()

    def _mend(self) -> None:
        self._tricks.clear()
        self._delay_s = 0.0
        self._set("open")

    def _reset(self) -> None:
        for writer in list(self._open):
            self.hits[self._state] += self._state == "black hole"
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        behind: asyncio.StreamWriter | None = None
        try:
            if self._state == "cut":
                self.hits["cut"] += 1
                return
            there = await self._connect()
            if there is None:
                return
            answers, behind = there
            self._open.add(behind)
            exchange = _Exchange()
            await asyncio.gather(self._up(reader, behind, writer, exchange), self._down(answers, writer, exchange))
        except (OSError, _Broken):
            pass
        finally:
            for one in (writer, behind):
                if one is not None:
                    self._open.discard(one)
                    one.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        self._turn += 1
        for place in range(len(self.upstreams)):
            address = self.upstreams[(self._turn + place) % len(self.upstreams)]
            with contextlib.suppress(OSError):
                if isinstance(address, str):
                    return await asyncio.open_unix_connection(address)
                return await asyncio.open_connection(*address)
        return None

    async def _up(
        self,
        reader: asyncio.StreamReader,
        behind: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
        exchange: _Exchange,
    ) -> None:
        while data := await reader.read(_CHUNK):
            await self._passage()
            if exchange.answered:  # the first bytes after an answer: another request
                exchange.answered, exchange.trick = False, self._tricks.pop(0) if self._tricks else None
                if exchange.trick in _EDGE:
                    self.hits[exchange.trick] += 1
                    writer.write(_EDGE[exchange.trick])
                    await writer.drain()
                    raise _Broken
            behind.write(data)
            await behind.drain()
        if behind.can_write_eof():
            behind.write_eof()

    async def _down(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter, exchange: _Exchange) -> None:
        while data := await answers.read(_CHUNK):
            exchange.answered = True
            if exchange.trick is not None:
                self.hits[exchange.trick] += 1
                if exchange.trick == "truncate":
                    writer.write(data[: min(_KEPT_OF_ANSWER, len(data) // 2)])
                    await writer.drain()
                    await asyncio.sleep(0.01)  # an abort throws away what the system has not sent yet
                raise _Broken
            await self._passage()
            writer.write(data)
            await writer.drain()
        raise _Broken  # who was asked has hung up

    async def _passage(self) -> None:
        """Wait as long as bytes wait here."""
        if self._delay_s:
            self.hits["slow"] += 1
            await asyncio.sleep(self._delay_s)
        waited = False
        while self._state in ("stalled", "black hole"):
            if not waited and self._state == "stalled":
                self.hits["stalled"] += 1
            waited = True
            await self._changed.wait()
        if self._state == "cut":
            self.hits["cut"] += 1
            raise _Broken


@define
class _Exchange:
    """Where one connection stands: an answer is over when the next request begins."""

    answered: bool = True
    trick: Trick | None = None


class _Broken(Exception):  # noqa: N818 - the road is, and that is no error of ours
    """This connection ends now."""


@contextmanager
def roads(ways: Sequence[Road]) -> Iterator[None]:
    """Open roads for the length of a block, in a thread of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="roads", daemon=True)
    thread.start()
    try:
        for road in ways:
            asyncio.run_coroutine_threadsafe(road.start(), loop).result(10)
        yield
    finally:
        asyncio.run_coroutine_threadsafe(_close(ways), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _close(ways: Sequence[Road]) -> None:
    for road in ways:
        road.close()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
