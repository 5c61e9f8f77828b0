"""A backfill of interactions into a simulated org by Bulk 2.0, with a kill -9 of the daemon half-way.

`python -m benchmarks.salesforce_backfill --count 1000000` prints the forecast, the daemon's memory as it goes, what the
second process finds, and the calls. The daemon is `crocevia run` in a process of its own; the org is in this one.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen

from benchmarks import _traffic
from crocevia import Raw
from crocevia.store import Store, backfills, interactions, journal
from crocevia.store.ids import RowIds, interaction_uid
from crocevia.sync.lane import Lane
from crocevia_salesforce.simulator import Options, Simulator, running_simulator

COUNT = 20_000
_CRM = "salesforce"
_WEBHOOKS = 500
_TOLD = 50_000
"""Up to so many interactions are told by the channel, each as a webhook."""
_ROWS = 5_000
_LOOK_S = 0.05
_STUCK_S = 600.0
"""Without any progress for so long, it has failed."""
_SETTINGS = """\
[crocevia]
store = "sqlite:///{folder}/crocevia.db"
listen = "127.0.0.1:{port}"
region = "IT"

[connections.{channel}]
kind = "whatsapp"
phone_number_id = "106540352242922"
app_secret = {{ env = "BENCHMARK_SECRET" }}
access_token = {{ env = "BENCHMARK_SECRET" }}
verify_token = {{ env = "BENCHMARK_SECRET" }}

[connections.{crm}]
kind = "salesforce"
instance_url = "{url}"
client_id = "crocevia"
client_secret = {{ env = "BENCHMARK_CLIENT_SECRET" }}
"""


@frozen(kw_only=True)
class Progress:
    """One look at the daemon: its process, its memory now and at most, and how many interactions the org holds."""

    process: int
    memory_mb: float
    peak_mb: float
    written: int
    seconds: float


@define
class Run:
    """One backfill.

    Attributes:
        looks: One for each fiftieth of the way, and for each process at least one.
        killed_at: How many interactions the org held when the first process was killed.
        calls: Every API call that the org received, as its ledger has it.
    """

    folder: Path
    org: Simulator
    count: int
    say: Callable[[str], None]
    looks: list[Progress] = field(factory=list)
    killed_at: int = 0
    calls: list[dict[str, Any]] = field(factory=list)

    def crocevia(self, *arguments: str) -> str:
        """Run a command to its end; what it said."""
        done = subprocess.run(  # noqa: S603 - this installation's own command
            _command(self.folder, *arguments), env=_environment(), capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def work(self, process: int, until: Callable[[int], bool]) -> subprocess.Popen[bytes]:
        """Start the daemon and watch it until then; it still runs."""
        log = (self.folder / f"daemon-{process}.log").open("wb")
        command = _command(self.folder, "run")
        daemon = subprocess.Popen(command, env=_environment(), stdout=log, stderr=log)  # noqa: S603 - as above
        log.close()
        try:
            self._watch(process, daemon, until)
        except BaseException:
            daemon.kill()
            daemon.wait()
            raise
        return daemon

    def _watch(self, process: int, daemon: subprocess.Popen[bytes], until: Callable[[int], bool]) -> None:
        started = moved = time.monotonic()
        written, told = self.org.admin.count("Interaction__c"), -1
        while not until(written):
            time.sleep(_LOOK_S)
            if daemon.poll() is not None or time.monotonic() - moved > _STUCK_S:
                said = (self.folder / f"daemon-{process}.log").read_text()[-2_000:]
                raise RuntimeError(f"the daemon does not go on at {written} of {self.count}: {said}")
            now = self.org.admin.count("Interaction__c")
            moved = time.monotonic() if now != written else moved
            written = now
            if written * 50 // self.count != told:
                told = written * 50 // self.count
                self._look(process, daemon.pid, written, time.monotonic() - started)
        self._look(process, daemon.pid, written, time.monotonic() - started)

    def _look(self, process: int, pid: int, written: int, seconds: float) -> None:
        now_mb, peak_mb = _memory_mb(pid, "VmRSS"), _memory_mb(pid, "VmHWM")
        look = Progress(process=process, memory_mb=now_mb, peak_mb=peak_mb, written=written, seconds=seconds)
        self.looks.append(look)
        self.say(f"process {process}: {written:>9} written, {now_mb:6.1f} MB (at most {peak_mb:.1f}), {seconds:7.1f} s")


def run(count: int = COUNT, say: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Calls for 1,000 interactions, and the most memory that the daemon took."""
    done = backfilled(count, say)
    return {
        "salesforce_backfill_calls_per_1000": _traffic.figure(len(done.calls) * 1000 / count, "calls"),
        "salesforce_backfill_memory": _traffic.figure(max(look.peak_mb for look in done.looks), "MB"),
    }


def backfilled(count: int, say: Callable[[str], None]) -> Run:
    """Fill a store, ask for a backfill, kill the daemon half-way, and let a second one end it."""
    with tempfile.TemporaryDirectory() as name, _org(Path(name)) as org:
        done = Run(Path(name), org, count, say)
        _fill(done.folder, count, max(10, count // 100))
        say(f"{count} interactions are in the store")
        (done.folder / "crocevia.toml").write_text(_settings(done.folder, org))
        say(done.crocevia("backfill", _CRM, "--dry-run"))
        done.crocevia("backfill", _CRM)
        _killed(done)
        store = Store(f"sqlite:///{done.folder}/crocevia.db")
        try:
            daemon = done.work(2, lambda written: written >= count and _waiting(store) == 0)
            daemon.send_signal(signal.SIGTERM)
            daemon.wait()
        finally:
            store.close()
        done.calls = [call for call in org.admin.calls() if call["api"]]
        if (found := org.admin.count("Interaction__c")) != count:
            raise RuntimeError(f"the org holds {found} interactions, not {count}")
    writes = sum(bool(call["write"]) for call in done.calls)
    say(f"killed at {done.killed_at}; {count} interactions once each: {len(done.calls)} calls, {writes} of them writes")
    return done


def _killed(done: Run) -> None:
    """The first process, killed with kill -9 when half is written, or a part of the first job."""
    half = done.count // 2 if done.count > 20_000 else 1
    daemon = done.work(1, lambda written: written >= half)
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait()
    done.killed_at = done.org.admin.count("Interaction__c")
    done.say(f"kill -9 of process {daemon.pid}")


@contextmanager
def _org(folder: Path) -> Iterator[Simulator]:
    """An org whose records are in a file, as they are many."""
    with running_simulator(Options(store=folder / "org.db", daily_limit=1_000_000)) as org:
        yield org


def _fill(folder: Path, count: int, customers: int) -> None:
    """Interactions of before there was a CRM; of very many, all but each customer's first are put there as they are."""
    world = _traffic.world(folder, "http://127.0.0.1:9")
    del world.lives[_traffic.CRM]
    lane = Lane(world, world.lives[_traffic.CHANNEL], "benchmark")
    now = datetime.now(UTC)
    told = count if count <= _TOLD else customers
    for start in range(0, told, _WEBHOOKS):
        bodies = [_traffic.body(number, number % customers) for number in range(start, min(told, start + _WEBHOOKS))]
        raws = [Raw(connection=_traffic.CHANNEL, kind="whatsapp", body=body, received_at=now) for body in bodies]
        journal.commit(world.store, raws)
        while lane.turn() == 0:
            pass
    lane.release()
    _copy(world.store, told, count)
    world.store.close()


def _copy(store: Store, told: int, count: int) -> None:
    """Further interactions of the same customers, as the channel's are kept."""
    with store.reading() as connection:
        first = [row for row in interactions.load(connection, range(1, told * 4)).values() if row.profile_id]
    for start in range(told, count, _ROWS):
        with store.writing() as connection:
            ids = RowIds(connection, block=_ROWS)
            interactions.save(
                connection,
                [
                    evolve(
                        like,
                        id=next(ids),
                        uid=interaction_uid(_traffic.CHANNEL, key := f"wamid.{number:016d}"),
                        key=key,
                        at=like.at + 1_000_000 * number,
                        stored=False,
                    )
                    for number in range(start, min(count, start + _ROWS))
                    for like in (first[number % len(first)],)
                ],
            )


def _waiting(store: Store) -> int:
    with store.reading() as connection:
        return backfills.waiting(connection, _CRM, "interaction")


def _settings(folder: Path, org: Simulator) -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    return _SETTINGS.format(folder=folder, port=port, channel=_traffic.CHANNEL, crm=_CRM, url=org.url)


def _command(folder: Path, *arguments: str) -> Sequence[str]:
    start = "from crocevia.cli import main; main()"
    return [sys.executable, "-c", start, "--settings", f"{folder}/crocevia.toml", *arguments]


def _environment() -> dict[str, str]:
    secrets = {"BENCHMARK_SECRET": _traffic.SECRET, "BENCHMARK_CLIENT_SECRET": Options().client_secret}
    return {**os.environ, **secrets, "NO_COLOR": "1"}


def _memory_mb(pid: int, what: str) -> float:
    """Resident memory of a process, now (VmRSS) or at most (VmHWM); 0 where it is gone, or the system does not tell."""
    try:
        told = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    kilobytes = next((line.split()[1] for line in told.splitlines() if line.startswith(f"{what}:")), "0")
    return int(kilobytes) / 1024


def main() -> None:
    """Run it once, loudly."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.salesforce_backfill", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help="interactions to write")
    for name, figure in run(parser.parse_args().count, lambda text: print(text, flush=True)).items():
        print(f"{name}: {figure['value']:.4g} {figure['unit']}")


if __name__ == "__main__":
    main()
