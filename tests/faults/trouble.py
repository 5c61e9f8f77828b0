"""Carries out what goes wrong, each thing at its time, and counts how often it really bit."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from attrs import define, field

from tests.faults.programs import crocevia, end, start
from tests.faults.proxy import State, Trick
from tests.faults.schedule import Trouble
from tests.faults.site import Site

_ORG_ROUTE = "/services/data"
_SECOND_S = 40.0


@define(eq=False)
class Troublemaker:
    """Works through the troubles of a schedule.

    Attributes:
        hits: How often each kind bit; those of roads and simulators are added by `tally`.
        skipped: What could not be done here, with the reason.
        wrong: What a fault showed at once to be broken: two daemons on one SQLite store.
    """

    site: Site
    hits: Counter[str] = field(factory=Counter)
    skipped: list[str] = field(factory=list)
    wrong: list[str] = field(factory=list)
    _database: threading.Lock = field(factory=threading.Lock)

    def play(self, began: float, over: threading.Event) -> None:
        """Everything at its time; what lasts goes on beside the rest, and is over when this returns."""
        with ThreadPoolExecutor(16, thread_name_prefix="trouble") as pool:
            under_way = []
            for trouble in self.site.schedule.troubles:
                if over.wait(max(0.0, began + trouble.at_s - time.monotonic())):
                    break
                under_way.append(pool.submit(self._do, trouble))
        for one in under_way:
            one.result()

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        for road in self.site.roads.values():
            road.mend()
        self.tally()
        self.site.org.call("PUT", "/_simulator/faults", json=[])

    def tally(self) -> None:
        """Add what befell the roads and the org."""
        for road in self.site.roads.values():
            for kind, count in road.hits.items():
                self.hits[f"{road.name}: {kind}"] += count
            road.hits.clear()
        for rule in self.site.org.call("GET", "/_simulator/faults"):
            self.hits[f"org: {rule['kind']}"] += rule["fired"]

    def _do(self, trouble: Trouble) -> None:
        kind, _, what = trouble.kind.partition(": ")
        if what:
            getattr(self, f"_{kind}")(what, trouble)
        elif trouble.where in self.site.roads:
            self._road(kind, trouble)
        else:
            getattr(self, "_" + kind.replace(" ", "_"))(trouble)

    def _road(self, kind: str, trouble: Trouble) -> None:
        road = self.site.roads[trouble.where]
        if kind == "slow":
            road.slow(0.15)
            time.sleep(trouble.lasts_s)
            road.slow(0)
        elif kind in _STATES:
            road.set(_STATES[kind])
            time.sleep(trouble.lasts_s)
            road.set("open")
        else:
            trick: Trick = _TRICKS[kind]
            road.play(trick, trouble.times)

    def _org(self, what: str, trouble: Trouble) -> None:
        rule = {"kind": what, "route": "" if what.startswith("row") else _ORG_ROUTE, "times": trouble.times}
        if what == "slow":
            rule["seconds"] = 0.7
        with contextlib.suppress(OSError):
            self.site.org.call("POST", "/_simulator/faults", json=rule)

    def _vendor(self, what: str, trouble: Trouble) -> None:
        self.site.customers.fault(what, trouble.times)
        self.hits[f"vendor: {what}"] += trouble.times

    def _sessions_expire(self, trouble: Trouble) -> None:
        self.site.org.call("POST", "/_simulator/sessions/expire")
        self.hits["sessions expire"] += 1

    # --- the daemon and its store -------------------------------------------------------------------------------------

    def _stop(self, trouble: Trouble) -> None:
        """SIGSTOP, and later SIGCONT: on PostgreSQL the other daemon takes over meanwhile."""
        keeper = self.site.keepers[int(trouble.where)]
        stopped: list[int] = []

        def stop(pid: int) -> None:
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)

        if _soon(lambda: keeper.while_alive(stop)):
            self.hits["stop"] += 1
            time.sleep(trouble.lasts_s)
            process = keeper.process
            if process is not None and process.pid == stopped[0] and process.poll() is None:
                os.kill(stopped[0], signal.SIGCONT)
                self.hits["stop: woke again"] += 1

    def _disk_full(self, trouble: Trouble) -> None:
        disk, keeper = self.site.disk, self.site.keepers[0]
        assert disk is not None

        def fill(pid: int) -> None:
            disk.fill(pid)
            time.sleep(trouble.lasts_s)
            disk.free(pid)

        if _soon(lambda: keeper.ready() and keeper.while_alive(fill)):
            self.hits["disk full" if disk.mounted else "disk full (RLIMIT_FSIZE)"] += 1

    def _fsync_error(self, trouble: Trouble) -> None:
        """Every fsync of the daemon fails with EIO while strace is attached."""
        keeper, told = self.site.keepers[0], self.site.folder / f"strace-{trouble.at_s:.2f}.log"
        calls, complaints = "fsync,fdatasync", list[str]()

        def trace(pid: int) -> None:
            command = ["strace", "-f", "-qq", "-o", str(told), "-p", str(pid), "-e", f"trace={calls}"]
            command += ["-e", f"inject={calls}:error=EIO"]
            attached = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            time.sleep(trouble.lasts_s)
            attached.terminate()
            complaints.append(attached.communicate()[1].decode())

        try:
            if not _soon(lambda: keeper.ready() and keeper.while_alive(trace)):
                return
        except FileNotFoundError:
            self.skipped.append("fsync error: strace is not installed")
            return
        injected = re.findall("INJECTED", told.read_text()) if told.exists() else []
        self.hits["fsync error"] += len(injected)
        if "not permitted" in complaints[0] and os.geteuid() != 0:
            self.skipped.append("fsync error: this user may not trace the daemon")

    def _second_daemon(self, trouble: Trouble) -> None:
        """A second daemon on the same SQLite store must refuse, and say why."""
        keeper = self.site.keepers[0]

        def try_it(pid: int) -> None:
            log = self.site.folder / "second.log"
            with log.open("ab", buffering=0) as file:
                settings = keeper.settings.with_name("second.toml")
                settings.write_text(re.sub(r'listen = ".*"', 'listen = "127.0.0.1:0"', keeper.settings.read_text()))
                environment = {**keeper.environment, "CROCEVIA_SETTINGS": str(settings), "NO_COLOR": "1"}
                process = start(crocevia("run"), self.site.folder, environment, stdout=file, stderr=file)
                try:
                    code: int | None = process.wait(_SECOND_S)
                except subprocess.TimeoutExpired:
                    code = None
                    end(process)
            alive = keeper.process is not None and keeper.process.poll() is None and keeper.process.pid == pid
            if code == 2 and "another daemon" in log.read_text():
                self.hits["second daemon"] += 1
            elif alive:
                self.wrong.append(f"a second daemon on the SQLite store ended with {code}, expected 2")

        _soon(lambda: keeper.ready() and keeper.while_alive(try_it))

    def _database_restart(self, trouble: Trouble) -> None:
        assert self.site.database is not None
        with self._database:
            self.site.database.restart()
        self.hits["database restart"] += 1


def _soon(what: Callable[[], bool], within_s: float = 8.0) -> bool:
    """Try until it works."""
    deadline = time.monotonic() + within_s
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


_STATES: dict[str, State] = {"cut": "cut", "stalled": "stalled", "black hole": "black hole"}
_TRICKS: dict[str, Trick] = {
    "forget": "forget",
    "truncate": "truncate",
    "refuse 429": "refuse 429",
    "refuse 503": "refuse 503",
}
