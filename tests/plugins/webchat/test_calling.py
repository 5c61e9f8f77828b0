"""Who may call, how often and how much; and what every answer says to a browser."""

import uuid
from typing import Any

import pytest
import requests

from crocevia.errors import StoreError
from crocevia.store.tables import journal
from crocevia.testing import FaultPoints
from crocevia.web.app import build_app, serve

from .conftest import PAGE, Shop

PATHS = [("GET", "widget.js"), ("POST", "session"), ("POST", "messages"), ("GET", "messages"), ("POST", "statuses")]


def test_pages_of_other_origins_may_not_call(shop: Shop) -> None:
    """Exactly the settings' origins, scheme and port too; the answer lets no page read it."""
    others = ("https://evil.example", "http://www.shop.example", f"{PAGE}:8443", f"{PAGE}.evil.example", "null")
    for origin, (method, path) in zip((*others, others[0]), (*PATHS, PATHS[1]), strict=True):
        answer = shop.caller(origin=origin).call(method, path, {} if method == "POST" else None)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
        preflight = shop.caller(origin=origin).call("OPTIONS", path)
        assert preflight.status_code == 403
        assert "access-control-allow-origin" not in preflight.headers


def test_a_browser_that_asks_is_told_what_it_may(shop: Shop) -> None:
    """The preflight of a call with a token and JSON; no cookie is ever asked for or set."""
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    answer = shop.caller().call("OPTIONS", "messages", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-methods"] == "GET, POST"
    assert answer.headers["access-control-allow-headers"] == "authorization, content-type"
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.content == b""


def test_every_answer_is_strict_with_browsers(shop: Shop) -> None:
    """Data, and nothing but data: no cookie, no cache, nothing to be run, framed or guessed."""
    ada = shop.caller()
    ada.open()
    for answer in (ada.call("POST", "session", {}), ada.call("GET", "messages"), ada.call("GET", "nothing")):
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["vary"] == "origin"
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "set-cookie" not in answer.headers


def test_an_app_sends_no_origin_and_needs_none(shop: Shop) -> None:
    """Its token says who it is."""
    app = shop.caller(origin=None)
    app.open()
    answer = app.write("From the app")
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_the_widget_is_one_script_that_any_page_of_the_site_may_load(shop: Shop) -> None:
    """Kept for some minutes, then asked for again by its tag."""
    first = requests.get(f"{shop.served.url}/chat/web/widget.js", timeout=20)
    assert first.status_code == 200
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert first.headers["cache-control"] == "public, max-age=300"
    assert first.headers["cross-origin-resource-policy"] == "cross-origin"
    assert '"title": "The Shop"' in first.text
    tag = first.headers["etag"]
    again = requests.get(f"{shop.served.url}/chat/web/widget.js", headers={"if-none-match": tag}, timeout=20)
    assert (again.status_code, again.content) == (304, b"")


def test_without_a_token_of_ours_nothing_is_read_or_kept(shop: Shop) -> None:
    """None, an empty, another's, nonsense."""
    given = [{}, *({"authorization": text.encode("latin-1")} for text in ("", "Bearer", "Bearer a.b.c", "Basic è"))]
    for headers in given:
        for method, path in (("POST", "messages"), ("GET", "messages"), ("POST", "statuses")):
            body = {"id": str(uuid.uuid4()), "text": "x"} if method == "POST" else None
            answer = shop.caller().call(method, path, body, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["access-control-allow-origin"] == PAGE
    assert shop.rows(journal) == []


NONSENSE: list[Any] = [
    {},
    {"id": "1", "text": "x"},
    {"id": str(uuid.uuid4())},
    {"id": str(uuid.uuid4()), "text": ""},
    {"id": str(uuid.uuid4()), "text": " \n\u0007"},
    {"id": str(uuid.uuid4()), "text": ["x"]},
    {"id": str(uuid.uuid4()), "text": "x" * 4001},
    {"id": str(uuid.uuid4()), "text": "x", "contact": "me@example.com"},
    {"id": 7, "text": "x"},
    [],
    "x",
]


def test_a_message_that_makes_no_sense_is_refused_with_the_reason(shop: Shop) -> None:
    """400 with what was expected; nothing is kept."""
    ada = shop.caller()
    ada.open()
    for body in NONSENSE:
        answer = ada.call("POST", "messages", body)
        assert answer.status_code == 400
        assert "expected" in answer.json()["error"]
    assert shop.rows(journal) == []


def test_a_body_that_is_no_json_is_refused(shop: Shop) -> None:
    """Whatever the bytes are."""
    ada = shop.caller()
    ada.open()
    for body in (b"", b"{", b"\xff", b"[" * 10_000, b'{"id":NaN'):
        known = {"authorization": f"Bearer {ada.token}"}
        assert requests.post(f"{ada.url}/messages", data=body, headers=known, timeout=20).status_code == 400


def test_the_longest_text_is_taken_and_a_larger_body_is_refused(shop: Shop) -> None:
    """Four thousand characters in any script and spelling; then 413, and nothing is kept."""
    ada = shop.caller()
    ada.open()
    assert ada.write("🎉" * 4000).status_code == 200  # twelve bytes each, as JSON in ASCII
    answer = ada.call("POST", "messages", {"id": str(uuid.uuid4()), "text": "x", "more": "x" * 65_536})
    assert (answer.status_code, answer.json()) == (413, {"error": "at most 64 KiB"})
    assert len(shop.rows(journal)) == 1


def test_what_is_not_there_is_not_found(shop: Shop) -> None:
    """Unknown paths and connections, one that serves nobody, a method that is none of ours."""
    ada = shop.caller()
    assert ada.call("GET", "nothing").status_code == 404
    assert ada.call("GET", "session").status_code == 404
    assert ada.call("DELETE", "messages").status_code == 405
    for connection in ("nobody", "crm", ""):
        assert shop.caller(connection).call("GET", "widget.js").status_code == 404


def test_who_writes_too_much_is_slowed_down_and_others_are_not(shop: Shop) -> None:
    """429 says when to come again; then it is taken."""
    ada, bob = shop.caller(), shop.caller()
    for caller in (ada, bob):
        caller.open()
    answers = [ada.write("x") for _ in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert answers[-1].headers["retry-after"] == "2"
    assert answers[-1].headers["access-control-expose-headers"] == "retry-after"
    assert bob.write("x").status_code == 200
    shop.clock.advance(2)
    assert ada.write("x").status_code == 200


def test_one_address_may_not_call_without_end(shop: Shop) -> None:
    """Counted before anything is read or verified; a proxy on this machine says whose address it is."""
    given = {"x-forwarded-for": "198.51.100.7, 203.0.113.9"}
    answers = [shop.caller().call("GET", "nothing", headers=given).status_code for _ in range(121)]
    assert answers == [404] * 120 + [429]
    for address in ("203.0.113.9, 198.51.100.7", "2001:db8::1"):
        assert shop.caller().call("GET", "nothing", headers={"x-forwarded-for": address}).status_code == 404


def test_a_message_is_not_acknowledged_when_it_cannot_be_kept(shop: Shop) -> None:
    """The journal fails: 503 and when to come again; the same message, posted again, is there once."""
    ada = shop.caller()
    ada.open()
    key = str(uuid.uuid4())
    with FaultPoints() as points:
        points.fail("journal.before_commit", StoreError("the disk is full"))
        answer = ada.write("Hello", key)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert shop.rows(journal) == []
    assert ada.write("Hello", key).status_code == 200
    assert len(shop.rows(journal)) == 1


def test_calls_are_counted_for_the_operator(shop: Shop) -> None:
    """By connection and status, beside the webhooks."""
    served = serve(build_app(shop.world, shop.journal))
    shop.served, visitors = served, shop.served
    shop.caller().open()
    shop.caller().call("GET", "messages")
    figures = requests.get(f"{served.url}/metrics", timeout=20).text
    visitors.stop()
    assert 'crocevia_visitor_calls_total{connection="web",status="200"} 1.0' in figures
    assert 'crocevia_visitor_calls_total{connection="web",status="401"} 1.0' in figures
    assert "crocevia_visitors_waiting 0.0" in figures


def test_a_connectors_bug_does_nothing_and_tells_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """400, without what the error said."""

    def serve(*_: Any) -> None:
        raise LookupError("a secret")

    monkeypatch.setattr(shop.world.lives["web"].connector, "serve", serve)
    answer = shop.caller().call("GET", "messages")
    assert (answer.status_code, answer.json()) == (400, {"error": "this call cannot be answered"})
