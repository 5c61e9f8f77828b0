"""Clients that are slow, endless or many: each is answered or left, and the others never notice."""

import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from crocevia.errors import ConfigError
from crocevia.store.journal import GroupCommit
from crocevia.web import server
from crocevia.web.app import Served, build_app, serve

PATIENCE_S = 0.4


@pytest.fixture
def served(crossroads: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server with little patience."""
    monkeypatch.setattr(server, "PATIENCE_S", PATIENCE_S)
    journal = GroupCommit(crossroads.store, lambda names: None)
    started = serve(build_app(crossroads.world, journal))
    yield started
    started.stop()
    journal.close()


def connect(served: Served) -> socket.socket:
    """A client's end."""
    parts = urlsplit(served.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def said(client: socket.socket) -> bytes:
    """All that the server says until it hangs up."""
    heard = b""
    while part := client.recv(4096):
        heard += part
    return heard


def dropped(client: socket.socket) -> bool:
    """Whether the server hangs up without a word."""
    try:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return client.recv(4096) == b""
    except OSError:
        return True


pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST /hooks/chat HT", b"POST /hooks/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"],
    ids=["nothing", "half a head", "half a body"],
)
def test_who_does_not_finish_is_left(served: Served, sent: bytes) -> None:
    """408 after a while, and the connection is closed."""
    with connect(served) as client:
        client.sendall(sent)
        began = time.monotonic()
        assert said(client).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - began < PATIENCE_S * 10


def test_dripping_does_not_help(served: Served) -> None:
    """A byte now and then is not progress: the request as a whole has its time."""
    with connect(served) as client:
        client.sendall(b"POST /hooks/chat HTTP/1.1\r\nHost: x\r\n")
        heard = b""
        client.settimeout(PATIENCE_S / 8)
        for _ in range(200):
            try:
                client.sendall(b"X-Drip: 1\r\n")
                heard = client.recv(100)
                break
            except TimeoutError:
                continue
            except OSError:
                break
        assert heard.startswith(b"HTTP/1.1 408")


def test_a_connection_that_rests_between_requests_is_not_slow(served: Served) -> None:
    """Keep-alive has its own, longer time."""
    with connect(served) as client:
        for _ in range(2):
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
            time.sleep(PATIENCE_S * 2)  # the server's own timers are what is looked at


def test_a_head_without_end_is_refused(served: Served) -> None:
    """The parser itself would take any length."""
    with connect(served) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        for _ in range(server.MOST_HEAD_BYTES // 8000 + 1):
            client.sendall(b"X-Long: " + b"x" * 8000 + b"\r\n")
        assert said(client).startswith(b"HTTP/1.1 431")


def test_what_is_not_http_is_refused(served: Served) -> None:
    """And the server goes on."""
    with connect(served) as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        assert said(client).startswith(b"HTTP/1.1 400")
    assert requests.get(f"{served.url}/healthz", timeout=10).status_code == 200


def test_too_many_connections_are_not_taken(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are there are served."""
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 1)
    with connect(served) as first:
        first.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert first.recv(4096).startswith(b"HTTP/1.1 200")
        with connect(served) as second:
            assert dropped(second)
        first.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert first.recv(4096).startswith(b"HTTP/1.1 200")


def test_an_address_in_use_is_said(served: Served) -> None:
    """As a wrong setting, with its path."""
    port = urlsplit(served.url).port
    assert port is not None
    with pytest.raises(ConfigError, match=rf"crocevia\.listen: .* got 127\.0\.0\.1:{port} \(Address already in use\)"):
        serve(build_app, "127.0.0.1", port)
