"""What would happen is told before it happens, and then it happens so."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa

from crocevia.config.options import Options
from crocevia.errors import RetryableError
from crocevia.store import connections
from crocevia.store.planned import Change
from crocevia.store.tables import bindings, commands, metadata
from crocevia.sync.plan import Plan, make_plan
from crocevia.testing import MemoryCRM
from tests.core.conftest import Crossroads

PHONE = "+39 333 123 4567"


def everything(crossroads: Crossroads) -> dict[str, list[dict[str, Any]]]:
    """Every row of the store."""
    return {table.name: crossroads.rows(table) for table in metadata.sorted_tables}


def changed(plan: Plan, operation: str, name: str | None = None) -> list[Change]:
    """The plan's changes of one kind."""
    return [change for change in plan.changes(name) if change.operation == operation]


def fill(crossroads: Crossroads) -> None:
    """Ada in both CRMs under one number, Bob in `a` alone, two of one number in `b`, and Eve who writes."""
    crossroads.options["b"] = Options(priority=5)
    crossroads.a.create(first="Ada", last="Kingg", mobile=PHONE, tags="vip")
    crossroads.b.create(first="Ada", last="King", mobile="+393331234567", email="ada@example.com")
    crossroads.a.create(last="Bob", email="bob@example.com")
    for last in ("First", "Second"):
        crossroads.b.create(last=last, phone="+39 333 765 4321")
    crossroads.chat.write("eve", "Hello", name="Eve")
    crossroads.start()
    crossroads.deliver()


def test_a_plan_says_what_then_happens_and_does_none_of_it(crossroads: Crossroads) -> None:
    """Field by field; not a row of the store changes, and no vendor is written to."""
    fill(crossroads)
    before = everything(crossroads)
    with make_plan(crossroads.world) as plan:
        counts = dict(plan.counts)
        told = {
            (name, operation): Counter(
                (field, str(then))
                for change in changed(plan, operation, name)
                for field, (_, then) in change.fields.items()
                if field not in ("crocevia_key", "crocevia_revision", "person")
            )
            for name in ("a", "b")
            for operation in ("create", "update")
        }
        kingg = [change.fields["last"] for change in changed(plan, "update", "a") if "last" in change.fields]
        [asked] = changed(plan, "review", "b")

    assert everything(crossroads) == before
    assert [m for crm in crossroads.crms.values() for m in crm.mutations if m.by == "api"] == []
    assert kingg == [("Kingg", "King")]
    assert asked.remote_id in crossroads.b.records()
    assert counts["b", "adoption", "review"] == 1
    assert counts["a", "Person", "link"] == 2
    crossroads.settle()
    for name, crm in crossroads.crms.items():
        for operation in ("create", "update"):
            done = Counter(
                (field, str(value))
                for mutation in crm.mutations
                if (mutation.by, mutation.operation) == ("api", operation)
                for field, value in mutation.values.items()
                if field not in ("crocevia_key", "crocevia_revision", "person")
            )
            assert told[name, operation] == done, (name, operation)
    crossroads.check()


def test_a_plan_at_rest_is_empty_and_two_plans_are_alike(crossroads: Crossroads) -> None:
    """The same state gives the same plan, in the same order; when all is done there is none."""
    fill(crossroads)
    plans = []
    for _ in range(2):
        with make_plan(crossroads.world) as plan:
            plans.append((dict(plan.counts), plan.customers, list(plan.changes())))
    assert plans[0] == plans[1]
    assert plans[0][1] == 4
    crossroads.settle()
    with make_plan(crossroads.world) as plan:
        assert (plan.counts, plan.calls, list(plan.changes())) == ({}, {}, [])


def test_an_answer_would_be_sent_and_is_not(crossroads: Crossroads) -> None:
    """With address and text; the customer gets nothing."""
    crossroads.chat.write("ada", "Hello", name="Ada", phone=PHONE)
    crossroads.settle()
    person = crossroads.person_id(crossroads.b)
    crossroads.b.create("Touch", person=person, direction="outbound", status="to send", text="Hi Ada")
    with make_plan(crossroads.world) as plan:
        [message] = changed(plan, "send")
        [touch] = changed(plan, "create", "a")
    assert message.fields == {"to": (None, "memory|shop|ada"), "text": (None, "Hi Ada")}
    assert touch.fields["person"] == (None, crossroads.person_id(crossroads.a))
    assert crossroads.chat.sent == []


def test_what_a_look_before_a_create_finds_is_planned_as_found(crossroads: Crossroads) -> None:
    """Customers of a list that is no customer list: linked when they write, and read as the plan has written them."""
    crossroads.options["a"] = Options(customers=False, guard="read")
    there = crossroads.a.create(first="Ada", last="King", mobile=PHONE)
    crossroads.settle()
    crossroads.chat.write("ada", "Hello", name="ada_99", phone=PHONE)
    crossroads.deliver()
    with make_plan(crossroads.world) as plan:
        [link] = changed(plan, "link", "a")
        people = [change for change in plan.changes("a") if change.object == "Person"]
    assert link.remote_id == there
    assert [change.operation for change in people] == ["link", "update"]


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_what_cannot_be_read_is_said_and_creates_nothing(crossroads: Crossroads) -> None:
    """The sick CRM's part is missing, the other's is whole; a paused one is asked only when it is named."""
    crossroads.a = MemoryCRM(clock=crossroads.clock)
    fill(crossroads)
    crossroads.a.trouble.fail(RetryableError("a: no answer; try again"), operation="changes")
    with make_plan(crossroads.world) as plan:
        assert plan.troubles == {"a": "a: no answer; try again"}
        assert {name for name, _, operation in plan.counts if operation == "create"} == {"b"}
    with crossroads.store.writing() as connection:
        connections.write(crossroads.store, connection, "a", state="paused", reason="by hand")
    calls = len(crossroads.a.calls)
    with make_plan(crossroads.world) as plan:
        assert plan.skipped == ["a"]
    assert len(crossroads.a.calls) == calls
    with make_plan(crossroads.world, only="a") as plan:
        assert plan.skipped == []
        assert ("a", "Person", "link") in plan.counts


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_the_copy_is_for_this_user_alone_and_goes_away(crossroads: Crossroads) -> None:
    """It holds customers' data."""
    crossroads.start()
    with make_plan(crossroads.world) as plan:
        url = sa.make_url(plan.store.url)
        from pathlib import Path  # noqa: PLC0415 - only here

        path = Path(str(url.database))
        modes = {found.stat().st_mode & 0o077 for found in (path, path.parent)}
    assert modes == {0}
    assert not path.parent.exists()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_deletion_that_would_be_carried_on_is_planned(crossroads: Crossroads) -> None:
    """The record that would go, by its id there; it is there still."""
    crossroads.options["b"] = Options(deletes=True)
    crossroads.chat.write("ada", "Hello", name="Ada", phone=PHONE)
    crossroads.settle()
    crossroads.a.delete(crossroads.person_id(crossroads.a))
    with make_plan(crossroads.world) as plan:
        [gone] = changed(plan, "delete", "b")
    assert (gone.object, gone.remote_id, gone.ours) == ("Person", crossroads.person_id(crossroads.b), None)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_what_waits_to_be_tried_again_is_planned(crossroads: Crossroads) -> None:
    """A record that was not there yet, and a deletion: both are due later, and would happen."""
    crossroads.options["b"] = Options(deletes=True)
    crossroads.chat.write("ada", "Hello", name="Ada", phone=PHONE)
    crossroads.settle()
    crossroads.a.delete(crossroads.person_id(crossroads.a))
    crossroads.chat.write("bob", "Hello", name="Bob", phone="+393337654321")
    crossroads.deliver()
    crossroads.b.trouble.refuse(lambda _: RetryableError("b: locked; try again"))
    for name in ("a", "chat", "b"):
        crossroads.turn(name)
    waiting = [row for table in (bindings, commands) for row in crossroads.rows(table, connection="b")]
    assert sum(row["due_at"] > crossroads.world.now_us() for row in waiting) > 1
    with make_plan(crossroads.world) as plan:
        assert [change.object for change in changed(plan, "delete", "b")] == ["Person"]
        assert {change.object for change in changed(plan, "create", "b")} == {"Person", "Touch"}


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_what_a_search_finds_again_is_as_the_plan_has_written_it(crossroads: Crossroads) -> None:
    """A number of another country ends alike: the search shows Ada, whom the plan has renamed."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, write_limit=1)
    crossroads.options["b"] = Options(priority=5)
    crossroads.a.create(first="Ada", last="Kingg", mobile=PHONE)
    crossroads.b.create(first="Ada", last="King", mobile=PHONE)
    crossroads.b.create(first="Carl", last="Smith", mobile="+44 7931 234567")
    with make_plan(crossroads.world) as plan:
        names = {change.fields["last"] for change in plan.changes() if "last" in change.fields}
    assert names == {("Kingg", "King")}
