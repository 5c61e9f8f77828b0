"""What may call a vendor, and when: breakers by operation, throttling, and the budget of calls."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from crocevia.config.options import CallBudget, Options
from crocevia.connector import Usage
from crocevia.errors import OutcomeUnknownError, RetryableError, ThrottledError
from crocevia.http import LONGEST_AFTER, retry_after
from crocevia.store import connections
from crocevia.store.bindings import BACKFILL, LIVE
from crocevia.store.tables import bindings as table
from crocevia.store.tables import budgets, commands, dead
from crocevia.sync.breaker import LONGEST_S, TRIPS_AFTER, Breaker
from crocevia.sync.gate import Gate
from crocevia.testing import FakeClock, MemoryCRM, seeded_random
from crocevia.testing.clock import START
from tests.core.conftest import Crossroads

SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def write(crossroads: Crossroads, who: str, text: str = "Hello", number: int = 1) -> None:
    """A customer writes, and it is taken in."""
    crossroads.chat.write(who, text, name=who.title(), phone=f"+3933312345{number:02}")
    crossroads.deliver()
    crossroads.turn("chat")


def called(crossroads: Crossroads, since: int = 0) -> Counter[str]:
    """Calls that CRM A has seen, by operation."""
    return Counter(call.operation for call in crossroads.a.calls[since:])


def flow(crossroads: Crossroads) -> dict[str, Any]:
    """What is shown to be held back on A."""
    with crossroads.store.reading() as connection:
        return dict(connections.read(connection, "a").flow)


def shown(breaker: Breaker) -> str:
    """Its state now."""
    return breaker.state


def half_an_hour(crossroads: Crossroads, seconds: float = 1800) -> None:
    """A lane that is asked every ten seconds."""
    for _ in range(int(seconds / 10)):
        crossroads.lanes["a"].turn()
        crossroads.clock.advance(10)


# --- the breaker of each operation


@SQLITE
def test_an_outage_of_half_an_hour_costs_few_calls_and_ends_by_itself(crossroads: Crossroads) -> None:
    """Everything fails; each operation is probed now and then, with one record; then the backlog drains."""
    crossroads.settle()
    for number in range(20):
        write(crossroads, f"p{number}", number=number)
    crossroads.a.trouble.fail(RetryableError("the CRM is down"), times=10**6)
    before = len(crossroads.a.calls)
    half_an_hour(crossroads)
    made = called(crossroads, before)
    assert made["changes"] <= 20
    assert made.total() <= 45
    assert flow(crossroads)["breakers"]["read"] == "open"
    assert crossroads.rows(dead) == []
    crossroads.a.trouble.clear()
    half_an_hour(crossroads, LONGEST_S + 60)
    assert len(crossroads.a.records()) == len(crossroads.a.records("Touch")) == 20
    assert flow(crossroads) == {}
    crossroads.settle()
    crossroads.check()


@SQLITE
def test_a_breaker_of_reading_does_not_stop_what_needs_no_reading(crossroads: Crossroads) -> None:
    """New messages of a known customer are written while `changes` fails; a new customer waits: he may be there."""
    write(crossroads, "ada")
    crossroads.settle()
    crossroads.a.trouble.fail(RetryableError("no reading now"), operation="changes", times=10**6)
    half_an_hour(crossroads, 120)
    assert flow(crossroads)["breakers"] == {"read": "open"}
    write(crossroads, "ada", "while it cannot be read")
    write(crossroads, "bob", number=2)
    crossroads.lanes["a"].turn()
    crossroads.lanes["a"].turn()
    assert "while it cannot be read" in [row["text"] for row in crossroads.a.records("Touch").values()]
    assert len(crossroads.a.records()) == 1
    assert crossroads.lanes["a"].unwell == "unreachable"
    crossroads.a.trouble.clear()
    crossroads.clock.advance(LONGEST_S)
    crossroads.settle()
    assert len(crossroads.a.records()) == 2
    crossroads.check()


@SQLITE
def test_creates_that_fail_do_not_stop_updates_and_are_probed_one_by_one(crossroads: Crossroads) -> None:
    """One operation's breaker is its own."""
    for number in range(6):
        write(crossroads, f"p{number}", number=number)
    crossroads.settle()
    connector = crossroads.world.lives["a"].connector
    take = type(connector).write  # type: ignore[attr-defined]  # the class is this test's own
    sizes: list[int] = []

    def no_creates(self: Any, batch: Any) -> Any:
        if any(one.operation == "upsert" and one.object == "Person" for one in batch):
            sizes.append(len(batch))
            raise RetryableError("no new people now")
        return take(self, batch)

    type(connector).write = no_creates  # type: ignore[attr-defined]
    for number in range(10, 14):
        write(crossroads, f"p{number}", number=number)
    half_an_hour(crossroads, 300)
    assert sizes[:TRIPS_AFTER] == [4] * TRIPS_AFTER
    assert set(sizes[TRIPS_AFTER:]) == {1}
    before = len(crossroads.a.mutations)
    crossroads.b.edit(next(iter(crossroads.b.records())), tags="vip")
    crossroads.turn("b")
    crossroads.lanes["a"].turn()
    assert [change.operation for change in crossroads.a.mutations[before:]] == ["update"]
    type(connector).write = take  # type: ignore[attr-defined]
    crossroads.clock.advance(LONGEST_S)
    crossroads.settle()
    assert len(crossroads.a.records()) == 10
    crossroads.check()


def test_a_breaker_opens_after_failures_in_a_row_or_too_many_of_the_last() -> None:
    """And a probe that fails makes it wait longer; throttles are not its business."""
    breaker = Breaker(seeded_random(1))
    now = 0.0
    for _ in range(TRIPS_AFTER):
        assert shown(breaker) == "closed"
        breaker.failed(now, "down")
    waits = []
    for _ in range(8):
        assert shown(breaker) == "open"
        waits.append(breaker.wait_s(now))
        now += waits[-1]
        assert breaker.wait_s(now) == 0
        breaker.calling()
        assert shown(breaker) == "half-open"
        breaker.failed(now, "still down")
    assert waits[0] <= 15 < waits[2] < LONGEST_S
    assert all(LONGEST_S / 2 <= wait <= LONGEST_S for wait in waits[5:])
    breaker.calling()
    breaker.succeeded()
    assert (shown(breaker), breaker.failing, breaker.wait_s(now)) == ("closed", False, 0)
    for number in range(40):
        if shown(breaker) == "closed":
            breaker.failed(now, "flapping") if number % 2 else breaker.succeeded()
    assert shown(breaker) == "open"


def test_throttles_never_open_a_breaker_and_cap_what_is_asked() -> None:
    """A day is asked for; an hour is waited."""
    clock = FakeClock()
    gate = Gate(clock, seeded_random(1))
    for _ in range(3 * TRIPS_AFTER):
        with pytest.raises(ThrottledError), gate.call("read"):
            raise ThrottledError("slow down", after=timedelta(days=1))
    assert gate.failing() == {}
    assert gate.held() == {"throttled": ["connection"]}
    assert gate.wait_s("update Person") == LONGEST_AFTER.total_seconds()
    clock.advance(LONGEST_AFTER)
    assert gate.allows("read") == BACKFILL


def test_a_throttle_of_one_operation_holds_up_that_one() -> None:
    """The vendor names what is too much."""
    gate = Gate(FakeClock(), seeded_random(1))
    with pytest.raises(ThrottledError), gate.call("read"):
        raise ThrottledError("slow down", after=timedelta(seconds=60), scope="read")
    assert gate.wait_s("read") == 60
    assert gate.wait_s("send") == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("1.5", 1.5),
        (" 7 ", 7),
        ("Mon, 05 Jan 2026 09:02:00 GMT", 120),
        ("Mon, 05 Jan 2026 08:00:00 GMT", 0),
        ("Mon, 05 Jan 2076 08:00:00 GMT", 3600),
        ("86400", 3600),
        ("9" * 400, 3600),
        ("inf", 3600),
        ("nan", None),
        ("-5", 0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_in_every_form(text: str | None, seconds: float | None) -> None:
    """Seconds, a date, nothing, garbage, and more than anybody should wait."""
    found = retry_after({} if text is None else {"Retry-After": text}, now=START)
    assert found == (None if seconds is None else timedelta(seconds=seconds))


# --- the budget


def budgeted(crossroads: Crossroads, **budget: Any) -> None:
    """CRM A has so many calls an hour."""
    budget.setdefault("window_seconds", 3600)
    crossroads.options["a"] = Options(poll_s=60, budget=CallBudget(**budget))


def test_a_spent_budget_defers_everything_visibly_and_resumes_by_itself(crossroads: Crossroads) -> None:
    """No success, no dead letter, no attempt lost; when the window is over, all goes on."""
    budgeted(crossroads, calls=30, share=0.5, live=1.0)
    crossroads.settle()
    before = len(crossroads.a.calls)
    for number in range(5):
        write(crossroads, f"p{number}", number=number)
        half_an_hour(crossroads, 300)
    assert before + called(crossroads, before).total() <= 15
    shown = flow(crossroads)
    assert shown["deferred"] == ["interactive", "live", "backfill"]
    assert (shown["budget"]["limit"], shown["budget"]["allowance"], shown["budget"]["left"]) == (30, 15, 0)
    assert crossroads.rows(dead) == []
    assert {row["attempts"] for row in crossroads.rows(table, connection="a")} == {0}
    assert crossroads.lanes["a"].unwell == ""
    crossroads.clock.advance(3600)
    for _ in range(3):
        crossroads.turn("a")
        crossroads.clock.advance(61)
    assert len(crossroads.a.records()) == 5


def test_what_was_counted_is_remembered_by_the_next_process(crossroads: Crossroads) -> None:
    """A daemon that is started again does not get the day anew."""
    budgeted(crossroads, calls=20, share=1.0, live=1.0)
    write(crossroads, "ada")
    half_an_hour(crossroads, 1200)
    made = len(crossroads.a.calls)
    assert 15 <= made <= 22  # what has begun is finished
    crossroads.start()
    half_an_hour(crossroads, 600)
    assert len(crossroads.a.calls) == made
    with crossroads.store.reading() as connection:
        [taken] = connection.execute(sa.select(budgets.c.taken)).scalars()
    assert taken >= len(crossroads.a.calls)


@SQLITE
def test_a_backfill_waits_while_changes_go(crossroads: Crossroads) -> None:
    """It has half of the allowance; what is above is kept for what has just changed."""
    budgeted(crossroads, calls=1000, share=1.0, backfill=0.5)
    crossroads.settle()
    for number in range(3):
        write(crossroads, f"p{number}", number=number)
    with crossroads.store.writing() as connection:
        connection.execute(sa.update(table).values(urgency=BACKFILL))
    governor = crossroads.world.governors["a"]
    governor.spend(600)
    assert governor.allows() == LIVE
    write(crossroads, "late", number=9)
    crossroads.turn("a")
    assert [row["last"] for row in crossroads.a.records().values()] == ["Late"]
    assert flow(crossroads)["deferred"] == ["backfill"]
    crossroads.clock.advance(3601)
    crossroads.settle()
    assert len(crossroads.a.records()) == 4


@SQLITE
def test_changes_go_before_a_backfill_in_each_batch(crossroads: Crossroads) -> None:
    """Also when there is budget enough; and a backfill that changes is a change."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, write_limit=2)
    crossroads.settle()
    for number in range(4):
        write(crossroads, f"old{number}", number=number)
    with crossroads.store.writing() as connection:
        connection.execute(sa.update(table).where(table.c.connection == "a").values(urgency=BACKFILL))
    write(crossroads, "new", number=9)
    crossroads.chat.write("old3", "I have moved", name="Moved")
    crossroads.deliver()
    crossroads.turn("chat")
    crossroads.lanes["a"].turn()
    assert sorted(row["last"] for row in crossroads.a.records().values()) == ["Moved", "New"]
    crossroads.settle()
    crossroads.check()


def test_the_vendors_own_gauge_counts_what_others_use(crossroads: Crossroads) -> None:
    """Somebody else has spent the org's day: we wait, ask now and then, and go on when there is room again."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, gauge=Usage(used=10, limit=1000))
    write(crossroads, "ada")
    crossroads.settle()
    assert len(crossroads.a.records()) == 1
    crossroads.a.gauge = Usage(used=1000, limit=1000)
    write(crossroads, "bob", number=2)
    before = len(crossroads.a.calls)
    half_an_hour(crossroads, 1200)
    assert 1 <= called(crossroads, before).total() <= 5
    assert flow(crossroads)["budget"]["vendor_used"] == 1000
    assert len(crossroads.a.records()) == 1
    crossroads.a.gauge = Usage(used=100, limit=1000)
    crossroads.settle()
    assert len(crossroads.a.records()) == 2


@SQLITE
def test_connections_of_one_account_share_its_budget_and_its_throttling(crossroads: Crossroads) -> None:
    """Two connections, one org."""
    for name in ("a", "b"):
        crossroads.options[name] = Options(budget=CallBudget(calls=1000, account="the org"))
    crossroads.settle()
    used = len(crossroads.a.calls) + len(crossroads.b.calls)
    shown = flow(crossroads)
    assert shown["budget"]["used"] == pytest.approx(used, abs=12)
    crossroads.a.trouble.throttle(after=timedelta(seconds=100), operation="changes")
    crossroads.clock.advance(61)
    crossroads.turn("a")
    before = len(crossroads.b.calls)
    crossroads.turn("b")
    assert len(crossroads.b.calls) == before
    crossroads.clock.advance(101)
    crossroads.turn("b")
    assert len(crossroads.b.calls) > before


def test_the_forecast_says_until_when_the_budget_lasts(crossroads: Crossroads) -> None:
    """At the rate of this window."""
    budgeted(crossroads, calls=1000, share=0.8)
    crossroads.settle()
    governor = crossroads.world.governors["a"]
    crossroads.clock.advance(600)
    standing = governor.standing()
    assert standing is not None
    governor.spend(400 - standing.used)
    elapsed = (crossroads.clock.now() - (standing.ends_at - timedelta(hours=1))).total_seconds()
    found = governor.standing()
    assert found is not None
    assert (found.used, found.left) == (400, 400)
    assert found.spent_at is not None
    assert (found.spent_at - crossroads.clock.now()).total_seconds() == pytest.approx(elapsed, abs=1)


@SQLITE
@pytest.mark.parametrize("by", ["key", "feed"])
def test_a_create_that_was_lost_and_found_leaves_the_connection_well(crossroads: Crossroads, by: str) -> None:
    """Whether our key finds the record or the feed tells of it; nothing has to be created first."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, idempotent=False, finds_keys=by == "key")
    crossroads.settle()
    write(crossroads, "ada")
    crossroads.a.trouble.lose_answer()
    for _ in range(3):
        crossroads.clock.advance(31)
        crossroads.turn("a")
    crossroads.settle()
    assert len(crossroads.a.records()) == 1
    assert list(crossroads.lanes["a"].live.gate.failing()) == ["create Person"], "no other create has gone since"
    assert crossroads.lanes["a"].unwell == ""
    with crossroads.store.reading() as connection:
        assert connections.read(connection, "a").state == "running"


@SQLITE
def test_a_message_that_is_parked_leaves_the_connection_well(crossroads: Crossroads) -> None:
    """Nobody knows whether it went, and nothing else has to be sent: the channel is not to blame any more."""
    write(crossroads, "ada")
    crossroads.settle()
    crossroads.chat.fail(OutcomeUnknownError("no answer"))
    person = crossroads.person_id(crossroads.a)
    crossroads.a.create("Touch", person=person, direction="outbound", status="to send", text="Hi Ada!")
    crossroads.settle()
    assert [row["state"] for row in crossroads.rows(commands)] == ["unknown"]
    assert list(crossroads.lanes["chat"].live.gate.failing()) == ["send"]
    assert crossroads.lanes["chat"].unwell == ""
