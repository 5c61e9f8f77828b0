"""Webhooks over real HTTP: what is refused, what is kept, and that nothing acknowledged is ever lost."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import structlog

from crocevia.errors import SignatureError, StoreError
from crocevia.signatures import Request
from crocevia.store import Store, journal
from crocevia.store.journal import GroupCommit
from crocevia.store.tables import journal as table
from crocevia.sync.world import live
from crocevia.testing import FaultPoints
from crocevia.web import ingress as ingress_module
from crocevia.web.app import Served, build_app, serve

MIB = 1 << 20
PUBLIC = "https://hooks.example.com/crocevia"


class Web:
    """A server over a crossroads, and a client that signs as the vendor does."""

    def __init__(self, crossroads: Any, **limits: int) -> None:
        self.crossroads = crossroads
        self.news: list[set[str]] = []
        self.journal = GroupCommit(crossroads.store, self.news.append, **limits)
        self.app = build_app(crossroads.world, self.journal, public_url=PUBLIC)
        self.served: Served = serve(self.app)
        self.hook = f"{self.served.url}/hooks/chat"

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers of a good webhook."""
        return dict(self.crossroads.chat.signed(body).headers)

    def post(self, body: bytes, headers: Mapping[str, str] | None = None, **more: Any) -> requests.Response:
        """Post a webhook, signed unless headers are given."""
        given = self.signed(body) if headers is None else headers
        return requests.post(more.pop("url", self.hook), data=body, headers=given, timeout=20, **more)

    def kept(self) -> list[bytes]:
        """The bodies in the journal."""
        return [bytes(row["body"]) for row in self.crossroads.rows(table)]

    def plug(self, **methods: Callable[..., Any]) -> None:
        """Give the channel's connector methods of the test's own."""
        connector = self.crossroads.chat.connector("chat")
        own = type("Own", (type(connector),), methods)
        made = own(connector.settings, connection="chat", clock=self.crossroads.clock)
        self.crossroads.world.lives["chat"] = live("chat", made, self.crossroads.world.lives["chat"].options)

    def close(self) -> None:
        """Stop serving and write what waits."""
        self.served.stop()
        self.journal.close()


@pytest.fixture
def web(crossroads: Any) -> Iterator[Web]:
    """A server on a free port."""
    started = Web(crossroads)
    yield started
    started.close()


def message(web: Web, text: str = "Hello") -> bytes:
    """The body of a webhook with one message."""
    web.crossroads.chat.write("ada", text, name="Ada")
    body: bytes = web.crossroads.chat.request().body
    return body


def intake(web: Web) -> Any:
    """Let the channel's lane take in what is there; return its books."""
    web.crossroads.turn("chat")
    return web.crossroads.books("chat")


# --- kept, then acknowledged


def test_a_signed_webhook_is_on_disk_byte_for_byte_when_it_is_acknowledged(web: Web) -> None:
    """The 200 is empty, and the lane is told that there is news."""
    body = message(web)
    answer = web.post(body)
    assert (answer.status_code, answer.content) == (200, b"")
    assert web.kept() == [body]
    assert web.news == [{"chat"}]
    assert web.app.ingress.counts == {("chat", 200): 1}


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"events": [{"type": "message", "text": "\xff\xfe"}]}',
        b'{"events": [], "events": []}',
        b'{"events": [{"type": "hologram", "id": "h1", "ts": 1}]}',
        b'{"events": NaN}',
        b"",
    ],
    ids=["100,000 brackets", "invalid UTF-8", "a key twice", "an unknown type", "NaN", "nothing"],
)
def test_what_is_odd_inside_a_signed_body_is_acknowledged_and_quarantined_later(web: Web, body: bytes) -> None:
    """Nothing about the content is judged before the 200, and the next webhook is taken as ever."""
    assert web.post(body).status_code == 200
    found = intake(web)
    assert (found.incoming.quarantined, found.balanced) == (1, True)
    assert web.kept() == [body]
    assert web.post(message(web)).status_code == 200
    assert intake(web).incoming.applied == 1


def test_fifty_identical_posts_at_once_are_all_acknowledged_and_make_one_interaction(web: Web) -> None:
    """Each is a row of the journal; intake tells redeliveries apart."""
    body = message(web)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: web.post(body).status_code, range(50)))
    assert answers == [200] * 50
    assert web.kept() == [body] * 50
    found = intake(web)
    assert (found.incoming.applied, found.incoming.superseded, found.balanced) == (1, 49, True)


def test_the_connector_sees_the_public_url_the_query_and_every_header(web: Web) -> None:
    """Vendors sign the URL that they called; of a parameter given twice the first counts, headers are joined."""
    seen: list[Request] = []
    web.plug(verify=lambda self, request, now, keys: seen.append(request), kept_headers=lambda self: ("x-topic",))
    headers = {"X-Topic": "orders", "X-Other": "é"}
    assert web.post(b"{}", headers, url=f"{web.hook}?a=1&a=2&b=x%20y&c=").status_code == 200
    [request] = seen
    assert request.method == "POST"
    assert request.url == f"{PUBLIC}/hooks/chat?a=1&a=2&b=x%20y&c="
    assert dict(request.query) == {"a": "1", "b": "x y", "c": ""}
    assert request.headers["x-topic"] == "orders"
    [row] = web.crossroads.rows(table)
    assert json.loads(row["headers"]) == {"x-topic": "orders"}, "only what the connector needs again is kept"


def test_a_header_sent_twice_is_joined_by_a_comma(web: Web) -> None:
    """As signatures of some vendors are."""
    seen: list[Request] = []
    web.plug(verify=lambda self, request, now, keys: seen.append(request))
    parts = urlsplit(web.hook)
    raw = b"POST /hooks/chat HTTP/1.1\r\nHost: x\r\nX-Two: a\r\nx-two: b\r\nContent-Length: 0\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as client:
        client.sendall(raw)
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert seen[0].headers["x-two"] == "a,b"


def test_the_answer_is_the_vendors_own_where_it_wants_one(web: Web) -> None:
    """TwiML, a SOAP Ack."""
    web.plug(answer=lambda self, request: (b"<Ack/>", "text/xml"))
    answer = web.post(message(web))
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"<Ack/>", "text/xml")


def test_an_answer_that_fails_does_not_ask_again_for_what_is_kept(web: Web) -> None:
    """A connector's bug after the commit: a plain 200."""

    def fail(self: Any, request: Request) -> tuple[bytes, str]:
        raise RuntimeError("a bug")

    web.plug(answer=fail)
    body = message(web)
    assert web.post(body).status_code == 200
    assert web.kept() == [body]


# --- handshakes


def test_a_handshake_is_answered_as_plain_text(web: Web) -> None:
    """A GET that the connector knows; nothing is journaled. What a browser could run is told not to be."""
    web.plug(challenge=lambda self, request: request.query.get("hub.challenge"))
    answer = requests.get(f"{web.hook}?hub.challenge=%3Cb%3E42", timeout=10)
    assert (answer.status_code, answer.text) == (200, "<b>42")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert web.kept() == []


def test_a_handshake_with_a_wrong_token_is_refused(web: Web) -> None:
    """401, as for a forged webhook."""

    def challenge(self: Any, request: Request) -> str | None:
        raise SignatureError("the token is not the one in the settings")

    web.plug(challenge=challenge)
    assert requests.get(web.hook, timeout=10).status_code == 401


def test_a_get_that_is_no_handshake_is_not_allowed(web: Web) -> None:
    """Somebody looks with a browser."""
    answer = requests.get(web.hook, timeout=10)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


# --- refused


@pytest.mark.parametrize("headers", [{}, {"X-Memory-Signature": "sha256=00"}, {"X-Memory-Signature": "\xe9\xff"}])
def test_a_forged_signature_is_refused_and_nothing_is_kept(web: Web, headers: dict[str, str]) -> None:
    """Missing, wrong, and not even ASCII."""
    assert web.post(message(web), headers).status_code == 401
    assert web.kept() == []
    assert web.post(message(web)).status_code == 200


def test_a_verification_that_fails_by_a_bug_refuses_too(web: Web) -> None:
    """What could not be verified is not verified; the log names the error's type, never its text."""

    def verify(self: Any, request: Request, now: Any, keys: Any) -> None:
        raise ValueError("quotes the body: s3cret")

    web.plug(verify=verify)
    with structlog.testing.capture_logs() as logs:
        assert web.post(message(web)).status_code == 401
        assert web.post(message(web)).status_code == 401
    assert [(line["event"], line["reason"]) for line in logs] == [("verification failed", "ValueError")]
    assert "s3cret" not in str(logs)
    assert web.kept() == []


def test_logs_hold_no_payload_no_header_and_no_secret(web: Web) -> None:
    """A refusal is logged once a minute, whoever knocks."""
    body = message(web, "a private word")
    with structlog.testing.capture_logs() as logs:
        for _ in range(20):
            web.post(body, {"X-Memory-Signature": "sha256=feed", "Authorization": "Bearer t0ken"})
        web.crossroads.clock.advance(61)
        web.post(body, {})
    assert [line["event"] for line in logs] == ["webhook refused"] * 2
    assert not any(word in str(logs) for word in ("private", "feed", "t0ken", "memory secret"))
    assert web.app.ingress.counts["chat", 401] == 21


@pytest.mark.parametrize("name", ["nobody", "a", "chat/", "", "..%2Fchat", "chat%00"])
def test_a_connection_that_takes_no_webhooks_is_not_found(web: Web, name: str) -> None:
    """Unknown, a CRM without webhooks, and what is not its name."""
    assert web.post(b"{}", url=f"{web.served.url}/hooks/{name}").status_code == 404
    assert web.kept() == []
    assert web.app.ingress.counts == {("", 404): 1}, "a stranger's names never become labels"


def test_other_methods_are_not_allowed(web: Web) -> None:
    """With what is."""
    answer = requests.put(web.hook, data=b"{}", timeout=10)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


def test_a_body_of_just_one_mebibyte_is_taken(web: Web) -> None:
    """The limit itself, in one part and in many."""
    body = b" " * MIB
    assert web.post(body).status_code == 200
    assert web.post(iter([body[:1], body[1:]]), web.signed(body)).status_code == 200  # type: ignore[arg-type]  # chunked
    assert web.kept() == [body, body]


@pytest.mark.parametrize("chunked", [False, True], ids=["by its length", "while it comes"])
def test_a_body_of_two_megabytes_is_too_large(web: Web, *, chunked: bool) -> None:
    """Its sender reads the answer, not a reset; the next request is taken."""
    body = b"x" * 2_000_000
    parts: Any = iter([body[i : i + 50_000] for i in range(0, len(body), 50_000)]) if chunked else body
    assert web.post(parts, web.signed(body)).status_code == 413
    assert web.kept() == []
    assert web.post(message(web)).status_code == 200


def test_who_asks_first_is_told_before_sending_anything(web: Web) -> None:
    """`Expect: 100-continue` with a body that is too large: no 100."""
    parts = urlsplit(web.hook)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as client:
        head = "POST /hooks/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\nExpect: 100-continue\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(100).startswith(b"HTTP/1.1 413")


def test_a_coded_body_is_refused_and_says_what_is_wanted(web: Web) -> None:
    """A bomb is not unpacked, and nothing is kept that could not be read."""
    answer = web.post(b"\x1f\x8b", {**web.signed(b"\x1f\x8b"), "Content-Encoding": "gzip"})
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
    assert web.kept() == []


def test_a_client_that_hangs_up_in_the_middle_leaves_nothing(web: Web) -> None:
    """No row, and the others are served."""
    parts = urlsplit(web.hook)
    client = socket.create_connection((parts.hostname, parts.port), timeout=10)
    client.sendall(b"POST /hooks/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    client.close()
    assert web.post(message(web)).status_code == 200
    assert len(web.kept()) == 1


# --- the store cannot take it


def test_a_journal_that_fails_asks_for_it_again_and_takes_the_next(web: Web) -> None:
    """503 with Retry-After; nothing is kept of what was not acknowledged."""
    with FaultPoints() as points:
        points.fail("journal.before_commit", StoreError("the store cannot be used now: disk I/O error"))
        answer = web.post(message(web))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert web.kept() == []
    assert web.app.ingress.failure is not None
    body = message(web)
    assert web.post(body).status_code == 200
    assert web.kept() == [body]
    assert web.app.ingress.failure is None


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_full_disk_refuses_and_what_was_acknowledged_is_intact(web: Web, store: Store) -> None:
    """The file may not grow: webhooks are refused until there is room again."""
    first = message(web)
    assert web.post(first).status_code == 200
    with store.appending(alone=True) as driver:
        [(pages,)] = driver.execute("PRAGMA page_count").fetchall()
        driver.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    big = message(web, "x" * 200_000)
    answer = web.post(big)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert web.kept() == [first]
    with store.appending(alone=True) as driver:
        driver.execute("PRAGMA max_page_count = 1000000").fetchall()
    assert web.post(big).status_code == 200
    assert web.kept() == [first, big]
    assert intake(web).incoming.applied == 2


def test_too_many_who_wait_are_refused_at_once(crossroads: Any) -> None:
    """A full queue: 503, and come back."""
    web = Web(crossroads, most_waiting=1)
    body = message(web)
    with FaultPoints() as points, ThreadPoolExecutor(2) as pool:
        hold = points.hold("journal.before_commit")
        under_way = pool.submit(web.post, body)
        hold.wait_reached()
        waiting = pool.submit(web.post, body)
        while web.journal._queue.qsize() < 1:  # noqa: SLF001 - until the second one waits
            threading.Event().wait(0.005)
        refused = web.post(body)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        hold.release()
        assert [one.result().status_code for one in (under_way, waiting)] == [200, 200]
    assert web.kept() == [body, body]
    web.close()


def test_a_flood_of_bodies_is_bounded(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is held at once, not only each."""
    monkeypatch.setattr(ingress_module, "MOST_HELD_BYTES", 1000)
    body = b" " * 2000
    assert web.post(iter([body[:500], body[500:]]), web.signed(body)).status_code == 503  # type: ignore[arg-type]  # chunked
    assert web.post(body).status_code == 503
    assert web.post(b" " * 900).status_code == 200, "what was refused is not held any more"
    assert web.kept() == [b" " * 900]


def test_a_journal_without_its_thread_takes_nothing(web: Web) -> None:
    """Rather 503 than a client that waits for ever."""
    web.journal.close()
    assert web.post(message(web)).status_code == 503


def test_stopping_answers_what_is_under_way(crossroads: Any) -> None:
    """A clean stop: no new connections, and the one whose row is being written gets its 200."""
    web = Web(crossroads)
    body = message(web)
    with FaultPoints() as points, ThreadPoolExecutor(2) as pool:
        hold = points.hold("journal.before_commit")
        under_way = pool.submit(web.post, body)
        hold.wait_reached()
        stopping = pool.submit(web.served.stop)
        hold.release()
        assert under_way.result().status_code == 200
        stopping.result()
    with pytest.raises(requests.ConnectionError):
        web.post(body)
    web.journal.close()
    assert web.kept() == [body]


def test_keep_alive_serves_many_requests_on_one_connection(web: Web) -> None:
    """Vendors keep their connections open."""
    parts = urlsplit(web.hook)
    client = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    for _ in range(20):
        body = message(web)
        client.request("POST", "/hooks/chat", body, web.signed(body))
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
    client.close()
    assert len(web.kept()) == 20


def test_pending_raws_are_in_the_order_of_their_acknowledgement(web: Web) -> None:
    """One after the other, as a vendor sends them."""
    sent = [message(web, str(number)) for number in range(10)]
    for body in sent:
        web.post(body)
    with web.crossroads.store.reading() as connection:
        assert [row.raw.body for row in journal.pending(connection, "chat", "memory_channel", 100)] == sent
