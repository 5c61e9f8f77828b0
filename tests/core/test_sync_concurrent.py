"""Lanes at work at once, as the engine runs them: nobody waits for ever, nothing is lost, nothing doubled."""

import threading
from collections.abc import Callable

import pytest

from crocevia.store import Store
from crocevia.store.tables import interactions
from crocevia.testing import seeded_random
from tests.core.conftest import Crossroads


def at_once(*works: Callable[[], None]) -> list[BaseException]:
    """Run on threads together; what they raised."""
    raised: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the test shows it
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert not any(thread.is_alive() for thread in threads)
    return raised


def test_lanes_that_change_the_same_customers_at_once_neither_fail_nor_lose(crossroads: Crossroads) -> None:
    """Messages and new display names come in while both CRMs are written and edited."""
    people = [f"p{number}" for number in range(30)]
    for name in people:
        crossroads.chat.write(name, "first", name=name, phone=f"+3933312340{name[1:]:0>2}")
    crossroads.settle()
    dice = seeded_random("concurrent")

    def customers() -> None:
        for number in range(6):
            for name in dice.sample(people, len(people)):
                crossroads.chat.write(name, f"text {number}", name=f"{name} {number}")
            crossroads.deliver(most=7)
            crossroads.turn("chat")

    def colleagues(which: str) -> Callable[[], None]:
        crm = crossroads.crms[which]

        def work() -> None:
            for number in range(6):
                for id_ in list(crm.records())[number::5]:
                    crm.edit(id_, tags=f"{which}{number}")
                crossroads.turn(which)

        return work

    assert at_once(customers, colleagues("a"), colleagues("b")) == []
    assert {name: lane.unwell for name, lane in crossroads.lanes.items()} == {"chat": "", "a": "", "b": ""}
    crossroads.settle()
    assert len(crossroads.rows(interactions)) == 30 * 7
    assert len(crossroads.a.records("Touch")) == len(crossroads.b.records("Touch")) == 30 * 7
    assert len(crossroads.a.records()) == len(crossroads.b.records()) == 30
    crossroads.check()


def test_a_redelivery_storm_is_one_interaction(crossroads: Crossroads) -> None:
    """Fifty at once, journaled from many threads while intake runs."""
    crossroads.chat.write("ada", "Hello", name="Ada", phone="+393331234567")
    crossroads.deliver()

    def again() -> None:
        for _ in range(10):
            crossroads.post(crossroads.chat.redeliver().body)

    assert at_once(again, again, again, again, again, lambda: crossroads.turn("chat")) == []
    crossroads.settle()
    assert crossroads.touches(crossroads.a) == [("inbound", "Hello", "received")]
    incoming = crossroads.books("chat").incoming
    assert (incoming.received, incoming.applied, incoming.superseded) == (51, 1, 50)
    crossroads.check()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_writers_take_turns_however_greedy_one_is(store: Store) -> None:
    """Between two of the others' transactions a lane with a long backlog makes one, not as many as it likes."""
    stop = threading.Event()
    greedy: list[int] = []

    def hog() -> None:
        while not stop.is_set():
            with store.writing() as connection:
                connection.exec_driver_sql("SELECT 1")
                greedy.append(1)

    thread = threading.Thread(target=hog)
    thread.start()
    try:
        made: list[int] = []
        for _ in range(20):
            before = len(greedy)
            with store.writing() as connection:
                connection.exec_driver_sql("SELECT 1")
                made.append(len(greedy) - before)
    finally:
        stop.set()
        thread.join(20)
    assert sorted(made)[-2] <= 3
    assert len(greedy) >= 19
