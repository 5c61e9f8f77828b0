"""A worker whose lane another has taken over finds out before it writes anything, wherever it stands."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from crocevia.errors import LeaseLostError, ThrottledError
from crocevia.store import connections as known_connections
from crocevia.store import leases
from crocevia.store.leases import Lease
from crocevia.store.tables import bindings, commands, connections, cursors, journal, parked
from crocevia.sync import pull
from crocevia.sync.health import Health
from crocevia.sync.intake import take_in
from crocevia.sync.parking import LONGEST_WAIT, give_up
from crocevia.sync.push import Push
from crocevia.sync.send import Send
from crocevia.testing import FaultPoints, KilledError
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


def test_what_a_dead_worker_had_claimed_is_parked_by_who_has_the_lane(
    crossroads: Crossroads, overtaken: Callable[[str], Lease]
) -> None:
    """Who comes too late may stand beside a worker that is just sending."""
    crossroads.chat.write("ada", "Hello", name="Ada", phone="+393331234567")
    crossroads.settle()
    person = crossroads.person_id(crossroads.a)
    crossroads.a.create("Touch", person=person, direction="outbound", text="Hello, Ada", status="to send")
    crossroads.turn("a")
    with FaultPoints() as points:
        points.kill("send.claimed")
        with pytest.raises(KilledError):
            crossroads.turn("chat")
    with pytest.raises(LeaseLostError):
        Send(crossroads.world, crossroads.world.lives["chat"], overtaken("chat")).recover()
    assert [row["state"] for row in crossroads.rows(commands)] == ["claimed"]


def test_health_is_told_by_who_has_the_lane(crossroads: Crossroads, overtaken: Callable[[str], Lease]) -> None:
    """Neither that nothing goes nor what is held back: the other worker may have found the vendor well."""
    gate = crossroads.world.lives["a"].gate
    late = overtaken("a")
    with pytest.raises(LeaseLostError):
        Health(crossroads.world, "a").tell(gate, late, ("unauthorised", "a: log in again"))
    with pytest.raises(ThrottledError), gate.call("read"):
        raise ThrottledError("a: slower", after=timedelta(minutes=1))
    assert gate.held()
    with pytest.raises(LeaseLostError):
        Health(crossroads.world, "a").tell(gate, late)
    assert crossroads.rows(connections, name="a") == []


def test_what_has_waited_too_long_is_given_up_by_who_has_the_lane(
    crossroads: Crossroads, overtaken: Callable[[str], Lease]
) -> None:
    """It is counted once in the books."""
    crossroads.chat.report("never-seen", "delivered")
    crossroads.settle()
    crossroads.clock.advance(LONGEST_WAIT.total_seconds() + 60)
    late = overtaken("chat")
    with pytest.raises(LeaseLostError):
        give_up(crossroads.world, crossroads.world.lives["chat"], late)
    assert len(crossroads.rows(parked)) == 1
    assert crossroads.books("chat").incoming.ignored == 0


def test_a_paused_connection_makes_no_call(crossroads: Crossroads) -> None:
    """Webhooks are taken in meanwhile, the other connections go on, and afterwards it catches up."""
    crossroads.start()
    with crossroads.store.writing() as connection:
        known_connections.write(crossroads.store, connection, "a", state="paused")
    crossroads.chat.write("ada", "Hello", phone="+393331234567")
    crossroads.round()
    crossroads.clock.advance(61)
    crossroads.round()
    assert crossroads.a.calls == []
    assert len(crossroads.b.records()) == 1
    with crossroads.store.writing() as connection:
        known_connections.write(crossroads.store, connection, "a", state="running")
    crossroads.settle()
    assert len(crossroads.a.records()) == 1
