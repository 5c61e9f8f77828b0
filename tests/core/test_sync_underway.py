"""Bounds of a turn and of a transaction, and what a vendor works off by itself while everything else goes on."""

from datetime import timedelta

import pytest

from crocevia.errors import UnderwayError
from crocevia.model import Ignored, Raw
from crocevia.store import bindings, journal
from crocevia.store.bindings import BACKFILL
from crocevia.store.tables import bindings as binding_table
from crocevia.store.tables import decisions, profiles
from crocevia.sync import flips
from crocevia.sync.intake import MOST_BYTES, Taken, take_in
from crocevia.sync.push import Push
from crocevia.testing import FaultPoints, KilledError
from tests.core.conftest import Crossroads, Script, ScriptSettings, scripted


def test_one_transaction_takes_no_more_than_a_megabyte_of_raws(crossroads: Crossroads) -> None:
    """A webhook waits for the writer no longer than that."""
    crossroads.more["script"] = lambda: Script(ScriptSettings(), connection="script")
    world = crossroads.start()
    body = scripted(Ignored(reason="x" * (MOST_BYTES * 6 // 10), leaf="/0"))
    raw = Raw(connection="script", kind="script", body=body, received_at=crossroads.clock.now())
    journal.commit(crossroads.store, [raw, raw, raw])

    taken = [take_in(world, world.lives["script"]) for _ in range(3)]

    assert taken == [Taken(2, more=True), Taken(1, more=False), Taken(0, more=False)]


def test_a_long_backlog_is_read_to_its_end_without_waiting_for_the_next_poll(crossroads: Crossroads) -> None:
    """A few pages a turn, one turn after the other."""
    crossroads.a.page_limit = 2
    for number in range(30):
        crossroads.a.create(last=f"Rossi {number}", mobile=f"+3934712300{number:02}")
    crossroads.start()
    lane, turns = crossroads.lanes["a"], 1
    while lane.turn() == 0:
        turns += 1

    assert len(crossroads.rows(profiles)) == 30
    assert turns >= 3


def test_what_was_logged_before_a_kill_is_compared_and_not_put_right(crossroads: Crossroads) -> None:
    """Nobody changed it: nothing is decided, nothing written again."""
    crossroads.chat.write("ada", "Hello", name="Ada Lovelace", phone="+393331234567")
    crossroads.start()
    with FaultPoints() as points:
        points.kill("push.called", on=2)  # the customer's record is the first
        with pytest.raises(KilledError):
            crossroads.settle()
    crossroads.start()
    crossroads.settle()

    restored = [row for row in crossroads.rows(decisions) if row["chosen"] == flips.RESTORED]
    writes = [call for call in crossroads.a.calls if (call.operation, call.object) == ("write", "Touch")]
    assert restored == []
    assert len(writes) == 1
    assert crossroads.touches(crossroads.a) == [("inbound", "Hello", "received")]
    crossroads.check()


def test_what_is_urgent_goes_while_a_batch_is_worked_off(
    crossroads: Crossroads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backfill waits for the vendor; a message of now goes by itself, and nothing has lost a try."""
    crossroads.chat.write("ada", "Hello", name="Ada Lovelace", phone="+393331234567")
    crossroads.settle()
    for text in ("old 1", "old 2"):
        crossroads.chat.write("ada", text)
    crossroads.deliver(most=9)
    crossroads.turn("chat")
    with crossroads.store.writing() as connection:
        old = bindings.pending(connection, "a", "interaction", 2**62, 9)
        connection.execute(binding_table.update().values(urgency=BACKFILL).where(binding_table.c.wanted > 0))
    later = UnderwayError("a: the job runs", after=timedelta(seconds=9))
    crossroads.a.trouble.refuse(lambda write: later if str(write.values.get("text")).startswith("old") else None)
    running = {"Touch": True}
    connector = crossroads.world.lives["a"].connector
    monkeypatch.setattr(connector, "underway", lambda name: timedelta(seconds=9) if running.get(name) else None)
    crossroads.turn("a")
    crossroads.chat.write("ada", "new")
    crossroads.deliver()
    crossroads.turn("chat")
    before = len(crossroads.a.calls)
    crossroads.turn("a")
    sizes = [call.size for call in crossroads.a.calls[before:] if call.operation == "write"]
    meanwhile = [text for _, text, _ in crossroads.touches(crossroads.a)]
    tried = [row["attempts"] for row in crossroads.rows(binding_table, connection="a", of="interaction")]
    crossroads.a.trouble.clear()
    running.clear()
    crossroads.clock.advance(10)
    crossroads.settle()

    assert len(old) == 2
    assert meanwhile == ["Hello", "new"]
    assert sizes == [1]
    assert set(tried) == {0}
    assert len(crossroads.touches(crossroads.a)) == 4
    crossroads.check()


def test_what_can_wait_never_shares_a_batch_with_what_is_urgent(crossroads: Crossroads) -> None:
    """Both go, one after the other, in the same push."""
    crossroads.chat.write("ada", "Hello", name="Ada Lovelace", phone="+393331234567")
    crossroads.settle()
    for text in ("old", "new"):
        crossroads.chat.write("ada", text)
    crossroads.deliver(most=9)
    crossroads.turn("chat")
    with crossroads.store.writing() as connection:
        first = bindings.pending(connection, "a", "interaction", 2**62, 9)[0]
        connection.execute(binding_table.update().values(urgency=BACKFILL).where(binding_table.c.id == first.id))
    before = len(crossroads.a.calls)
    world = crossroads.world
    Push(world, world.lives["a"]).run(creating=True)

    sizes = [call.size for call in crossroads.a.calls[before:] if call.operation == "write"]
    assert sizes == [1, 1]
    assert len(crossroads.touches(crossroads.a)) == 3
