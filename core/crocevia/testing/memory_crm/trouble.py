"""What can go wrong with a call, on purpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from attrs import define, field

from crocevia.errors import OutcomeUnknownError, RemoteError, ThrottledError
from crocevia.model import Write

Refusal = Callable[[Write], RemoteError | None]


@define
class _Due:
    operation: str | None
    act: Callable[[], None]
    times: int


@define(eq=False)
class Trouble:
    """Faults waiting for calls: each is used up by the calls it hits."""

    _due: list[_Due] = field(factory=list)
    _refusals: list[Refusal] = field(factory=list)
    _lost: list[int | None] = field(factory=list)

    def fail(self, error: RemoteError, *, operation: str | None = None, times: int = 1) -> None:
        """Fail the next `times` calls (of `operation`: "write", "changes", "fetch", "find") before anything happens."""

        def raise_it() -> None:
            raise error

        self._due.append(_Due(operation, raise_it, times))

    def throttle(self, *, after: timedelta | None = None, operation: str | None = None, times: int = 1) -> None:
        """Answer the next calls with "too many"."""
        self.fail(ThrottledError("memory: too many calls", after=after), operation=operation, times=times)

    def meanwhile(self, action: Callable[[], object], *, operation: str = "write") -> None:
        """Do something just before the next such call takes effect: a person who edits at the worst moment."""
        self._due.append(_Due(operation, lambda: (action(), None)[1], 1))

    def lose_answer(self, *, rows: int | None = None, times: int = 1) -> None:
        """Commit the next writes (only the first `rows` of each; None: all) and raise OutcomeUnknownError."""
        self._lost += [rows] * times

    def refuse(self, refusal: Refusal) -> None:
        """Ask `refusal` about every row written from now on; its error is that row's outcome."""
        self._refusals.append(refusal)

    def clear(self) -> None:
        """All is well again."""
        self._due.clear()
        self._refusals.clear()
        self._lost.clear()

    def before(self, operation: str) -> None:
        """Let what is due happen to a call."""
        for due in list(self._due):
            if due.operation in (None, operation):
                due.times -= 1
                if due.times <= 0:
                    self._due.remove(due)
                due.act()

    def refused(self, write: Write) -> RemoteError | None:
        """The refusal of one row, if there is one."""
        return next((error for refusal in self._refusals if (error := refusal(write))), None)

    def answer_lost_after(self, batch: Sequence[Write]) -> tuple[int, OutcomeUnknownError | None]:
        """How many rows of a write to commit, and what to raise then."""
        if not self._lost:
            return len(batch), None
        rows = self._lost.pop(0)
        return len(batch) if rows is None else rows, OutcomeUnknownError("memory: the answer was lost")
