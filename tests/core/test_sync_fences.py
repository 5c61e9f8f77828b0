"""A worker whose lane another has taken over finds out before it writes anything, wherever it stands."""

from collections.abc import Callable
from functools import partial

import pytest

from crocevia.errors import LeaseLostError
from crocevia.store import leases
from crocevia.store.leases import Lease
from crocevia.store.tables import bindings, cursors, journal
from crocevia.sync import pull
from crocevia.sync.intake import take_in
from crocevia.sync.push import Push
from crocevia.testing import FaultPoints
from tests.core.conftest import Crossroads

HOUR_US = 3600 * 10**6
pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.fixture
def overtaken(crossroads: Crossroads) -> Callable[[str], Lease]:
    """Take a lane's lease and let another worker take it over; the first one's lease."""

    def make(name: str) -> Lease:
        now = crossroads.world.now_us()
        mine = leases.acquire(crossroads.store, name, "who slept", now, HOUR_US, alone=True)
        assert mine is not None
        leases.acquire(crossroads.store, name, "another", now, HOUR_US, alone=True)
        return mine

    return make


def test_intake_is_fenced(crossroads: Crossroads, overtaken: Callable[[str], Lease]) -> None:
    """What is pending stays so, for the other worker."""
    crossroads.chat.write("ada", "Hello")
    crossroads.deliver()
    with pytest.raises(LeaseLostError):
        take_in(crossroads.world, crossroads.world.lives["chat"], overtaken("chat"))
    assert [row["state"] for row in crossroads.rows(journal)] == [0]


def test_a_page_is_fenced(crossroads: Crossroads, overtaken: Callable[[str], Lease]) -> None:
    """Neither page nor cursor is kept."""
    crossroads.a.create(last="Ada")
    live = crossroads.world.lives["a"]
    pull.fit(live)
    with pytest.raises(LeaseLostError):
        pull.pull(crossroads.world, live, overtaken("a"))
    assert crossroads.rows(journal) == []
    assert crossroads.rows(cursors) == []


def test_a_claim_is_fenced(crossroads: Crossroads, overtaken: Callable[[str], Lease]) -> None:
    """Nothing is called."""
    crossroads.chat.write("ada", "Hello", phone="+393331234567")
    crossroads.deliver()
    crossroads.turn("chat")
    live = crossroads.world.lives["a"]
    pull.fit(live)
    with pytest.raises(LeaseLostError):
        Push(crossroads.world, live, overtaken("a")).run(creating=True)
    assert crossroads.writes() == 0


def test_an_outcome_is_fenced(crossroads: Crossroads, overtaken: Callable[[str], Lease]) -> None:
    """Taken over while it called: what came of the call is the other's to find out."""
    crossroads.chat.write("ada", "Hello", phone="+393331234567")
    crossroads.deliver()
    crossroads.turn("chat")
    live = crossroads.world.lives["a"]
    pull.fit(live)
    now = crossroads.world.now_us()
    mine = leases.acquire(crossroads.store, "a", "who sleeps", now, HOUR_US, alone=True)
    with FaultPoints() as points:
        points.do("push.called", partial(overtaken, "a"))
        with pytest.raises(LeaseLostError):
            Push(crossroads.world, live, mine).run(creating=True)
    assert crossroads.writes() == 1
    assert {(row["state"], row["applied"]) for row in crossroads.rows(bindings, connection="a")} == {("new", 0)}
