"""The proxy does to a road what it says, and counts it."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tests.faults.proxy import Road, roads


class Echo(BaseHTTPRequestHandler):
    """Answers a POST with its body, and remembers it."""

    protocol_version = "HTTP/1.1"
    bodies: list[bytes]

    def do_POST(self) -> None:
        """Echo."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def bodies() -> list[bytes]:
    """What has arrived."""
    return []


@pytest.fixture
def road(bodies: list[bytes]) -> Iterator[Road]:
    """A road to a server that echoes; nobody lives at its first address."""
    handler = type("Handler", (Echo,), {"bodies": bodies})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made = Road("test", [("127.0.0.1", 1), ("127.0.0.1", server.server_port)])
        with roads([made]):
            yield made
        server.shutdown()


def post(road: Road, body: bytes = b"x" * 200, timeout_s: float = 5) -> requests.Response:
    """Post and read the answer."""
    return requests.post(road.url, data=body, timeout=timeout_s)


def test_an_open_road_carries_everything(road: Road) -> None:
    """Also past an address that does not answer, and many requests on one connection."""
    with requests.Session() as session:
        assert [session.post(road.url, data=b"%d" % n, timeout=5).content for n in range(3)] == [b"0", b"1", b"2"]
    assert not road.hits


def test_an_answer_that_is_forgotten_was_delivered(road: Road, bodies: list[bytes]) -> None:
    """The request is done, and nobody hears of it; the next one is well."""
    road.play("forget")
    with pytest.raises(requests.ConnectionError):
        post(road, b"once")
    assert bodies == [b"once"]
    assert post(road).ok
    assert road.hits == {"forget": 1}


def test_an_answer_that_breaks_off_is_none(road: Road, bodies: list[bytes]) -> None:
    """Within its head, which HTTP libraries take for an answer without a body, or soon after."""
    road.play("truncate")
    assert post(road).content == b""
    assert (len(bodies), road.hits) == (1, {"truncate": 1})


@pytest.mark.parametrize(("trick", "status"), [("refuse 429", 429), ("refuse 503", 503)])
def test_what_the_edge_refuses_is_not_delivered(road: Road, bodies: list[bytes], trick: str, status: int) -> None:
    """As often as it was said."""
    road.play(trick, 2)  # type: ignore[arg-type]  # one of them
    assert [post(road).status_code for _ in range(3)] == [status, status, 200]
    assert len(bodies) == 1


def test_a_road_that_is_cut_resets_until_it_opens(road: Road) -> None:
    """Also connections that rest."""
    with requests.Session() as session:
        session.post(road.url, data=b"1", timeout=5)
        road.set("cut")
        for _ in range(2):
            with pytest.raises(requests.ConnectionError):
                session.post(road.url, data=b"2", timeout=5)
        road.set("open")
        assert session.post(road.url, data=b"3", timeout=5).ok
    assert road.hits["cut"] >= 1


def test_a_road_that_is_stalled_carries_on_when_it_opens(road: Road) -> None:
    """Nothing is lost on it."""
    road.set("stalled")
    threading.Timer(0.3, lambda: road.set("open")).start()
    began = time.monotonic()
    assert post(road).ok
    assert time.monotonic() - began > 0.25
    assert road.hits["stalled"] >= 1


def test_what_goes_into_a_black_hole_never_comes_out(road: Road, bodies: list[bytes]) -> None:
    """Not even when the road is open again."""
    road.set("black hole")
    with pytest.raises(requests.Timeout):
        post(road, timeout_s=0.3)
    road.mend()
    assert bodies == []
    assert post(road).ok
    assert len(bodies) == 1


def test_a_slow_road_is_slow(road: Road) -> None:
    """Each way."""
    road.slow(0.1)
    began = time.monotonic()
    assert post(road).ok
    assert time.monotonic() - began > 0.15
