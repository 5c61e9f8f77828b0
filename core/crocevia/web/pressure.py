"""Whether more can be taken in: the disk, and how much waits already. Vendors deliver again what is refused in time."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import make_url

from crocevia.errors import StoreError
from crocevia.store import Store
from crocevia.store.tables import journal
from crocevia.sync.world import World

LOOK_EVERY_S = 2.0
LEAST_FREE_MB = 100
_MB = 1_000_000
_log = structlog.get_logger("crocevia.web")


class Pressure:
    """What is in the way of taking more in, as last looked. Read by the event loop, looked at by a thread.

    Args:
        world: Whose connections; their options say how much may wait.
        least_free_mb: Below so much free space on the store's disk nothing more is taken, while what is there can
            still be worked off.
        free_mb: Tells the free space; None: where it cannot be known. By default the disk of an SQLite store.
    """

    def __init__(
        self, world: World, *, least_free_mb: int = LEAST_FREE_MB, free_mb: Callable[[], float | None] | None = None
    ) -> None:
        self._world = world
        self._least_free_mb = least_free_mb
        self._free_mb = free_mb or _disk(world.store)
        self._full: str | None = None
        self._behind: dict[str, str] = {}

    def refusal(self, name: str) -> str | None:
        """Why nothing more is taken for a connection now; None when it is."""
        return self._full or self._behind.get(name)

    def reasons(self) -> list[str]:
        """Everything that is in the way, one line each."""
        return [f"disk: {self._full}"] if self._full else [f"{name}: {why}" for name, why in self._behind.items()]

    def look(self) -> None:
        """Look again; what has changed is logged once."""
        before = self.reasons()
        free = self._free_mb()
        self._full = None
        if free is not None and free < self._least_free_mb:
            self._full = f"less than {self._least_free_mb} MB are free for the store"
        with suppress(StoreError):  # where it cannot be read, a commit will tell
            self._behind = self._backlogs()
        if (now := self.reasons()) != before:
            for reason in set(now) - set(before):
                _log.warning("webhooks are asked to come again", reason=reason)
            if not now:
                _log.info("webhooks are taken again")

    def _backlogs(self) -> dict[str, str]:
        found: dict[str, str] = {}
        with self._world.store.reading() as connection:
            for name, live in self._world.lives.items():
                most = live.options.most_waiting
                waiting = sa.select(sa.literal(1)).where(journal.c.connection == name, sa.text("state = 0"))
                some = waiting.limit(most).subquery()
                if connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one() >= most:
                    found[name] = f"{most} webhooks wait to be applied"
        return found


def _disk(store: Store) -> Callable[[], float | None]:
    """The free space beside an SQLite store; a server's disk is not ours to look at."""
    path = make_url(store.url).database
    if store.dialect != "sqlite" or not path:
        return lambda: None
    folder = Path(path).resolve().parent

    def free() -> float | None:
        try:
            return shutil.disk_usage(folder).free / _MB
        except OSError:
            return None

    return free
