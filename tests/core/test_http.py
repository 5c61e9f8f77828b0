"""Http against a real server on this machine: each failure is the right decision, and none tells too much."""

import gzip
import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest
import requests

from crocevia import Connector, Event, Http, Ignored, ParseContext, Raw, Secret, errors, retry_after
from crocevia import http as http_module

_NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_TOKEN = "t0ken-9f3b"


class Server:
    """Answers each connection with the bytes that the test scripted, and keeps what it was sent."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.requests: list[bytes] = []
        self.script: list[Callable[[socket.socket], None]] = []
        self.done = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def answer(self, status: str, body: bytes = b"", **headers: str) -> None:
        """One whole answer."""
        lines = [f"HTTP/1.1 {status}", "Connection: close", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode() + body)

    def send(self, data: bytes) -> None:
        """These bytes, and close."""
        self.script.append(lambda client: client.sendall(data))

    def reset(self) -> None:
        """A hard reset after the request was read."""
        linger = struct.pack("ii", 1, 0)
        self.script.append(lambda client: client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger))

    def silence(self) -> None:
        """No answer until the test is over."""
        self.script.append(lambda client: (self.done.wait(30), None)[1])

    def close(self) -> None:
        """Stop."""
        self.done.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                client.settimeout(10)
                self.requests.append(_read(client))
                self.script.pop(0)(client)


def _read(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += client.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += client.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that stops by itself."""
    running = Server()
    yield running
    running.close()


@pytest.fixture
def http(server: Server) -> Http:
    """Calls to it, with a standing token and short timeouts."""
    return Http(
        "acme", base_url=server.url, headers=lambda: {"Authorization": f"Bearer {_TOKEN}"}, timeout_s=(2.0, 0.3)
    )


def _refused_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


# --- nothing was sent -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refused_connection_is_tried_again(method: str) -> None:
    """Nothing was sent, whatever the method."""
    with pytest.raises(errors.RetryableError, match=rf"acme: {method} .* \(.*Error\)") as caught:
        Http("acme", base_url=_refused_url()).request(method, "/x", json={})
    assert caught.value.after is None


@pytest.mark.parametrize(
    "url", ["http://does-not-exist.invalid/x", "acme.example/x", "http://:80/x", "ftp://acme.example/x"]
)
def test_an_address_that_is_none_is_tried_again(url: str) -> None:
    """Nothing was sent: a repeated message is no danger, and the message asks whether the address is right."""
    with pytest.raises(errors.RetryableError, match="is the address right"):
        Http("acme").request("POST", url, json={})


def test_a_header_that_cannot_be_sent_is_no_crash() -> None:
    """A token with a foreign letter is a wrong setting; it is not shown."""
    http = Http("acme", base_url=_refused_url(), headers=lambda: {"Authorization": f"Bearer {_TOKEN}\n…"})
    with pytest.raises(errors.RetryableError) as caught:
        http.request("POST", "/x", json={})
    assert _TOKEN not in _said(caught.value)


# --- sent, no answer --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "happens", [Server.silence, Server.reset, lambda server: server.send(b"")], ids=["timeout", "reset", "closed"]
)
def test_no_answer_to_what_was_sent(server: Server, http: Http, happens: Callable[[Server], None]) -> None:
    """A POST may have happened; what may be repeated is repeated."""
    happens(server)
    with pytest.raises(errors.OutcomeUnknownError, match="it may have happened"):
        http.post("/messages", json={"text": "Hello"})
    happens(server)
    with pytest.raises(errors.RetryableError):
        http.get("/messages")


def test_the_caller_knows_better_what_is_idempotent(server: Server, http: Http) -> None:
    """An upsert by key is a POST that may be repeated; a counting GET is not."""
    server.reset()
    with pytest.raises(errors.RetryableError):
        http.post("/upsert", json={}, idempotent=True)
    server.reset()
    with pytest.raises(errors.OutcomeUnknownError):
        http.get("/next", idempotent=False)


def test_a_body_that_ends_too_soon_is_no_answer(server: Server, http: Http) -> None:
    """Half a JSON is not read as a whole one, nor half a head as an answer without a body."""
    for data in (
        b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Len",
        b"HTTP/1.1 200 OK\r\nServer: x\r\n",
        b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id": "1"',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"id"',
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Encoding: gzip\r\n\r\nnope",
    ):
        server.send(data)
        with pytest.raises(errors.OutcomeUnknownError):
            http.post("/messages", json={})


def test_a_body_without_end_is_cut_off(server: Server, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it is small only on the wire."""
    monkeypatch.setattr(http_module, "MAX_ANSWER_BYTES", 100_000)
    for body, coding in ((b" " * 200_000, "identity"), (gzip.compress(b" " * 10_000_000), "gzip")):
        server.answer("200 OK", body, Content_Encoding=coding)
        with pytest.raises(errors.OutcomeUnknownError):
            http.post("/messages", json={})


# --- answered ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("400 Bad Request", errors.RejectedError),
        ("401 Unauthorized", errors.AuthError),
        ("403 Forbidden", errors.RejectedError),
        ("404 Not Found", errors.GoneError),
        ("408 Request Timeout", errors.RetryableError),
        ("409 Conflict", errors.ConflictError),
        ("410 Gone", errors.GoneError),
        ("412 Precondition Failed", errors.ConflictError),
        ("422 Unprocessable", errors.RejectedError),
        ("429 Too Many Requests", errors.ThrottledError),
        ("500 Oops", errors.RetryableError),
        ("503 Unavailable", errors.RetryableError),
        ("599 Odd", errors.RetryableError),
    ],
)
def test_a_status_is_a_decision(server: Server, http: Http, status: str, expected: type[errors.RemoteError]) -> None:
    """With the facts as attributes; the body, here HTML, is not in the message."""
    server.answer(status, f"<html>{_TOKEN} no service for Ada</html>".encode(), Content_Type="text/html")
    with pytest.raises(errors.RemoteError) as caught:
        http.post("/messages?access_token=q5x", json={})
    assert type(caught.value) is expected
    assert caught.value.status == int(status[:3])
    assert "acme" in str(caught.value)
    for private in (_TOKEN, "Ada", "q5x"):
        assert private not in _said(caught.value)


@pytest.mark.parametrize("body", [b"<html>welcome to the hotel</html>", b'{"id": ', b"\xff\xfe", b"[" * 100_000])
def test_a_good_status_with_no_json_is_not_success(server: Server, http: Http, body: bytes) -> None:
    """A proxy may have answered: whether the vendor did anything is unknown."""
    server.answer("200 OK", body)
    with pytest.raises(errors.OutcomeUnknownError) as caught:
        http.post("/messages", json={})
    assert "hotel" not in _said(caught.value)


def test_a_redirect_of_what_was_to_be_sent_is_not_followed(server: Server, http: Http) -> None:
    """It would arrive as a GET without its body, and the answer would look like success."""
    server.answer("302 Found", b"{}", Location="/elsewhere")
    with pytest.raises(errors.RejectedError) as caught:
        http.post("/messages", json={"text": "Hello"})
    assert (caught.value.status, len(server.requests)) == (302, 1)
    server.answer("302 Found", Location="/elsewhere")
    server.answer("200 OK", b'{"id": 1}')
    assert http.get("/messages") == {"id": 1}


def test_an_answer_is_decoded(server: Server, http: Http) -> None:
    """And an empty one is None."""
    server.answer("200 OK", b'{"id": "m1"}')
    assert http.post("/messages", json={"text": "Hellö"}) == {"id": "m1"}
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert msgspec.json.decode(body) == {"text": "Hellö"}
    assert f"Authorization: Bearer {_TOKEN}".encode() in head
    assert b"Content-Type: application/json" in head
    server.answer("204 No Content")
    assert http.request("DELETE", "/messages/m1").body == b""
    server.answer("200 OK")
    assert http.get("/nothing") is None


def test_any_answer_is_given_to_who_asks_for_it(server: Server, http: Http) -> None:
    """`request` raises only when there is none."""
    server.answer("418 Teapot", b"short and stout", X_Kind="pot")
    answer = http.request("GET", "/pot?x=1")
    assert (answer.status, answer.ok, answer.body, answer.headers["x-kind"]) == (418, False, b"short and stout", "pot")
    assert answer.url == f"{server.url}/pot"


# --- Retry-After ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("7", timedelta(seconds=7)),
        (" 0.5 ", timedelta(seconds=0.5)),
        ("0", timedelta(0)),
        ("-3", timedelta(0)),
        ("86400000", timedelta(hours=1)),
        ("1e999", timedelta(hours=1)),
        ("9" * 500, timedelta(hours=1)),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Mon, 99 Foo 2026 25:00:00 GMT", None),
        (format_datetime(_NOW + timedelta(seconds=90), usegmt=True), timedelta(seconds=90)),
        (format_datetime(_NOW - timedelta(seconds=90), usegmt=True), timedelta(0)),
        (format_datetime(_NOW + timedelta(days=9), usegmt=True), timedelta(hours=1)),
        ("Fri, 20 Nov 2026 12:00:10 -0000", timedelta(seconds=10)),
    ],
)
def test_retry_after(given: str, expected: timedelta | None) -> None:
    """Seconds or a date, at most an hour; what is neither is nothing."""
    assert retry_after({"Retry-After": given}, _NOW) == expected
    assert retry_after({"retry-after": given}, _NOW) == expected


def test_a_throttled_call_says_how_long(server: Server, http: Http) -> None:
    """429 and 503 alike."""
    for status in ("429 Too Many Requests", "503 Unavailable"):
        server.answer(status, Retry_After="7")
        with pytest.raises(errors.RetryableError) as caught:
            http.get("/x")
        assert caught.value.after == timedelta(seconds=7)
    assert retry_after({}) is None


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_a_library_that_forgets_timeouts_gets_them(server: Server, http: Http) -> None:
    """Through the session it is given."""
    server.silence()
    with pytest.raises(requests.ReadTimeout):
        http.session().get(f"{server.url}/slow")


def test_each_thread_has_a_session_of_its_own(http: Http) -> None:
    """They are not safe to share."""
    found: list[requests.Session] = []
    thread = threading.Thread(target=lambda: found.append(http.session()))
    thread.start()
    thread.join()
    assert http.session() is http.session()
    assert found[0] is not http.session()


class _Acme(Connector[None]):
    kind = "acme"
    base_url = "http://127.0.0.1:9/api"

    def authorise(self) -> Mapping[str, str]:
        return {"X-Token": Secret(_TOKEN).reveal()}

    def parse(self, raw: Raw, context: ParseContext) -> list[Event]:
        return [Ignored(reason="nothing")]


def test_a_connector_calls_its_vendor_with_its_headers(server: Server) -> None:
    """Asked anew for each call; paths are under the base URL."""

    class Local(_Acme):
        base_url = f"{server.url}/api/"

    server.answer("200 OK", b"{}")
    Local(None, connection="acme-eu").http.get("/me")
    assert server.requests[0].startswith(b"GET /api/me HTTP/1.1")
    assert f"X-Token: {_TOKEN}".encode() in server.requests[0]


def test_nothing_is_logged_that_should_not_be(server: Server, http: Http, caplog: pytest.LogCaptureFixture) -> None:
    """Not the token, not the text, on no level and by no library below."""
    caplog.set_level(logging.DEBUG)
    server.answer("200 OK", b'{"text": "a secret text"}')
    http.post("/messages", json={"text": "a secret text"})
    assert [
        record for record in caplog.records if _TOKEN in str(record.__dict__) or "secret" in str(record.__dict__)
    ] == []


def _said(error: BaseException) -> str:
    """What a log with a traceback shows: the message and those of its causes."""
    found = ""
    cause: BaseException | None = error
    while cause is not None:
        found += f"{cause!r} {cause} "
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return found
