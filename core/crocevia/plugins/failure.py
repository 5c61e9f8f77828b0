"""What went wrong in a plugin: while it was loaded, and while it ran."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from attrs import frozen

from crocevia.clock import SYSTEM_CLOCK, Clock

KEPT = 200


@frozen(kw_only=True)
class PluginFailure:
    """Something that was left out while plugins were loaded.

    Attributes:
        plugin: Its name: that of the entry point, or `"crocevia_plugin"` for the file beside the settings.
        stage: `"import"`, `"name"`, `"hook"` (one hook of it is left out) or `"register"` (what it registers).
        message: What happened.
        next_step: What its user can do.
    """

    plugin: str
    stage: str
    message: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.plugin} ({self.stage}): {self.message}. {self.next_step}"


@frozen(kw_only=True)
class HookFailure:
    """One call of a plugin's hook that raised or answered nonsense.

    The error's own text is not kept: it could quote a customer. `where` is the plugin's last line in the traceback.
    """

    plugin: str
    hook: str
    error: str
    where: str
    at: datetime


class Failures:
    """The last failures of hooks, and how many there were. Thread-safe.

    Args:
        clock: Stamps them.
        kept: How many are kept one by one; the counts know of all.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK, *, kept: int = KEPT) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._recent: deque[HookFailure] = deque(maxlen=kept)
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._observers: list[Callable[[HookFailure], None]] = []

    def record(self, plugin: str, hook: str, error: BaseException) -> HookFailure:
        """Keep and count one failure, and tell the observers."""
        failure = HookFailure(
            plugin=plugin, hook=hook, error=type(error).__name__, where=_where(error), at=self._clock.now()
        )
        with self._lock:
            self._recent.append(failure)
            self._counts[plugin, hook, failure.error] += 1
        for observer in self._observers:
            observer(failure)
        return failure

    def observe(self, observer: Callable[[HookFailure], None]) -> None:
        """Call `observer` at each failure from now on, on the thread where it happens (for logs and metrics)."""
        self._observers.append(observer)

    def recent(self) -> list[HookFailure]:
        """The last ones, oldest first."""
        with self._lock:
            return list(self._recent)

    def counts(self) -> Mapping[tuple[str, str, str], int]:
        """`{(plugin, hook, error type): how many since start}`."""
        with self._lock:
            return dict(self._counts)


def _where(error: BaseException) -> str:
    """File and line where it was raised; `""` for an error that was never raised (a wrong answer)."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return f"{Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno}" if last is not None else ""
