"""A CRM that comes later gets what was there before, once, after everything that is fresher, and also after a crash."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from crocevia.config.options import Options
from crocevia.mapping import Plain
from crocevia.store import backfills
from crocevia.store.bindings import BACKFILL
from crocevia.store.tables import bindings
from crocevia.sync import backfill
from crocevia.sync.backfill import Of, forecast, start
from crocevia.sync.world import World
from crocevia.testing import FaultPoints, KilledError, MemoryCRM
from tests.core.conftest import Crossroads

KINDS: tuple[Of, ...] = ("profile", "interaction")


def late_crm(crossroads: Crossroads, monkeypatch: pytest.MonkeyPatch) -> tuple[World, MemoryCRM]:
    """Seven customers with eight messages, then a third CRM, which has Ada already."""
    monkeypatch.setattr(backfill, "MOST_ROWS", 3)
    for number in range(7):
        crossroads.chat.write(f"c{number}", f"Hello {number}", name=f"C{number}", phone=f"+39 333 000 000{number}")
        crossroads.clock.advance(1)
    crossroads.settle()
    crossroads.chat.write("c0", "Again", name="C0")
    crossroads.settle()
    crossroads.clock.advance(60)
    crm = MemoryCRM(clock=crossroads.clock)
    crm.create(last="C3", mobile="333 0000003")
    crossroads.more["late"] = lambda: crm.connector("late")
    world = crossroads.start()
    crossroads.settle()
    assert len(crm.records()) == 1
    return world, crm


def run_all(world: World, **kwargs: Any) -> list[tuple[int, int]]:
    """Both backfills; how many rows were looked at and asked for."""
    found = []
    for of in KINDS:
        row = start(world, world.lives["late"], of, **kwargs)
        backfill.run(world, world.lives["late"], row)
        found.append((row.seen, row.wanted))
    return found


def test_a_later_crm_gets_what_was_there_and_doubles_nobody(
    crossroads: Crossroads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As forecast; again, it asks for nothing."""
    world, crm = late_crm(crossroads, monkeypatch)
    told = [forecast(world, world.lives["late"], of) for of in KINDS]
    assert [(one.seen, one.wanted, one.calls) for one in told] == [(7, 6, 2), (8, 8, 1)]
    assert run_all(world) == [(7, 6), (8, 8)]
    urgencies = {row["urgency"] for row in crossroads.rows(bindings, connection="late") if row["remote_id"] is None}
    assert urgencies == {BACKFILL}
    crossroads.settle()
    assert sorted(row["last"] for row in crm.records().values()) == [f"C{number}" for number in range(7)]
    assert sorted(row["text"] for row in crm.records("Touch").values()) == [
        "Again",
        *(f"Hello {number}" for number in range(7)),
    ]
    with crossroads.store.reading() as connection:
        assert [backfills.waiting(connection, "late", of) for of in KINDS] == [0, 0]
    calls = len([call for call in crm.calls if call.operation == "write"])
    assert run_all(world) == [(7, 0), (8, 0)]
    crossroads.settle()
    assert len([call for call in crm.calls if call.operation == "write"]) == calls
    crossroads.check()


@pytest.mark.parametrize("point", ["backfill.before_commit", "backfill.committed"])
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_backfill_that_is_killed_goes_on_where_it_was(
    crossroads: Crossroads, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Nothing is looked at twice that was committed, and nothing is left out."""
    _, crm = late_crm(crossroads, monkeypatch)
    with FaultPoints() as points:
        points.kill(point, on=2)
        with pytest.raises(KilledError):
            run_all(crossroads.world)
    world = crossroads.start()
    row = start(world, world.lives["late"], "profile")
    assert row.seen == (3 if point == "backfill.before_commit" else 6)
    assert run_all(world) == [(7, 6), (8, 8)]
    crossroads.settle()
    assert len(crm.records()) == 7
    crossroads.check()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_since_takes_who_was_in_contact_since_with_what_was_said_since(
    crossroads: Crossroads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C0 wrote again; what he had said before is not asked for."""
    crossroads.chat.write("c0", "Long ago", name="C0", phone="+39 333 000 0000")
    crossroads.settle()
    crossroads.clock.advance(timedelta(days=3).total_seconds())
    since = crossroads.clock.now()
    crossroads.chat.write("c0", "Now", name="C0")
    crossroads.settle()
    crm = MemoryCRM(clock=crossroads.clock)
    crossroads.more["late"] = lambda: crm.connector("late")
    world = crossroads.start()
    crossroads.settle()
    assert run_all(world, since=since) == [(1, 1), (1, 1)]
    crossroads.settle()
    assert [row["text"] for row in crm.records("Touch").values()] == ["Now"]


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_rule_holds_for_a_backfill_too(crossroads: Crossroads, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CRM that takes nobody new gets nobody."""
    crossroads.options["late"] = Options(records="known")
    world, _ = late_crm(crossroads, monkeypatch)
    assert run_all(world) == [(7, 0), (8, 0)]


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_field_that_is_mapped_later_is_written_on_the_records_that_are_there(
    crossroads: Crossroads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only with `again`, and only what differs; live work goes first."""
    from attrs import evolve  # noqa: PLC0415 - only here

    crossroads.chat.write("ada", "Hello", name="Ada")
    crossroads.chat.write("bob", "Hello", name="Bob")
    crossroads.settle()
    world = crossroads.start()
    person = world.lives["a"].mappings["Person"]
    world.lives["a"].mappings["Person"] = evolve(
        person, lenses=[*person.lenses, Plain(name="display_name", field="email")]
    )
    row = start(world, world.lives["a"], "profile", again=True)
    backfill.run(world, world.lives["a"], row)
    assert (row.seen, row.wanted) == (2, 2)
    with crossroads.store.reading() as connection:
        found = connection.execute(
            sa.select(bindings.c.urgency).where(bindings.c.connection == "a", bindings.c.of == "profile")
        ).scalars()
        assert set(found) == {BACKFILL}
    crossroads.turn("a")
    assert {row["email"] for row in crossroads.a.records().values()} == {"Ada", "Bob"}
