"""Load from a process of its own: kept-alive connections, each with one request under way."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

CONNECTIONS = 32
_PATIENCE_S = 60


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """The bytes of one request."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode() + body


class _Client(asyncio.Protocol):
    """One connection: asks again as soon as it is answered, until there is nothing left to ask."""

    def __init__(self, requests: Iterator[bytes], statuses: list[bytes]) -> None:
        self._requests = requests
        self._statuses = statuses
        self._answer = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, rest = self._answer.partition(b"\r\n\r\n")
        if not found:
            return
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if len(rest) >= int(length or 0):
            self._statuses.append(head[9:12])
            self._answer = b""
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _ask(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
        else:
            self._transport.write(request)


async def _run(port: int, requests: Sequence[bytes]) -> tuple[float, list[bytes]]:
    loop = asyncio.get_running_loop()
    statuses: list[bytes] = []
    waiting = iter(requests)
    started = time.perf_counter()
    clients = [
        (await loop.create_connection(lambda: _Client(waiting, statuses), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    await asyncio.wait_for(asyncio.gather(*(client.done for client in clients)), _PATIENCE_S)
    return time.perf_counter() - started, statuses


def _work(there: Connection, port: int, requests: Sequence[bytes]) -> None:
    there.send(asyncio.run(_run(port, requests)))


def rate(port: int, requests: Sequence[bytes]) -> float:
    """Answers a second; every one of them must be 200.

    Raises:
        RuntimeError: something else was answered, or nothing.
    """
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_work, args=(there, port, requests), daemon=True)
    process.start()
    there.close()
    seconds: float
    statuses: list[bytes]
    try:
        seconds, statuses = here.recv()
    finally:
        process.join(_PATIENCE_S)
    good = statuses.count(b"200")
    if good != len(requests):
        msg = f"{good} of {len(requests)} webhooks were accepted"
        raise RuntimeError(msg)
    return good / seconds
