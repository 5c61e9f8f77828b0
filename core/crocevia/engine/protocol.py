"""What an engine is."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Protocol

from crocevia.sync.lane import Lane


class Engine(Protocol):
    """Runs lanes until told to stop: each by one worker at a time, again when it is woken or its time has come."""

    def run(self, lanes: Sequence[Lane], stop: Event) -> None:
        """Run these lanes; return when `stop` is set and no lane is at work any more.

        A lane that raises is run again later; it never stops the others. While a turn is under way an engine calls
        `Lane.keep()` from another thread, several times in a lease's length: a turn may outlast it.
        """
        ...
