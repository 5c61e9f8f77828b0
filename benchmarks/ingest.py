"""Durable webhooks a second through the whole way in, beside a bare ASGI handler that does the same to the disk.

Both are uvicorn in a process of its own, check an HMAC, write the same columns on SQLite (synchronous=FULL) in groups
of whatever queued during the last fsync, and answer 200 after it. The bare one has no limits, no routing, no patience
with slow clients, no metrics. 32 kept-alive connections from a third process; the two in turn.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import multiprocessing
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvicorn

from benchmarks import _load, _traffic
from crocevia.store.database import sqlite_module
from crocevia.store.journal import GroupCommit
from crocevia.web.app import build_app, serve

COUNT, ROUNDS = 8_000, 5
_MOST_AT_ONCE = 256
_PATH = f"/hooks/{_traffic.CHANNEL}"
_SCHEMA = """
PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;
CREATE TABLE journal (id INTEGER PRIMARY KEY, connection TEXT, source TEXT, stream TEXT, headers TEXT, body BLOB,
    received_at INTEGER, state INTEGER, leaves INTEGER);
CREATE INDEX journal_pending ON journal (connection, id) WHERE state = 0;
"""
_INSERT = "INSERT INTO journal VALUES (NULL, 'whatsapp', 'webhook', '', '{}', ?, ?, 0, NULL)"

Server = Callable[[Connection, str], None]


def crocevia_server(there: Connection, folder: str) -> None:
    """Crocevia's own; ends when the other end of the pipe is closed."""
    world = _traffic.world(Path(folder), "http://127.0.0.1:9")
    journal = GroupCommit(world.store, lambda _names: None)
    server = serve(build_app(world, journal))
    there.send(int(server.url.rpartition(":")[2]))
    _until_closed(there)
    server.stop()
    journal.close()
    world.store.close()


def bare_server(there: Connection, folder: str) -> None:
    """The least that keeps what it acknowledges."""
    config = uvicorn.Config(
        _Bare(f"{folder}/bare.db"),
        port=0,
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        backlog=2048,
    )
    listening = config.bind_socket()
    server = uvicorn.Server(config)

    def stop() -> None:
        _until_closed(there)
        server.should_exit = True

    threading.Thread(target=stop, daemon=True).start()
    there.send(listening.getsockname()[1])
    server.run(sockets=[listening])


def _until_closed(there: Connection) -> None:
    with suppress(EOFError):
        there.recv()


class _Bare:
    def __init__(self, path: str) -> None:
        self._secret = _traffic.SECRET.encode()
        self._queue: queue.SimpleQueue[tuple[bytes, int, asyncio.Future[None]]] = queue.SimpleQueue()
        self._database = sqlite_module().connect(path, isolation_level=None, check_same_thread=False)
        self._database.executescript(_SCHEMA)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            threading.Thread(target=self._commit, daemon=True).start()
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        given = next((value for name, value in scope["headers"] if name == b"x-hub-signature-256"), b"")
        expected = "sha256=" + hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        accepted = hmac.compare_digest(given, expected.encode())
        if accepted:
            written = self._loop.create_future()
            self._queue.put((body, time.time_ns() // 1000, written))
            await written
        status = 200 if accepted else 401
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def _commit(self) -> None:
        assert self._loop is not None
        while True:
            group = [self._queue.get()]
            while len(group) < _MOST_AT_ONCE and not self._queue.empty():
                group.append(self._queue.get())
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(_INSERT, [(body, at) for body, at, _ in group])
            self._database.execute("COMMIT")
            self._loop.call_soon_threadsafe(_answer, [written for _, _, written in group])


def _answer(written: list[asyncio.Future[None]]) -> None:
    for one in written:
        if not one.done():
            one.set_result(None)


@contextmanager
def running(server: Server, folder: str) -> Iterator[int]:
    """The port of a server in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=server, args=(there, folder), daemon=True)
    process.start()
    there.close()
    try:
        yield here.recv()
    finally:
        here.close()
        process.join(20)
        process.kill()


def run(count: int = COUNT, rounds: int = ROUNDS) -> dict[str, dict[str, Any]]:
    """The middle of the rounds after a warm-up."""
    pairs = []
    with (
        tempfile.TemporaryDirectory() as folder,
        running(crocevia_server, folder) as ours,
        running(bare_server, folder) as bare,
    ):
        for turn in range(rounds + 1):
            requests = [_request(turn * count + number) for number in range(count)]
            pairs.append((_load.rate(ours, requests), _load.rate(bare, requests)))
    value, floor = (sorted(rates)[rounds // 2] for rates in zip(*pairs[1:], strict=True))
    return {"ingest": _traffic.figure(value, "webhooks/s", floor)}


def _request(number: int) -> bytes:
    body = _traffic.body(number, number % 1000)
    headers = {"X-Hub-Signature-256": _traffic.signature(body), "Content-Type": "application/json"}
    return _load.post(_PATH, body, headers)
