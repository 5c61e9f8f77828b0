"""One connection is one lane: its input applied, its CRM read and written, its messages sent, one thing at a time."""

from __future__ import annotations

import threading

import structlog
from attrs import define, field

from crocevia.connector import Polls
from crocevia.errors import AuthError, CroceviaError, LeaseLostError, RemoteError, RetryableError
from crocevia.store import announcements, connections, cursors, leases
from crocevia.store.announcements import Announcement
from crocevia.store.ids import RowIds
from crocevia.store.leases import Lease
from crocevia.sync import pull
from crocevia.sync.intake import MOST_RAWS, take_in, where
from crocevia.sync.parking import give_up
from crocevia.sync.push import Push
from crocevia.sync.retry import Budget, backoff
from crocevia.sync.send import Send
from crocevia.sync.world import Live, World, streams

IDLE_S = 5.0
_US = 1_000_000
_log = structlog.get_logger("crocevia.lane")


@define
class Lane:
    """The work of one connection. Call `turn` from one thread at a time.

    Attributes:
        owner: Who takes the lane's lease; unique to a process.
        wake: Set by whoever has news for the lane.
        unwell: Why the last turn could not reach the vendor; "" while all is well.
    """

    world: World
    live: Live
    owner: str
    wake: threading.Event = field(factory=threading.Event)
    budget: Budget = field(factory=Budget)
    unwell: str = ""
    _lease: Lease | None = None
    _poll_at_s: float = 0.0
    _well_at_s: float = 0.0
    _failures: int = 0

    @property
    def name(self) -> str:
        """The connection's name."""
        return self.live.name

    def turn(self) -> float:
        """Do what there is to do; return in how many seconds to come again (0: there is more now).

        Raises:
            StoreError: the store cannot be used now; come again later.
        """
        if not self._hold():
            return min(IDLE_S, self.world.lease_s)
        try:
            more = self._work()
        except LeaseLostError:
            self._lease = None
            return IDLE_S
        if more:
            return 0.0
        now = self.world.clock.monotonic_s()
        waits = [IDLE_S]
        if self.live.reads or isinstance(self.live.connector, Polls):
            waits.append(max(0.05, self._poll_at_s - now))
        if self._well_at_s > now:
            waits.append(self._well_at_s - now)
        return min(waits)

    def release(self) -> None:
        """Give the lane back."""
        if self._lease is not None:
            leases.release(self.world.store, self._lease)
            self._lease = None

    def _hold(self) -> bool:
        """Take or renew the lease; what a dead worker left half done is parked when it was taken over."""
        before = self._lease
        now = self.world.now_us()
        lease_us = int(self.world.lease_s * _US)
        if before is None or before.until - now < lease_us // 2:
            self._lease = leases.acquire(
                self.world.store, self.name, self.owner, now, lease_us, alone=self.world.alone
            )
            if self._lease is not None and (forgotten := give_up(self.world, self.live)):
                _log.warning("events waited too long and are ignored", connection=self.name, events=forgotten)
        if self._lease is None:
            return False
        if before is None or before.epoch != self._lease.epoch:
            parked = Send(self.world, self.live, self._lease).recover()
            if parked:
                _log.warning("sends parked as unknown", connection=self.name, commands=parked)
        return True

    def _work(self) -> bool:
        described = self.live.fitted or not self.live.reads  # until then, what a field cut off looks like an edit
        more = described and take_in(self.world, self.live, self._lease) == MOST_RAWS
        paused = self._paused()
        now = self.world.clock.monotonic_s()
        if paused or self._well_at_s > now:
            return more
        try:
            more = self._remote(now) or more
        except RemoteError as error:
            self._unwell(error)
            return more
        except CroceviaError:
            raise
        except Exception as error:  # noqa: BLE001 - a connector's bug makes its connection unwell, not the daemon
            told = f"{self.name}: the connector failed ({type(error).__name__} at {where(error)}): report it"
            self._unwell(RetryableError(told))
            return more
        self._well()
        return more

    def _remote(self, now: float) -> bool:
        """Everything that calls the vendor."""
        pull.fit(self.live)
        more = False
        if now >= self._poll_at_s:
            more = pull.pull(self.world, self.live, self._lease)
            self._poll_at_s = now + self.live.options.poll_s
        while take_in(self.world, self.live, self._lease) == MOST_RAWS:
            pass
        if self._paused():
            return more
        sent = Send(self.world, self.live, self._lease, self.budget).run()
        pushed = 0
        if self.live.writes:
            pushed = Push(self.world, self.live, self._lease, self.budget).run(creating=self._baseline_complete())
        return more or bool(sent) or bool(pushed)

    def _paused(self) -> bool:
        """Whether a person, or too much that was deleted at once, has stopped the connection."""
        with self.world.store.reading() as connection:
            return connections.read(connection, self.name).state == "paused"

    def poll_now(self) -> None:
        """Read the vendor at the next turn, whatever the timetable says."""
        self._poll_at_s = 0.0
        self.wake.set()

    def _baseline_complete(self) -> bool:
        """Nothing is created in a CRM before everything that is there has been read."""
        with self.world.store.reading() as connection:
            return cursors.complete(connection, self.name, tuple(streams(self.live)))

    # --- health -----------------------------------------------------------------------------------------------------

    def _unwell(self, error: RemoteError) -> None:
        """The connection waits: its queue is kept, the others go on."""
        after = error.after if isinstance(error, RetryableError) else None
        wait = max(backoff(self._failures, self.world.random).total_seconds(), after.total_seconds() if after else 0.2)
        self._failures += 1
        self._well_at_s = self.world.clock.monotonic_s() + wait
        state = "unauthorised" if isinstance(error, AuthError) else "unreachable"
        if self.unwell != state:
            _log.warning("connection unwell", connection=self.name, state=state, reason=str(error))
            self._tell("down" if state == "unreachable" else "paused", str(error))
        self.unwell = state

    def _well(self) -> None:
        self._failures = 0
        if self.unwell:
            _log.info("connection well again", connection=self.name)
            self._tell("up", "")
        self.unwell = ""

    def _tell(self, state: str, reason: str) -> None:
        """Keep and announce the change of health: said once when it goes, once when it comes back."""
        world = self.world
        with world.store.writing() as connection:
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
