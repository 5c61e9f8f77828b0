"""Events that came before what they speak of wait, and not for ever."""

from __future__ import annotations

from crocevia.sync.parking import LONGEST_WAIT
from tests.core.conftest import Crossroads


def test_a_status_of_an_unknown_message_waits_a_week_and_is_then_ignored(crossroads: Crossroads) -> None:
    """The books balance before and after; what never comes is not waited for."""
    crossroads.chat.report("never-seen", "delivered")
    crossroads.settle()
    waiting = crossroads.books("chat").incoming
    crossroads.clock.advance(LONGEST_WAIT.total_seconds() + 60)
    crossroads.settle()
    after = crossroads.books("chat").incoming

    assert (waiting.pending, waiting.ignored, waiting.balanced) == (1, 0, True)
    assert (after.pending, after.ignored, after.balanced) == (0, 1, True)
