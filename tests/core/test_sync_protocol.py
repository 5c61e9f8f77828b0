"""The write protocol: claim, call, outcome, bind; what may have happened is looked up, and a stale worker is fenced."""

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from crocevia.errors import OutcomeUnknownError
from crocevia.store import dead, leases
from crocevia.store.tables import bindings as table
from crocevia.store.tables import commands
from crocevia.sync.lane import Lane
from crocevia.sync.world import World
from crocevia.testing import FaultPoints, KilledError, MemoryChannel, MemoryCRM, seeded_random
from tests.core.conftest import Crossroads

PHONE = "+393331234567"
HOUR_US = 3600 * 10**6
SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def write(crossroads: Crossroads, who: str = "ada", text: str = "Hello", phone: str = PHONE) -> None:
    """A customer writes, and the message is taken in."""
    crossroads.chat.write(who, text, name=who.title(), phone=phone)
    crossroads.deliver()
    crossroads.turn("chat")


def searchable(crossroads: Crossroads) -> MemoryCRM:
    """CRM `a` becomes one that doubles on a repeated create, but can be searched by our key."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, idempotent=False, finds_keys=True)
    return crossroads.a


def found(crossroads: Crossroads, of: str = "profile") -> list[tuple[str, str | None]]:
    """State and remote id of the bindings of A."""
    return [(row["state"], row["remote_id"]) for row in crossroads.rows(table, connection="a", of=of)]


# --- what may have happened is looked up


@SQLITE
@pytest.mark.parametrize("rows", [None, 2], ids=["all of it", "half of it"])
def test_a_batch_whose_answer_was_lost_is_settled_record_by_record(crossroads: Crossroads, rows: int | None) -> None:
    """What our key finds is bound at once; what it does not find is made again, once it can be sure."""
    crm = searchable(crossroads)
    crossroads.settle()
    for number in range(5):
        write(crossroads, f"p{number}", phone=f"+39333123450{number}")
    crm.trouble.lose_answer(rows=rows)
    crossroads.lanes["a"].turn()
    assert {state for state, _ in found(crossroads)} == {"unknown"}
    crossroads.turn("a")
    linked = [remote_id for state, remote_id in found(crossroads) if state == "linked"]
    assert len(linked) == (rows or 5)
    crossroads.clock.advance(30)
    crossroads.turn("a")
    assert len(crm.records()) == (rows or 5)
    crossroads.clock.advance(31)
    crossroads.settle()
    assert len(crm.records()) == len(crm.records("Touch")) == 5
    with crossroads.store.reading() as connection:
        assert dead.listed(connection, "a") == []
    crossroads.check()


@SQLITE
@pytest.mark.parametrize("point", ["push.claimed", "push.called", "push.before_record"])
def test_a_create_that_a_crash_interrupted_is_looked_up_at_the_next_start(crossroads: Crossroads, point: str) -> None:
    """Whether it was made or not: one record in the end, without anybody's help."""
    crm = searchable(crossroads)
    crossroads.settle()
    write(crossroads)
    with FaultPoints() as points:
        points.kill(point)
        with pytest.raises(KilledError):
            crossroads.turn("a")
    crossroads.start()
    crossroads.settle()
    crossroads.clock.advance(61)
    crossroads.settle()
    assert len(crm.records()) == len(crm.records("Touch")) == 1
    crossroads.check()


@pytest.mark.parametrize("idempotent", [True, False])
def test_an_edit_between_a_create_and_the_news_of_it_is_taken_right(
    crossroads: Crossroads,
    idempotent: bool,  # noqa: FBT001 - a parameter
) -> None:
    """The record is judged against what we wrote: what a person changed since is his, and what he left is ours."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, idempotent=idempotent, finds_keys=True)
    crossroads.settle()
    write(crossroads)
    with FaultPoints() as points:
        points.kill("push.called")
        with pytest.raises(KilledError):
            crossroads.turn("a")
    crossroads.a.edit(crossroads.person_id(crossroads.a), last="Lovelace")
    crossroads.chat.write("ada", "I am the Countess now", name="Countess")  # c moves too
    crossroads.start()
    crossroads.deliver()
    crossroads.lanes["a"]._poll_at_s = 1e9  # noqa: SLF001 - our own look finds it, not the feed
    crossroads.lanes["a"].turn()
    crossroads.lanes["a"].turn()
    crossroads.settle()
    assert crossroads.person(crossroads.a)["last"] == crossroads.person(crossroads.b)["last"] == "Lovelace"
    assert crossroads.person(crossroads.a)["mobile"] == PHONE
    crossroads.check()


@SQLITE
def test_an_edit_after_a_change_whose_answer_was_lost_is_not_overwritten(crossroads: Crossroads) -> None:
    """The change is looked up before it is made again."""
    write(crossroads)
    crossroads.settle()
    person = crossroads.person_id(crossroads.a)
    other = crossroads.person_id(crossroads.b)
    crossroads.b.edit(other, last="Vip")
    crossroads.turn("b")
    crossroads.a.trouble.lose_answer()
    crossroads.turn("a")
    crossroads.clock.advance(1)
    crossroads.a.edit(person, last="Gold")
    lane = crossroads.lanes["a"]
    lane._poll_at_s = 1e9  # noqa: SLF001 - before the feed tells it
    crossroads.clock.advance(20)
    while lane.turn() == 0:
        pass
    crossroads.settle()
    assert crossroads.person(crossroads.a)["last"] == crossroads.person(crossroads.b)["last"] == "Gold"
    crossroads.check()


@SQLITE
def test_where_nothing_can_be_searched_a_person_is_asked_and_a_find_closes_the_letter(crossroads: Crossroads) -> None:
    """Parked as unknown; the feed that tells of the record settles it all the same."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, idempotent=False)
    crossroads.settle()
    write(crossroads)
    crossroads.a.trouble.lose_answer()
    crossroads.turn("a")
    with crossroads.store.reading() as connection:
        assert [letter["error"] for letter in dead.listed(connection, "a")] == ["OutcomeUnknownError"]
    assert found(crossroads) == [("unknown", None)]
    crossroads.clock.advance(31)
    crossroads.settle()
    with crossroads.store.reading() as connection:
        assert dead.listed(connection, "a") == []
    assert len(crossroads.a.records()) == len(crossroads.a.records("Touch")) == 1
    crossroads.check()


# --- two workers


def second(crossroads: Crossroads) -> dict[str, Lane]:
    """The lanes of another daemon on the same store; neither knows itself alone."""
    first = crossroads.world
    first.alone = False
    world = World(
        crossroads.store,
        first.dispatcher,
        region="IT",
        clock=crossroads.clock,
        random=seeded_random("the second"),
        lives={name: evolve(found, fitted=False) for name, found in first.lives.items()},
    )
    return {name: Lane(world, found, "the second daemon") for name, found in world.lives.items()}


def run(lane: Lane) -> None:
    """Until it rests."""
    for _ in range(50):
        if lane.turn() > 0:
            return
    raise AssertionError("it never rests")


def test_a_worker_that_slept_during_a_create_writes_nothing_when_it_wakes(crossroads: Crossroads) -> None:
    """The other took over, looked the create up, and bound it; what the first had in hand is void."""
    searchable(crossroads)
    crossroads.settle()
    write(crossroads)
    lanes = second(crossroads)
    seen: list[object] = []

    def sleep() -> None:
        crossroads.clock.advance(31)
        lanes["a"].poll_now()
        run(lanes["a"])
        seen.append(crossroads.rows(table, connection="a"))

    crossroads.a.trouble.meanwhile(sleep, operation="write")
    mine = crossroads.lanes["a"]
    mine.turn()
    assert mine.lease is None
    assert crossroads.rows(table, connection="a") == seen[0], "the stale worker has committed something"
    crossroads.clock.advance(61)
    run(lanes["a"])
    crossroads.clock.advance(61)
    run(lanes["a"])
    assert len(crossroads.a.records()) == 1
    assert {row["state"] for row in crossroads.rows(table, connection="a")} == {"linked"}


@SQLITE
@pytest.mark.parametrize("what", ["push", "send"])
def test_a_worker_that_wakes_before_its_call_makes_none(crossroads: Crossroads, what: str) -> None:
    """It claimed, slept past its lease, another took over, and the call cannot be taken back."""
    crossroads.chat = MemoryChannel(clock=crossroads.clock)
    crossroads.settle()
    write(crossroads)
    crossroads.settle()
    if what == "push":
        write(crossroads, "bob", phone="+393331234568")
    else:
        person = crossroads.person_id(crossroads.a)
        crossroads.a.create("Touch", person=person, direction="outbound", text="Hi", status="to send")
        crossroads.turn("a")
    calls = len(crossroads.a.calls), len(crossroads.chat.sent)
    name, point = ("a", "push.claimed") if what == "push" else ("chat", "send.claimed")

    def sleep() -> None:
        crossroads.clock.advance(31)
        leases.acquire(crossroads.store, name, "another", crossroads.world.now_us(), HOUR_US, alone=True)

    with FaultPoints() as points:
        points.do(point, sleep)
        crossroads.lanes[name].turn()
    written = [call for call in crossroads.a.calls[calls[0] :] if call.operation == "write"]
    assert (written, len(crossroads.chat.sent)) == ([], calls[1])
    assert crossroads.lanes[name].lease is None


def test_two_daemons_share_a_store_and_the_second_takes_over_from_a_dead_one(crossroads: Crossroads) -> None:
    """While the first lives the second stands by on its lanes; half a minute after its death everything goes on."""
    write(crossroads)
    crossroads.settle()
    lanes = second(crossroads)
    for name in crossroads.lanes:
        crossroads.lanes[name].turn()
        assert lanes[name].turn() > 0
        assert (lanes[name].lease, crossroads.lanes[name].lease is not None) == (None, True)
    crossroads.chat.write("ada", "is anybody there?", name="Ada", phone=PHONE)
    crossroads.deliver()
    crossroads.clock.advance(timedelta(seconds=31))
    for name in ("chat", "a", "b"):
        lanes[name].poll_now()
        run(lanes[name])
        crossroads.lanes[name].turn()
        assert crossroads.lanes[name].lease is None
    assert [text for _, text, _ in crossroads.touches(crossroads.a)] == ["Hello", "is anybody there?"]


@SQLITE
def test_an_interrupted_send_is_recovered_by_whoever_holds_the_lane_alone(crossroads: Crossroads) -> None:
    """A worker that lost the lane meanwhile parks nothing."""
    crossroads.settle()
    write(crossroads)
    crossroads.settle()
    person = crossroads.person_id(crossroads.a)
    crossroads.a.create("Touch", person=person, direction="outbound", text="Hi", status="to send")
    crossroads.turn("a")
    lanes = second(crossroads)

    def sleep() -> None:
        crossroads.clock.advance(31)
        run(lanes["chat"])

    channel: Any = type(crossroads.world.lives["chat"].connector)  # of this test's channel alone
    send = channel.send

    def slow(self: object, message: object) -> object:
        receipt = send(self, message)
        sleep()
        return receipt

    channel.send = slow
    crossroads.lanes["chat"].turn()
    [row] = crossroads.rows(commands)
    assert (row["state"], row["error"]) == ("unknown", OutcomeUnknownError.__name__)
    assert len(crossroads.chat.sent) == 1
