"""Health, readiness, metrics, and who may see what."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from crocevia import hookimpl
from crocevia.errors import RetryableError, StoreError
from crocevia.store import Store
from crocevia.store.journal import GroupCommit
from crocevia.sync.lane import Lane
from crocevia.testing import FaultPoints
from crocevia.web.app import build_app, serve


@contextmanager
def serving(crossroads: Any, *, lanes: bool = True) -> Iterator[SimpleNamespace]:
    """A server over a crossroads."""
    world = crossroads.world
    journal = GroupCommit(crossroads.store, lambda names: None)
    served = serve(build_app(world, journal, lanes=crossroads.lanes if lanes else None))
    try:
        yield SimpleNamespace(url=served.url, journal=journal)
    finally:
        served.stop()
        journal.close()


def get(url: str, **headers: str) -> requests.Response:
    """Without following redirects; a header's name is given with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(url, headers=named, timeout=20, allow_redirects=False)


def metrics(url: str) -> Mapping[tuple[str, ...], float]:
    """`{(name, label values in the order of their names...): value}`."""
    answer = get(f"{url}/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@contextmanager
def broken(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A store that cannot be read for a while."""

    def reading() -> Any:
        raise StoreError("the store cannot be used now: OperationalError: unable to open database file")

    with monkeypatch.context() as patched:
        patched.setattr(store, "reading", reading)
        yield


def test_alive_is_not_ready_until_every_lane_is_held(crossroads: Any) -> None:
    """One reason a line; ready again when a worker comes back."""
    with serving(crossroads) as web:
        assert get(f"{web.url}/healthz").text == "alive\n"
        answer = get(f"{web.url}/readyz")
        lines = [f"lane {name}: no worker is on it" for name in ("a", "b", "chat")]
        assert (answer.status_code, answer.text.splitlines()) == (503, lines)
        crossroads.round()
        answer = get(f"{web.url}/readyz")
        assert (answer.status_code, answer.text) == (200, "ready\n")
        crossroads.clock.advance(600)
        crossroads.turn("chat")
        assert get(f"{web.url}/readyz").text.splitlines() == lines[:2]


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_second_daemon_that_can_take_over_is_ready(crossroads: Any) -> None:
    """It says on which lanes it stands by; when the first one dies it has them, and says no more."""
    crossroads.world.alone = False
    crossroads.round()
    first, second = dict(crossroads.lanes), {}
    for name, lane in first.items():
        second[name] = crossroads.lanes[name] = Lane(crossroads.world, lane.live, "the second daemon")
        lane.turn()
        second[name].turn()
    with serving(crossroads) as web:
        answer = get(f"{web.url}/readyz")
        lines = ["ready", *(f"lane {name}: stand-by" for name in ("a", "b", "chat"))]
        assert (answer.status_code, answer.text.splitlines()) == (200, lines)
        crossroads.clock.advance(31)
        for lane in second.values():
            lane.turn()
        assert get(f"{web.url}/readyz").text == "ready\n"


def test_a_process_without_lanes_is_ready_without_workers(crossroads: Any) -> None:
    """It only verifies and journals; workers run elsewhere."""
    with serving(crossroads, lanes=False) as web:
        assert get(f"{web.url}/readyz").status_code == 200


def test_without_its_store_it_is_alive_and_not_ready(crossroads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages say so too, and the metrics tell what they know."""
    with serving(crossroads) as web, broken(crossroads.store, monkeypatch):
        assert get(f"{web.url}/healthz").status_code == 200
        ready = get(f"{web.url}/readyz")
        assert (ready.status_code, ready.text.partition(":")[0]) == (503, "store")
        assert get(f"{web.url}/").status_code == 503
        assert metrics(web.url)["crocevia_store_up",] == 0


def test_a_journal_that_failed_or_died_is_not_ready(crossroads: Any) -> None:
    """Until the next success, or for half a minute: then only another attempt can tell."""
    with serving(crossroads, lanes=False) as web:
        crossroads.chat.write("ada", "Hello")
        request = crossroads.chat.request()
        with FaultPoints() as points:
            points.fail("journal.before_commit", StoreError("the store cannot be used now: disk is full"))
            requests.post(f"{web.url}/hooks/chat", data=request.body, headers=request.headers, timeout=20)
        assert get(f"{web.url}/readyz").text == "journal: the store cannot be used now: disk is full\n"
        crossroads.clock.advance(31)
        assert get(f"{web.url}/readyz").status_code == 200
        web.journal.close()
        assert get(f"{web.url}/readyz").text == "journal: its thread is dead; restart the daemon\n"


def test_the_metrics_are_the_books(crossroads: Any) -> None:
    """Every term of every connection, whether it balances, and how webhooks were answered."""
    crossroads.chat.write("ada", "Hello", name="Ada", phone="+393331234567")
    crossroads.chat.emit(type="hologram")
    crossroads.settle()
    with serving(crossroads) as web:
        requests.post(f"{web.url}/hooks/chat", data=b"{}", timeout=20)
        requests.post(f"{web.url}/hooks/nobody", data=b"{}", timeout=20)
        found = metrics(web.url)
    assert found["crocevia_store_up",] == 1
    assert found["crocevia_webhooks_total", "chat", "401"] == 1
    assert found["crocevia_webhooks_total", "", "404"] == 1
    for name in ("chat", "a", "b"):
        held = crossroads.books(name)
        assert found["crocevia_balanced", name] == 1
        assert found["crocevia_up", name] == 1
        assert found["crocevia_lag_seconds", name, "in"] == 0
        for term in ("received", "applied", "superseded", "ignored", "quarantined", "pending", "unparsed"):
            assert found["crocevia_leaves", name, term] == getattr(held.incoming, term)
        for what in ("records", "commands"):
            for term in ("wanted", "applied", "pending", "unknown", "review", "dead", "blocked"):
                assert found["crocevia_wanted", name, term, what] == getattr(getattr(held, what), term)
    assert found["crocevia_leaves", "chat", "quarantined"] == 1
    assert found["crocevia_wanted", "a", "applied", "records"] == 2


def test_the_metrics_tell_of_lag_and_of_a_connection_that_is_down(crossroads: Any) -> None:
    """Age of the oldest raw that is not parsed."""
    crossroads.chat.write("ada", "Hello")
    crossroads.deliver()
    crossroads.clock.advance(90)
    crossroads.a.trouble.fail(RetryableError("a: unreachable"))
    crossroads.turn("a")
    with serving(crossroads) as web:
        found = metrics(web.url)
    assert found["crocevia_lag_seconds", "chat", "in"] == 90
    assert found["crocevia_leaves", "chat", "unparsed"] == 1
    assert found["crocevia_up", "a"] == 0
    assert found["crocevia_up", "b"] == 1


def test_the_metrics_count_hooks_that_fail(crossroads: Any) -> None:
    """By plugin, hook and type of error."""

    @hookimpl
    def crocevia_translate_event(event: Any) -> Any:
        raise LookupError("quotes a customer")

    crossroads.hooks["fragile"] = {"crocevia_translate_event": crocevia_translate_event}
    crossroads.chat.write("ada", "Hello")
    crossroads.deliver()
    crossroads.turn("chat")
    with serving(crossroads) as web:
        assert (
            metrics(web.url)["crocevia_hook_failures_total", "LookupError", "crocevia_translate_event", "fragile"] == 1
        )


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "hooks.example.com:8700"},
        {"Host": ""},
        {"X_Forwarded_For": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7"},
    ],
)
def test_pages_are_for_this_machine_alone(crossroads: Any, headers: dict[str, str]) -> None:
    """Not through a name that somebody makes point here, nor through a proxy; health and metrics hold nobody's data."""
    with serving(crossroads) as web:
        for path in ("/", "/customers/p1", "/connections/chat", "/static/crocevia.css", "/nothing"):
            assert get(f"{web.url}{path}", **headers).status_code == 403
        for path in ("/healthz", "/metrics"):
            assert get(f"{web.url}{path}", **headers).status_code == 200


@pytest.mark.parametrize("host", ["localhost:8700", "127.0.0.1", "[::1]:8700", "crocevia.localhost"])
def test_this_machine_has_several_names(crossroads: Any, host: str) -> None:
    """Each of them opens the pages."""
    with serving(crossroads) as web:
        assert get(f"{web.url}/", Host=host).status_code == 200


@pytest.mark.parametrize("path", ["/", "/nothing", "/healthz", "/metrics", "/static/crocevia.js", "/customers/p1"])
def test_every_answer_tells_browsers_what_not_to_do(crossroads: Any, path: str) -> None:
    """Nothing from elsewhere, in no frame, no guessing of types, no address handed on."""
    with serving(crossroads) as web:
        headers = get(f"{web.url}{path}").headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_the_pages_are_read_only(crossroads: Any, method: str) -> None:
    """Nothing but GET."""
    with serving(crossroads) as web:
        for path in ("/", "/customers/p1", "/connections/chat", "/healthz", "/metrics"):
            answer = requests.request(method, f"{web.url}{path}", timeout=20)
            assert answer.status_code == 405
            assert "GET" in answer.headers["allow"]
