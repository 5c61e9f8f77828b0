"""What is said of a connection's health: kept, announced and logged when it changes, not each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from attrs import define, field
from sqlalchemy.engine import Connection

from crocevia.store import announcements, bindings, commands, connections
from crocevia.store.announcements import Announcement
from crocevia.store.ids import RowIds
from crocevia.store.leases import Lease, fence
from crocevia.sync.gate import READ, Gate
from crocevia.sync.world import World

TOLD_EVERY_S = 60.0
"""How the budget stands is kept so often; what is held back, when it changes."""
_log = structlog.get_logger("crocevia.lane")


@define
class Health:
    """Of one connection. `unwell`: "unauthorised", "unreachable", or "" while all is well."""

    world: World
    name: str
    unwell: str = ""
    _held: Mapping[str, Any] | None = None
    _flow: Mapping[str, Any] = field(factory=dict)
    _told_at_s: float = 0.0

    def tell(self, gate: Gate, lease: Lease | None, trouble: tuple[str, str] | None = None) -> None:
        """Say what has changed since the last time.

        Args:
            trouble: State and reason of what stops the whole connection; None: look at the gate.

        Raises:
            LeaseLostError: another worker has the lane, and tells.
        """
        failing = self._failing(gate)
        if trouble is None and failing:
            trouble = "unreachable", next(iter(failing.values()))
        state, reason = trouble or ("", "")
        if state != self.unwell:
            if state:
                _log.warning("connection unwell", connection=self.name, state=state, reason=reason)
            else:
                _log.info("connection well again", connection=self.name)
            self._keep_state({"": "up", "unreachable": "down"}.get(state, "paused"), reason, lease)
            self.unwell = state
        self._tell_flow(gate, lease)

    def _failing(self, gate: Gate) -> dict[str, str]:
        """What fails and is wanted: what failed once, and was settled in another way, is nobody's trouble."""
        failing = gate.failing()
        if not failing:
            return failing
        with self.world.store.reading() as connection:
            return {name: reason for name, reason in failing.items() if self._wanted(connection, name)}

    def _wanted(self, connection: Connection, operation: str) -> bool:
        verb, _, object_name = operation.partition(" ")
        if verb == READ:
            return True
        if verb in ("create", "update"):
            return bindings.waiting(connection, self.name, object_name, creating=verb == "create")
        return commands.waiting(connection, self.name, verb)

    def _keep_state(self, state: str, reason: str, lease: Lease | None) -> None:
        world = self.world
        with world.store.writing() as connection:
            if lease is not None:
                fence(connection, lease)
            kept = "running" if state == "up" else "unhealthy"
            if connections.read(connection, self.name).state == "paused":
                return  # a person has paused it meanwhile, and his word stands
            connections.write(world.store, connection, self.name, state=kept, reason=reason, changed_at=world.now_us())
            if "crocevia_connection_changed" in world.listened:
                said = Announcement(
                    hook="crocevia_connection_changed",
                    connection=self.name,
                    at=world.now_us(),
                    data={"state": state, "reason": reason},
                )
                announcements.append(connection, RowIds(connection), [said])

    def _tell_flow(self, gate: Gate, lease: Lease | None) -> None:
        """Keep what is held back, for the status, the metrics and the pages; log it once."""
        held = gate.held()
        now = self.world.clock.monotonic_s()
        if held == self._held and now - self._told_at_s < TOLD_EVERY_S:
            return
        budget = gate.budget()
        flow = {**held, **({"budget": budget} if budget else {})}
        before = self._held or {}
        if held.get("deferred") != before.get("deferred"):
            if "deferred" in held:
                _log.warning("the budget of calls is short", connection=self.name, waiting=held["deferred"])
            else:
                _log.info("the budget of calls is enough again", connection=self.name)
        self._held, self._told_at_s = held, now
        if flow != self._flow:
            with self.world.store.writing() as connection:
                if lease is not None:
                    fence(connection, lease)
                connections.write(self.world.store, connection, self.name, flow=flow)
            self._flow = flow
