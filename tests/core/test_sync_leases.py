"""Two daemons on one store whose calls take long: whoever has a lane keeps it while it works, and gets things done."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from crocevia.engine import EmbeddedEngine
from crocevia.errors import LeaseLostError
from crocevia.store import leases
from crocevia.store.tables import bindings
from crocevia.store.tables import leases as table
from crocevia.sync.lane import HANGS_S, Lane
from crocevia.sync.world import World
from crocevia.testing import FakeClock, MemoryCRM
from tests.core.conftest import Crossroads

LEASE_S = 30.0
MOST_CALLS = 200
OPERATIONS = ("describe", "changes", "fetch", "find", "write")
SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.fixture
def slow(crossroads: Crossroads) -> Crossroads:
    """A CRM that can be searched by our key, doubles on a repeated create, and takes one record a call."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, idempotent=False, finds_keys=True, write_limit=1)
    crossroads.settle()
    for number in range(4):
        crossroads.chat.write(f"p{number}", "Hello", name=f"P{number}", phone=f"+39333123450{number}")
        crossroads.deliver()
        crossroads.turn("chat")
    return crossroads


def rival(crossroads: Crossroads) -> Lane:
    """The lane of CRM `a` in another daemon on the same store."""
    first = crossroads.world
    first.alone = False
    world = World(crossroads.store, first.dispatcher, region="IT", clock=crossroads.clock)
    found = first.lives["a"]
    world.lives["a"] = type(found)("a", crossroads.a.connector("a"), found.options, dict(found.mappings))
    return Lane(world, world.lives["a"], "the second daemon")


@contextmanager
def each_call(crossroads: Crossroads, lasts: Callable[[], None]) -> Iterator[None]:
    """While the block lasts, each call to CRM `a` lasts so long."""
    slow, counted = [True], 0

    def call(operation: str) -> None:
        def act() -> None:
            nonlocal counted
            counted += 1
            assert counted < MOST_CALLS, "it never comes to rest"
            call(operation)
            if slow:  # the other daemon's calls, while this one waits, take no time
                slow.pop()
                lasts()
                slow.append(True)

        crossroads.a.trouble.meanwhile(act, operation=operation)

    for operation in OPERATIONS:
        call(operation)
    yield
    crossroads.a.trouble.clear()


def linked(crossroads: Crossroads) -> int:
    """How many customers are known to be in CRM `a`."""
    return len(crossroads.rows(bindings, connection="a", of="profile", state="linked"))


def through(crossroads: Crossroads, lasts: Callable[[], None]) -> None:
    """A few turns of the first daemon, in each of which calls last so long."""
    lane = crossroads.lanes["a"]
    with each_call(crossroads, lasts):
        for _ in range(12):
            lane.turn()
            if linked(crossroads) == 4:
                break
            crossroads.clock.advance(1)


def test_a_turn_that_outlasts_its_lease_keeps_the_lane(slow: Crossroads) -> None:
    """Each call takes two thirds of a lease, and the other daemon looks after each: it never gets the lane."""
    other = rival(slow)
    got: list[bool] = []

    def lasts() -> None:
        slow.clock.advance(LEASE_S * 2 / 3)
        other.turn()
        got.append(other.lease is not None)

    with capture_logs() as logs:
        through(slow, lasts)
    assert (linked(slow), len(slow.a.records())) == (4, 4)
    assert set(got) == {False}
    assert [line for line in logs if line["event"] == "lane lost"] == []


def test_a_call_that_outlasts_its_lease_is_kept_alive(slow: Crossroads) -> None:
    """The engine renews while the call lasts; nothing is lost, looked up or doubled."""
    other = rival(slow)
    got: list[bool] = []

    def lasts() -> None:
        for _ in range(12):
            slow.clock.advance(LEASE_S / 4)
            slow.lanes["a"].keep()
            other.turn()
            got.append(other.lease is not None)

    through(slow, lasts)
    assert set(got) == {False}
    assert (linked(slow), len(slow.a.records())) == (4, 4)
    assert [row["state"] for row in slow.rows(bindings, connection="a", of="profile")] == ["linked"] * 4


@SQLITE
def test_what_was_left_undone_is_said_when_a_lane_is_lost(slow: Crossroads) -> None:
    """Once, with the connection, the work, and that nobody has to do anything."""
    other = rival(slow)

    def lasts() -> None:
        slow.clock.advance(LEASE_S + 1)
        other.turn()

    with capture_logs() as logs:
        slow.a.trouble.meanwhile(lasts)
        slow.lanes["a"].turn()
        slow.lanes["a"].turn()
    [line] = [line for line in logs if line["event"] == "lane lost"]
    assert (line["connection"], line["undone"], line["log_level"]) == ("a", "push", "warning")
    assert line["next_step"].startswith("none")


@SQLITE
def test_a_turn_that_hangs_is_not_kept_alive_for_ever(slow: Crossroads) -> None:
    """After ten minutes without a sign of it another may have the lane, and the renewal finds out."""
    other = rival(slow)
    lane = slow.lanes["a"]
    lane.turn()
    for _ in range(int(HANGS_S / 10)):
        lane.keep()
        slow.clock.advance(10)
    lane.keep()
    slow.clock.advance(LEASE_S - 1)
    other.turn()
    assert other.lease is not None
    assert lane.lease is not None
    with pytest.raises(LeaseLostError):
        leases.sure(slow.store, lane.lease, slow.world.now_us())


def test_a_clock_that_is_set_back_neither_keeps_a_dead_workers_lane_nor_takes_a_living_ones(slow: Crossroads) -> None:
    """Half an hour back: who works renews at once; of who died it takes a minute until somebody else has the lane."""
    other, lane = rival(slow), slow.lanes["a"]
    lane.turn()
    slow.clock.jump(timedelta(minutes=-30))
    for _ in range(20):
        lane.turn()
        other.turn()
        assert (lane.lease is not None, other.lease) == (True, None)
        slow.clock.advance(10)
    lane.turn()
    slow.clock.jump(timedelta(minutes=-30))
    for _ in range(6):
        other.turn()
        assert other.lease is None
        slow.clock.advance(10)
    slow.clock.advance(1)
    other.turn()
    assert other.lease is not None
    lane.turn()
    assert lane.lease is None


@SQLITE
def test_a_lane_that_was_given_back_is_not_renewed(slow: Crossroads) -> None:
    """A renewal that comes late does not keep the next one waiting."""
    lane = slow.lanes["a"]
    lane.turn()
    lease = lane.lease
    lane.release()
    assert lease is not None
    with pytest.raises(LeaseLostError):
        leases.renew(slow.store, lease, slow.world.now_us())
    assert [row["until"] for row in slow.rows(table, lane="a")] == [0]


@SQLITE
def test_the_engine_renews_during_a_call(slow: Crossroads) -> None:
    """While the vendor keeps a call, the lease moves on with the clock; it is given back at the end."""
    calling, answer, stop = threading.Event(), threading.Event(), threading.Event()
    clock = FakeClock(slow.clock.now(), waits=True)

    def hang() -> None:
        calling.set()
        answer.wait(20)

    world = slow.world
    world.clock, world.lease_s, world.lives = clock, 0.4, {"a": world.lives["a"]}
    slow.a.trouble.meanwhile(hang)
    lane = Lane(world, world.lives["a"], "the engine's")
    engine = threading.Thread(target=EmbeddedEngine().run, args=([lane], stop))
    engine.start()
    try:
        assert calling.wait(20)
        assert lane.lease is not None
        before = lane.lease.until
        clock.advance(100)
        waits = threading.Event()
        for _ in range(200):
            if lane.lease.until > before:
                break
            waits.wait(0.05)
        assert lane.lease.until >= before + 100 * 10**6
    finally:
        stop.set()
        answer.set()
        engine.join(20)
    assert [row["until"] for row in slow.rows(table, lane="a")] == [0]
    assert len(slow.a.records()) >= 1
