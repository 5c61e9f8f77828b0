"""Whether the process is ready to work, and what is in the way if not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from attrs import frozen

from crocevia.errors import StoreError
from crocevia.store.journal import GroupCommit
from crocevia.store.tables import leases
from crocevia.sync.lane import Lane
from crocevia.sync.world import World
from crocevia.web.ingress import Ingress

GRACE_US = 60_000_000
"""A lane at work renews its lease between turns; a long turn (a first pull) may overrun it by so much."""
FAILED_S = 30.0
"""So long a journal that failed counts as failing; after that, only another attempt can tell."""


@frozen
class Health:
    """Looks at one process. `lanes`: the connections whose work it does itself, or would if nobody else did."""

    world: World
    journal: GroupCommit
    ingress: Ingress
    lanes: Mapping[str, Lane]

    def reasons(self) -> list[str]:
        """Why it is not ready, one line each; empty when it is. Waits for the store at most as long as that waits."""
        return [*self._journal(), *self._pressure(), *self._store()]

    def standing_by(self) -> list[str]:
        """The lanes that another process works on, one line each: this one takes over when that one ends."""
        return [f"lane {name}: stand-by" for name, lane in sorted(self.lanes.items()) if lane.lease is None]

    def _pressure(self) -> Sequence[str]:
        pressure = self.ingress.pressure
        return [] if pressure is None else pressure.reasons()

    def _journal(self) -> Sequence[str]:
        if not self.journal.alive:
            return ["journal: its thread is dead; restart the daemon"]
        failure = self.ingress.failure
        if failure is not None and self.world.clock.monotonic_s() - failure[0] < FAILED_S:
            return [f"journal: {failure[1]}"]
        return []

    def _store(self) -> Sequence[str]:
        try:
            with self.world.store.reading() as connection:
                held = {row.lane: row.until for row in connection.execute(sa.select(leases.c.lane, leases.c.until))}
        except StoreError as error:
            return [f"store: {error}"]
        now = self.world.now_us()
        return [f"lane {name}: no worker is on it" for name in sorted(self.lanes) if held.get(name, 0) + GRACE_US < now]
