"""The HTTP server: uvicorn in a thread of its own, with patience that ends."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn._types import HTTPScope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from crocevia.errors import ConfigError

PATIENCE_S = 10.0
"""From a connection's, or a request's, first byte until the request is here whole; at most a quarter longer."""
KEEP_ALIVE_S = 30
DRAIN_S = 15
"""For requests under way when the server is told to stop."""
MOST_CONNECTIONS = 1000
MOST_HEAD_BYTES = 64 << 10
_LOOKS = 4
_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class PatientProtocol(HttpToolsProtocol):
    """HTTP for clients that may be slow, endless or many: uvicorn itself waits for ever for the end of a request."""

    _watched: HTTPScope | None = None
    _looks = 0
    _head_bytes = 0
    _look_again: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn's own
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._look_again = self.loop.call_later(PATIENCE_S / _LOOKS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop looking."""
        if self._look_again is not None:
            self._look_again.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bound the head: the parser would take any length."""
        super().data_received(data)
        scope: HTTPScope | None = self.scope  # None before the first byte, without a method until the head is whole
        if scope is not None and "method" in scope:
            self._head_bytes = 0
        else:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._give_up(_HEAD_TOO_LARGE)

    def _look(self) -> None:
        """Every few seconds: is the client still sending the same request?"""
        scope: HTTPScope | None = self.scope
        if not self._waiting() or scope is not self._watched:
            self._watched, self._looks = scope, 0
        elif self._looks == _LOOKS:
            self._give_up(_TIMEOUT)
            return
        self._looks += 1
        self._look_again = self.loop.call_later(PATIENCE_S / _LOOKS, self._look)

    def _waiting(self) -> bool:
        """Whether the next byte is for the client to send, in the middle of a request or before the first."""
        scope: HTTPScope | None = self.scope
        if scope is None or "method" not in scope:
            return True
        return self.cycle.more_body and not self.cycle.response_complete and not self.flow.read_paused

    def _give_up(self, answer: bytes) -> None:
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(answer)
        self.transport.close()


class Served:
    """A server at work in its own thread. `url`: where it answers, without a slash at its end."""

    def __init__(self, server: uvicorn.Server, listening: socket.socket, closing: Callable[[], None]) -> None:
        host, port = listening.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._server = server
        self._closing = closing
        self._thread = threading.Thread(target=server.run, args=([listening],), name="web", daemon=True)

    def start(self) -> None:
        """Return when it answers.

        Raises:
            RuntimeError: it does not come up.
        """
        self._thread.start()
        until = time.monotonic() + 10
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                msg = "the web server did not start"
                raise RuntimeError(msg)
            time.sleep(0.005)

    def stop(self) -> None:
        """Take no new connections, answer what is under way, and return."""
        self._server.should_exit = True
        self._closing()
        self._thread.join(DRAIN_S + 10)


def serve(app: Any, host: str = "127.0.0.1", port: int = 0) -> Served:
    """Serve an ASGI application; one that has a `close` is told so, in another thread, before the server stops.

    Args:
        port: 0 takes any free one.

    Raises:
        ConfigError: the address cannot be had.
    """
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1024
        )
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise ConfigError(f"crocevia.listen: expected an address to listen on, got {host}:{port} ({reason})") from error
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # nothing here trusts a client's word about itself
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
    )
    served = Served(uvicorn.Server(config), listening, getattr(app, "close", _nothing))
    served.start()
    return served


def _nothing() -> None:
    """An application that holds nobody back."""
