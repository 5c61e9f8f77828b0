"""What other connections lose while one CRM, that was down for half an hour, gets its backlog.

A channel and two CRMs in one process, run by the embedded engine on SQLite. One CRM answers in 20 ms; the other has
18,000 interactions waiting (ten a second for half an hour) and first fails, then answers in 300 ms, 200 records a call.
New messages come as fast as the well CRM gets them, 400 at a time under way. Its records a second are the figure: while
the sick one fails, and while it drains. The floor is the same with the sick connection paused; the three are measured
in turn, again and again, so that whatever else the machine does falls on each.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import _traffic
from crocevia import Outcome, Raw, Write, Written
from crocevia.config import Options
from crocevia.engine import EmbeddedEngine
from crocevia.errors import RetryableError
from crocevia.store import books, connections, journal
from crocevia.sync import pull
from crocevia.sync.lane import Lane
from crocevia.sync.world import World, live

BACKLOG, ROUNDS, SECONDS, UNDER_WAY, GROUP = 18_000, 4, 3.0, 400, 50
CUSTOMERS = 500
_SICK = "sick"
_PATIENCE_S = 180


class Slow(_traffic.Sink):
    """A CRM of which a call takes its time, or fails."""

    write_limit = 200
    took_s = 0.02
    failing = False
    received = 0

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        """Wait, then take everything."""
        time.sleep(self.took_s)
        if self.failing:
            raise RetryableError("it is down")
        self.received += len(batch)
        return [Written(id=one.id or one.key, created=one.id is None) for one in batch]


class _Site:
    """A daemon's lanes over a store with a backlog."""

    def __init__(self, folder: Path, backlog: int) -> None:
        self.world = _traffic.world(folder, "")
        self.well, self.sick = Slow(_traffic.Calls(), connection=_traffic.CRM), Slow(_traffic.Calls(), connection=_SICK)
        for name, crm in ((_traffic.CRM, self.well), (_SICK, self.sick)):
            self.world.lives[name] = live(name, crm, Options())
            pull.fit(self.world.lives[name])
            pull.pull(self.world, self.world.lives[name])
        self.sick.took_s = 0.3
        self.lanes = {name: Lane(self.world, found, "benchmark") for name, found in self.world.lives.items()}
        self.sent = 0
        self.well.took_s = 0.0
        self.pause(on=True)
        while self.sent < backlog:
            self.feed(500)
            for name in (_traffic.CHANNEL, _traffic.CRM):
                while self.lanes[name].turn() == 0:
                    pass
        self.well.took_s = 0.02

    def feed(self, count: int) -> None:
        now = datetime.now(UTC)
        numbers = range(self.sent, self.sent + count)
        bodies = [_traffic.body(number, number % CUSTOMERS) for number in numbers]
        raws = [Raw(connection=_traffic.CHANNEL, kind="whatsapp", body=body, received_at=now) for body in bodies]
        journal.commit(self.world.store, raws)
        self.sent += count

    def pause(self, *, on: bool) -> None:
        with self.world.store.writing() as connection:
            connections.write(self.world.store, connection, _SICK, state="paused" if on else "running")

    def waiting(self) -> int:
        """How many records the sick CRM still lacks."""
        with self.world.store.reading() as connection:
            return books.read(connection, _SICK).records.pending

    def rate(self, seconds: float) -> float:
        """Records a second that the well CRM gets, with as much under way as there may be."""
        before, started = self.well.received, time.perf_counter()
        while (took := time.perf_counter() - started) < seconds:
            if self.sent + CUSTOMERS - self.well.received < UNDER_WAY:
                self.feed(GROUP)
            for name in (_traffic.CHANNEL, _traffic.CRM):
                self.lanes[name].wake.set()
            time.sleep(0.005)
        return (self.well.received - before) / took


def run(backlog: int = BACKLOG, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, dict[str, Any]]:
    """The well CRM's records a second while the sick one fails and while it drains, and how long that took."""
    rates: dict[str, list[float]] = {"alone": [], "failing": [], "draining": []}
    with tempfile.TemporaryDirectory() as folder:
        site = _Site(Path(folder), backlog)
        stop = threading.Event()
        engine = threading.Thread(target=EmbeddedEngine().run, args=(list(site.lanes.values()), stop))
        engine.start()
        try:
            site.rate(seconds)
            for _ in range(rounds):
                for what, times in rates.items():
                    _make(site, what)
                    times.append(site.rate(seconds))
            drained_s = _drain(site)
        finally:
            stop.set()
            engine.join(_PATIENCE_S)
            with suppress(OSError):
                site.world.store.close()
    alone, failing, draining = (statistics.median(times) for times in rates.values())
    return {
        "isolation_failing": _traffic.figure(failing, "records/s", alone),
        "isolation": _traffic.figure(draining, "records/s", alone),
        "isolation_drained": _traffic.figure(drained_s, "s"),
    }


def _make(site: _Site, what: str) -> None:
    site.pause(on=what == "alone")
    site.sick.failing = what == "failing"
    if what == "draining":
        _well_again(site.world)
    site.lanes[_SICK].wake.set()


def _well_again(world: World) -> None:
    """Not to wait for the breaker's next probe, minutes away: the gate is as after one that went well."""
    with world.lives[_SICK].gate.call(
        *(f"{verb} {name}" for verb in ("create", "update") for name in ("Contact", "Interaction"))
    ):
        pass


def _drain(site: _Site) -> float:
    """Seconds until nothing waits any more, with no new traffic."""
    started = time.perf_counter()
    while site.waiting():
        if time.perf_counter() - started > _PATIENCE_S:
            msg = f"{site.waiting()} records still wait"
            raise RuntimeError(msg)
        site.lanes[_SICK].wake.set()
        time.sleep(0.2)
    return time.perf_counter() - started
