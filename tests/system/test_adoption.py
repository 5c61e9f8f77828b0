"""Two CRMs full of records meet, held against somebody who knows whose they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks import adoption
from crocevia.store import Store, open_store
from crocevia.store.tables import bindings, cursors, reviews
from crocevia.sync.lane import Lane
from crocevia.sync.plan import make_plan
from crocevia.sync.world import World
from crocevia.testing import FaultPoints, KilledError
from tests.core.conftest import postgres_url

__all__ = ["postgres_url"]

COUNT = 500
KILLS = ("pull.committed", "intake.before_commit", "intake.committed", "push.claimed", "push.called", "push.recorded")


def test_thousands_of_records_are_linked_and_not_doubled_as_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Overlaps, doubles, shared numbers, mixed-up people: the truth holds, the forecast was right, at rest nothing."""
    monkeypatch.setattr(adoption, "PAGE", 100)
    filled = adoption.shelves(COUNT)
    store = open_store(f"sqlite:///{tmp_path}/crocevia.db")
    world = adoption.world(store, filled)
    with make_plan(world) as plan:
        planned = {(name, operation): n for (name, _, operation), n in plan.counts.items()}
        customers = plan.customers
    assert all(shelf.made == 0 for shelf in filled.values())
    adoption.settle(world)
    assert adoption.wrong(store, filled, COUNT) == []
    assert {name: planned[name, "create"] for name in filled} == {name: shelf.made for name, shelf in filled.items()}
    with store.reading() as connection:
        asked: dict[str, int] = dict(
            connection.execute(sa.select(reviews.c.connection, sa.func.count()).group_by(reviews.c.connection)).all()
        )
        linked = connection.execute(
            sa.select(bindings.c.connection, sa.func.count()).group_by(bindings.c.connection)
        ).all()
    assert {name: planned[name, "review"] for name in filled} == asked
    assert dict(linked) == dict.fromkeys(filled, customers)
    with make_plan(adoption.world(store, filled)) as plan:
        assert plan.counts == {}
    store.close()


def test_what_is_ambiguous_says_what_to_choose_between(tmp_path: Path) -> None:
    """The record, and the customers whose it may be: of one that mixes two up, both."""
    filled = adoption.shelves(400)
    store = open_store(f"sqlite:///{tmp_path}/crocevia.db")
    with make_plan(adoption.world(store, filled)) as plan:
        asked = {one.remote_id: one.fields["profiles"][1] for one in plan.changes("right") if one.operation == "review"}
    mixed = [one for one in adoption.made("right", 400) if one.sort == "mixed"]
    both = [one for one in mixed if all(person < 240 for person in one.people)]
    assert both
    assert {len(asked[one.id]) for one in both} == {2}
    assert all(name.startswith("a new customer, left left") for one in both for name in asked[one.id])
    store.close()


def run_killed(world: Callable[[], World], names: tuple[str, ...]) -> int:
    """Turn after turn, each ended by a kill at the next place of the list; return how many kills there were."""
    kills = 0
    for number in range(24):
        found = world()
        lanes = [Lane(found, live, f"process {number}") for live in found.lives.values()]
        with FaultPoints() as points:
            points.kill(names[number % len(names)], on=1 + number % 3)
            try:
                for lane in lanes:
                    while lane.turn() == 0:
                        pass
            except KilledError:
                kills += 1
    return kills


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_baseline_that_is_killed_again_and_again_goes_on_from_its_cursor(
    database: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is doubled or lost, and no page that was kept is read again."""
    monkeypatch.setattr(adoption, "PAGE", 20)
    count = 200 if database == "sqlite" else 100
    url = f"sqlite:///{tmp_path}/crocevia.db" if database == "sqlite" else request.getfixturevalue("postgres_url")
    filled = adoption.shelves(count)
    store = open_store(url)
    kills = run_killed(lambda: adoption.world(store, filled), KILLS)
    assert kills >= 5
    adoption.settle(adoption.world(store, filled))
    assert adoption.wrong(store, filled, count) == []
    pages = sum(-(-len(shelf.log) // 20) for shelf in filled.values())
    rounds = sum(shelf.calls["changes"] for shelf in filled.values())
    assert rounds < 2 * pages + 24 + 40, "a page is read twice only where it was not kept"
    _forget(store)
    store.close()


def _forget(store: Store) -> None:
    """The next test of this worker finds an empty database."""
    if store.dialect == "postgresql":
        with store.writing() as connection:
            for table in cursors.metadata.sorted_tables:
                connection.execute(sa.delete(table) if table.name != "counters" else sa.update(table).values(next=1))


def test_the_statements_for_a_thousand_records_do_not_grow(tmp_path: Path) -> None:
    """Three times as many records: no more statements for each thousand."""
    needed = []
    for count in (150, 450):
        filled = adoption.shelves(count)
        store = open_store(f"sqlite:///{tmp_path}/{count}.db")
        world = adoption.world(store, filled)
        with adoption.statements(store) as counted:
            adoption.settle(world)
        store.close()
        needed.append(counted["statements"] / count)
    assert needed[1] <= needed[0]
