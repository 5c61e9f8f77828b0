"""Faults of time: a wall clock that jumps, and a redelivery later than anybody would think."""

from datetime import timedelta
from typing import Any

import pytest

from crocevia.store.tables import interactions

SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@SQLITE
@pytest.mark.parametrize("hours", [1, -1])
def test_a_wall_clock_that_jumps_an_hour_harms_nothing(crossroads: Any, hours: int) -> None:
    """In the middle of work and with a call that has failed: it comes to rest, and each touch is there once."""
    crossroads.chat.write("ada", "before", name="Ada", phone="+393471234567")
    crossroads.round()
    crossroads.a.trouble.lose_answer()
    crossroads.chat.write("ada", "during")
    crossroads.round()

    crossroads.clock.jump(timedelta(hours=hours))
    crossroads.chat.write("ada", "after")
    crossroads.settle()
    crossroads.clock.advance(timedelta(hours=2))  # what was due by the old clock is due by now
    crossroads.settle()

    for crm in crossroads.crms.values():
        assert sorted(text for _, text, _ in crossroads.touches(crm)) == ["after", "before", "during"]
    crossroads.check()


@SQLITE
def test_a_lease_outlives_a_jump_of_the_clock_back_and_the_lane_goes_on(crossroads: Any) -> None:
    """The worker that holds it works on; nobody else gets it meanwhile."""
    crossroads.settle()
    lane = crossroads.lanes["chat"]
    epoch = lane.lease.epoch
    crossroads.clock.jump(timedelta(hours=-1))
    crossroads.chat.write("ada", "Hello")
    crossroads.settle()
    assert lane.lease.epoch == epoch
    assert [row["text"] for row in crossroads.rows(interactions)] == ["Hello"]


@SQLITE
def test_a_redelivery_after_eight_days_is_no_second_interaction(crossroads: Any) -> None:
    """WhatsApp retries for up to seven days: keys are remembered longer than that, whatever else is trimmed."""
    crossroads.chat.write("ada", "Hello", name="Ada")
    crossroads.settle()
    before = crossroads.writes()
    crossroads.clock.advance(timedelta(days=8))
    crossroads.start()
    crossroads.post(crossroads.chat.redeliver(0).body)
    crossroads.settle()
    assert [row["text"] for row in crossroads.rows(interactions)] == ["Hello"]
    assert (crossroads.books("chat").incoming.superseded, crossroads.writes()) == (1, before)
    crossroads.check()
