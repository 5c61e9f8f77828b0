"""One connection is one lane: its input applied, its CRM read and written, its messages sent, one thing at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from attrs import define, field

from crocevia.connector import Polls
from crocevia.errors import AuthError, CroceviaError, LeaseLostError, RemoteError, where
from crocevia.store import connections, cursors, leases
from crocevia.store.bindings import LIVE
from crocevia.store.leases import Lease
from crocevia.sync import lookup, pull
from crocevia.sync.gate import READ
from crocevia.sync.health import Health
from crocevia.sync.intake import take_in
from crocevia.sync.parking import give_up
from crocevia.sync.push import Push
from crocevia.sync.retire import Retire
from crocevia.sync.retry import Budget, backoff
from crocevia.sync.send import Send
from crocevia.sync.world import Live, World, streams

IDLE_S = 5.0
MOST_TAKES = 20
HANGS_S = 600.0
"""A turn of which nothing was seen for so long is not kept alive: another worker may take the lane."""
DEAD_S = 60.0
"""A lease that was not renewed for so long is nobody's, whatever the wall clock says; two leases, if that is longer."""
_US = 1_000_000
_log = structlog.get_logger("crocevia.lane")


@define
class Lane:
    """The work of one connection. Call `turn` from one thread at a time.

    Attributes:
        owner: Who takes the lane's lease; unique to a process.
        wake: Set by whoever has news for the lane.
        lease: The right to work on it; None while another worker has it.
    """

    world: World
    live: Live
    owner: str
    wake: threading.Event = field(factory=threading.Event)
    budget: Budget = field(factory=Budget)
    lease: Lease | None = None
    _health: Health = field(init=False)
    _at: str = ""
    _seen_s: float = 0.0
    _rival: tuple[int, float] = (0, 0.0)
    _poll_at_s: float = 0.0
    _well_at_s: float = 0.0
    _failures: int = 0

    def __attrs_post_init__(self) -> None:
        self.world.open_gate(self.live)
        self._health = Health(self.world, self.name)

    @property
    def name(self) -> str:
        """The connection's name."""
        return self.live.name

    @property
    def unwell(self) -> str:
        """Why the last turn could not reach the vendor; "" while all is well."""
        return self._health.unwell

    def turn(self) -> float:
        """Do a bounded part of what there is to do; return in how many seconds to come again (0: there is more now).

        Raises:
            StoreError: the store cannot be used now; come again later.
        """
        self._at = "intake"
        try:
            if not self._hold():
                return min(IDLE_S, self.world.lease_s)
            more = self._work()
        except LeaseLostError as error:
            self.lease = None
            told = "none: the other worker goes on with it"
            _log.warning("lane lost", connection=self.name, undone=self._at, reason=str(error), next_step=told)
            return min(IDLE_S, self.world.lease_s)
        if more:
            return 0.0
        now = self.world.clock.monotonic_s()
        waits = [IDLE_S]
        if self.live.reads or isinstance(self.live.connector, Polls):
            waits.append(max(0.05, self._poll_at_s - now, self.live.gate.wait_s(READ)))
        waits += [max(0.05, at - now) for at in self.live.underway.values()]
        if self._well_at_s > now:
            waits.append(self._well_at_s - now)
        return min(waits)

    def keep(self) -> None:
        """Renew the lease while a turn is under way, whose calls may last longer; from another thread, now and then.

        Raises:
            StoreError: it could not be renewed, or another worker has it: the turn finds out by itself.
        """
        lease = self.lease
        if lease is not None and self.world.clock.monotonic_s() - self._seen_s < HANGS_S:
            leases.sure(self.world.store, lease, self.world.now_us())

    def release(self) -> None:
        """Give the lane back."""
        if self.lease is not None:
            leases.release(self.world.store, self.lease)
            self.lease = None

    def _hold(self) -> bool:
        """Take or renew the lease; what a dead worker left half done is parked when it was taken over."""
        before = self.lease
        now = self.world.now_us()
        self._seen_s = self.world.clock.monotonic_s()
        lease_us = int(self.world.lease_s * _US)
        if before is None or not before.fresh(now):
            alone, void = self.world.alone, self._void()
            self.lease = leases.acquire(self.world.store, self.name, self.owner, now, lease_us, alone=alone, void=void)
            if self.lease is not None and (forgotten := give_up(self.world, self.live, self.lease)):
                _log.warning("events waited too long and are ignored", connection=self.name, events=forgotten)
        if self.lease is None:
            return False
        if before is None or before.epoch != self.lease.epoch:
            parked = Send(self.world, self.live, self.lease).recover()
            if parked:
                _log.warning("sends parked as unknown", connection=self.name, commands=parked)
        return True

    def _void(self) -> int:
        """A lease of another that has not moved for so long, by the steady clock, that its worker must be dead.

        The wall clock may have been set back since that was taken: it would seem to last for as much longer.
        """
        with self.world.store.reading() as connection:
            until = leases.until(connection, self.name)
        now = self.world.clock.monotonic_s()
        if until != self._rival[0]:
            self._rival = until, now
        return until if now - self._rival[1] > max(DEAD_S, 2 * self.world.lease_s) else 0

    def _work(self) -> bool:
        described = self.live.fitted or not self.live.reads  # until then, what a field cut off looks like an edit
        more = described and take_in(self.world, self.live, self.lease).more
        if self._paused() or self._well_at_s > self.world.clock.monotonic_s():
            return more
        trouble: tuple[str, str] | None = None
        try:
            more = self._remote() or more
        except AuthError as error:
            trouble = "unauthorised", str(error)
        except CroceviaError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug makes its connection unwell, not the daemon
            told = f"{self.name}: it failed ({type(error).__name__} at {where(error)}): report it"
            trouble = "unreachable", told
        self._wait_if(trouble is not None)
        self._health.tell(self.live.gate, self.lease, trouble)
        return more

    def _remote(self) -> bool:
        """Everything that calls the vendor, each part by itself: one that fails does not stop the next."""
        more = self._part(self._fit)
        if not self.live.fitted and self.live.reads:
            return more
        more = self._part(self._pull) or more
        more = self._take() or more
        if self._paused():
            return more
        done = [self._part(part) for part in (self._settle, self._send, self._retire, self._push)]
        return any(done) or more

    def _part(self, part: Callable[[], bool]) -> bool:
        """Do one part, under a lease that is long enough; return whether there is more.

        Raises:
            AuthError: nothing else will go either.
            LeaseLostError: another worker took over.
        """
        self._at = part.__name__.strip("_")
        if not self._hold():
            raise LeaseLostError(f"lane {self.name}: another worker took over; this one stops and writes nothing")
        try:
            return part()
        except AuthError:
            raise
        except RemoteError:
            return False  # noted by the gate, where it has to wait
        except Exception as error:
            if error is not self.live.gate.noted:
                raise
            return False

    def _fit(self) -> bool:
        if self._may_read():
            pull.fit(self.live)
        return False

    def _pull(self) -> bool:
        if self.world.clock.monotonic_s() < self._poll_at_s or not self._may_read():
            return False
        more = pull.pull(self.world, self.live, self.lease)
        if not more:
            self._poll_at_s = self.world.clock.monotonic_s() + self.live.options.poll_s
        return more

    def _take(self) -> bool:
        """Take in what was just read, so that what is written next knows of it; within bounds."""
        return all(take_in(self.world, self.live, self.lease).more for _ in range(MOST_TAKES))

    def _settle(self) -> bool:
        return self._may_read() and lookup.settle(self.world, self.live, self.lease) > 0

    def _send(self) -> bool:
        return Send(self.world, self.live, self.lease, self.budget).run() > 0

    def _retire(self) -> bool:
        return self.live.writes and Retire(self.world, self.live, self.lease, self.budget).run() > 0

    def _push(self) -> bool:
        if not self.live.writes:
            return False
        return Push(self.world, self.live, self.lease, self.budget).run(creating=self._baseline_complete()) > 0

    def _may_read(self) -> bool:
        return self.live.gate.allows(READ) >= LIVE

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

    def _wait_if(self, troubled: bool) -> None:  # noqa: FBT001 - what it is called with says it
        """What stops the whole connection makes it wait: its queue is kept, the others go on."""
        if not troubled:
            self._failures = 0
            return
        wait_s = max(backoff(self._failures, self.world.random).total_seconds(), 0.2)
        self._failures += 1
        self._well_at_s = self.world.clock.monotonic_s() + wait_s
