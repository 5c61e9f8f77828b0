"""Backpressure: what cannot be worked off is asked to come again, in time, and taken again when there is room."""

from collections.abc import Iterator

import pytest
import requests
from structlog.testing import capture_logs

from crocevia.config.options import Options
from crocevia.store.journal import GroupCommit
from crocevia.web.app import Served, build_app, serve
from crocevia.web.pressure import Pressure
from tests.core.conftest import Crossroads

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


class Web:
    """A server over a crossroads, on a disk with as much room as the test says."""

    def __init__(self, crossroads: Crossroads) -> None:
        self.crossroads = crossroads
        self.free_mb: float | None = 5000
        self.pressure = Pressure(crossroads.world, least_free_mb=100, free_mb=lambda: self.free_mb)
        self.journal = GroupCommit(crossroads.store, lambda _: None)
        self.served: Served = serve(build_app(crossroads.world, self.journal, pressure=self.pressure))

    def post(self) -> requests.Response:
        """A customer writes."""
        self.crossroads.chat.write("ada", "Hello", name="Ada")
        request = self.crossroads.chat.request()
        assert request is not None
        url = f"{self.served.url}/hooks/chat"
        answer = requests.post(url, data=request.body, headers=dict(request.headers), timeout=20)
        self.pressure.look()
        return answer

    def ready(self) -> list[str]:
        """What stands in the way, as `/readyz` says; lanes are not asked here."""
        text = requests.get(f"{self.served.url}/readyz", timeout=20).text
        return [line for line in text.splitlines() if line != "ready"]

    def close(self) -> None:
        """Stop."""
        self.served.stop()
        self.journal.close()


@pytest.fixture
def web(crossroads: Crossroads) -> Iterator[Web]:
    """A server; three webhooks of the chat may wait."""
    crossroads.options["chat"] = Options(most_waiting=3)
    started = Web(crossroads)
    yield started
    started.close()


def test_a_backlog_past_its_bound_is_refused_until_it_is_worked_off(web: Web) -> None:
    """503 with a time to come again; nothing that was acknowledged is among what was refused."""
    answers = [web.post() for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 503, 503]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert web.ready() == ["chat: 3 webhooks wait to be applied"]
    web.crossroads.turn("chat")
    web.pressure.look()
    assert web.post().status_code == 200
    assert web.ready() == []
    web.crossroads.turn("chat")
    assert web.crossroads.books("chat").incoming.applied == 4


def test_a_disk_that_is_nearly_full_is_refused_before_it_is_full(web: Web) -> None:
    """What is there is still applied; with room again, everything goes on by itself."""
    assert web.post().status_code == 200
    web.free_mb = 99
    with capture_logs() as logs:
        web.pressure.look()
        web.pressure.look()
    assert [line["event"] for line in logs] == ["webhooks are asked to come again"], "said once"
    assert web.post().status_code == 503
    assert web.ready() == ["disk: less than 100 MB are free for the store"]
    web.crossroads.turn("chat")
    assert web.crossroads.books("chat").incoming.applied == 1
    web.free_mb = 101
    web.pressure.look()
    assert web.post().status_code == 200


def test_where_the_free_space_is_not_known_nothing_is_refused(web: Web) -> None:
    """A database server looks after its own disk."""
    web.free_mb = None
    web.pressure.look()
    assert web.post().status_code == 200


def test_what_is_held_back_is_shown_to_who_asks(web: Web) -> None:
    """In the metrics and on the connection's page."""
    from crocevia.store import connections  # noqa: PLC0415 - for this test alone

    flow = {
        "breakers": {"read": "open"},
        "deferred": ["backfill"],
        "budget": {
            "limit": 1000,
            "allowance": 800,
            "used": 500,
            "vendor_used": 600,
            "left": 300,
            "ends_at": "2026-01-06T09:00:00+00:00",
            "spent_at": "2026-01-05T12:00:00+00:00",
        },
    }
    store = web.crossroads.store
    with store.writing() as connection:
        connections.write(store, connection, "a", flow=flow)
    metrics = requests.get(f"{web.served.url}/metrics", timeout=20).text
    assert 'crocevia_breaker_open{connection="a",operation="read"} 1.0' in metrics
    assert 'crocevia_deferred{connection="a",urgency="backfill"} 1.0' in metrics
    assert 'crocevia_deferred{connection="b",urgency="backfill"} 0.0' in metrics
    assert 'crocevia_budget_calls{connection="a",term="left"} 300.0' in metrics
    page = requests.get(f"{web.served.url}/connections/a", timeout=20).text
    said = "read: open; backfill waits for the budget of calls; 300 of 800 calls left, at this rate until"
    assert said in page
