"""Start and stop a simulated org: in this process for tests, or as a server of its own."""

from __future__ import annotations

import asyncio
import importlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from attrs import frozen

from crocevia_salesforce.simulator.administration import Administration
from crocevia_salesforce.simulator.asgi import TRANSPORT, Application
from crocevia_salesforce.simulator.options import Options
from crocevia_salesforce.simulator.org import Org


@frozen
class Simulator:
    """A running org: where it is, and the hands on it."""

    url: str
    admin: Administration
    org: Org


def _protocol() -> type[asyncio.Protocol]:
    """Return uvicorn's HTTP protocol with the transport in the scope, so that a fault can cut the connection."""
    try:
        module = importlib.import_module("uvicorn.protocols.http.httptools_impl")
        base: Any = module.HttpToolsProtocol
        started = "on_message_begin"
    except ImportError:
        module = importlib.import_module("uvicorn.protocols.http.h11_impl")
        base, started = module.H11Protocol, ""

    class Protocol(base):  # type: ignore[misc]  # the base is chosen at run time
        def on_message_begin(self) -> None:
            super().on_message_begin()
            self.scope.setdefault("extensions", {})[TRANSPORT] = self.transport

    if started:
        return Protocol
    return base  # type: ignore[no-any-return]  # as above


def _config(org: Org, public_url: str | None, tls: tuple[Path, Path] | None) -> uvicorn.Config:
    return uvicorn.Config(
        Application(org, public_url),
        http=_protocol(),
        loop="auto",
        lifespan="on",
        access_log=False,
        log_level="critical",
        server_header=False,
        date_header=False,  # the application writes its own, in the org's letters
        timeout_graceful_shutdown=2,
        timeout_keep_alive=120,  # clients poll Bulk jobs every five seconds: uvicorn's own five would race with them
        h11_max_incomplete_event_size=32_768,
        ssl_certfile=str(tls[0]) if tls else None,
        ssl_keyfile=str(tls[1]) if tls else None,
    )


def bind(port: int, host: str = "127.0.0.1") -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(128)
    return listening


@contextmanager
def running_simulator(
    options: Options | None = None,
    *,
    port: int = 0,
    tls: tuple[Path, Path] | None = None,
    public_url: str | None = None,
) -> Iterator[Simulator]:
    """Run an org in a thread of this process for as long as the block lasts.

    Args:
        options: How the org is set up.
        port: On the loopback interface; 0 takes a free one.
        tls: Certificate and key files, for HTTPS.
        public_url: What clients call it, where a proxy stands between; else the Host header says.

    Yields:
        Where it is, and the hands on it.
    """
    org = Org(options or Options())
    listening = bind(port)
    server = uvicorn.Server(_config(org, public_url, tls))
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="salesforce-simulator", daemon=True
    )
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("The simulated org's server did not start")
        threading.Event().wait(0.005)
    scheme = "https" if tls else "http"
    try:
        yield Simulator(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}", Administration(org), org)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()
        org.close()


def serve(
    options: Options,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    tls: tuple[Path, Path] | None = None,
    public_url: str | None = None,
) -> None:
    """Run an org until SIGTERM or SIGINT; print one line with its URL when it is ready."""
    org = Org(options)
    listening = bind(port, host)
    server = uvicorn.Server(_config(org, public_url, tls))
    scheme = "https" if tls else "http"
    address = f"{scheme}://{host}:{listening.getsockname()[1]}"
    print(address, flush=True)  # noqa: T201  # the line that a parent process waits for
    try:
        server.run(sockets=[listening])
    finally:
        listening.close()
        org.close()
