"""Serving the vendor: on loopback, by its own, until told to stop."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from attrs import frozen

from crocevia_meta.simulator.app import App
from crocevia_meta.simulator.client import Customers
from crocevia_meta.simulator.deliveries import Deliverer
from crocevia_meta.simulator.settings import VendorSettings
from crocevia_meta.simulator.vendor import Vendor

_START_S = 10.0


@frozen
class RunningVendor:
    """A vendor that serves at `url`; `customers` plays those who write."""

    url: str
    vendor: Vendor
    customers: Customers


class _Server(uvicorn.Server):
    """Tells when it is ready, and stops when its time is over or its parent is gone."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], stop_when: Callable[[], bool]) -> None:
        super().__init__(config)
        self._ready, self._stop_when = ready, stop_when

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        return self._stop_when() or await super().on_tick(counter)


def serve(
    settings: VendorSettings,
    port: int,
    ready: Callable[[str], None],
    *,
    longest_s: float = 3600.0,
    exit_with_parent: bool = False,
) -> None:
    """Serve until SIGTERM, SIGINT or `longest_s`.

    Args:
        settings: How the vendor behaves.
        port: On 127.0.0.1; 0: any free one.
        ready: Called with the URL once calls are taken.
        longest_s: Stops by itself then.
        exit_with_parent: Stops when the process that started it has ended.
    """
    deadline, parent = time.monotonic() + longest_s, os.getppid()

    def over() -> bool:
        return time.monotonic() > deadline or (exit_with_parent and os.getppid() != parent)

    with _bound(port) as (listener, url):
        vendor = Vendor(settings)
        deliverer = Deliverer(vendor)
        server = _Server(_config(vendor), lambda: ready(url), over)
        deliverer.start()
        try:
            server.run(sockets=[listener])
        finally:
            deliverer.stop()
            vendor.close()


@contextmanager
def running_vendor(settings: VendorSettings, port: int = 0) -> Iterator[RunningVendor]:
    """A vendor in a thread of this process, for tests."""
    with _bound(port) as (listener, url):
        vendor = Vendor(settings)
        started = threading.Event()
        server = _Server(_config(vendor), started.set, lambda: False)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="vendor-http", daemon=True)
        deliverer = Deliverer(vendor)
        customers = Customers(url)
        thread.start()
        deliverer.start()
        try:
            if not started.wait(_START_S):
                raise RuntimeError(f"the simulated vendor did not start within {_START_S} s")
            yield RunningVendor(url, vendor, customers)
        finally:
            customers.close()
            server.should_exit = True
            thread.join(_START_S)
            deliverer.stop()
            vendor.close()


def _config(vendor: Vendor) -> uvicorn.Config:
    return uvicorn.Config(
        App(vendor), lifespan="off", access_log=False, log_level="warning", timeout_graceful_shutdown=2
    )


@contextmanager
def _bound(port: int) -> Iterator[tuple[socket.socket, str]]:
    with socket.create_server(("127.0.0.1", port)) as listener:
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"
