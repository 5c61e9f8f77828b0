"""Processes that are really killed, with kill -9, while they work on one store."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from crocevia.store import Store, books, open_store
from crocevia.store.tables import interactions, journal

_WORKER = '''
"""Journal messages and take them in; say on stdout what was acknowledged."""
import sys

from crocevia.identity import match, normalise
from crocevia.config.options import Options
from crocevia.model import Raw
from crocevia.plugins import load_plugins
from crocevia.store import Store
from crocevia.store.journal import GroupCommit
from crocevia.sync.lane import Lane
from crocevia.sync.world import World, live
from crocevia.testing import FakeClock, MemoryChannel
from threading import Event

url, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
clock = FakeClock()
chat = MemoryChannel(clock=clock)
chat._ids = first * 1000  # ids go on where the process before stopped
world = World(Store(url), load_plugins(entry_points=(), builtin=(match, normalise)).dispatcher, clock=clock, alone=True)
world.lives["chat"] = live("chat", chat.connector("chat"), Options())
lane = Lane(world, world.lives["chat"], f"process {first}")
commit = GroupCommit(world.store, lambda names: None)
for number in range(count):
    key = chat.write(f"customer {number % 3}", f"text {first}/{number}")
    done = Event()
    failures = []
    body = chat.request().body
    raw = Raw(connection="chat", kind="memory_channel", body=body, received_at=clock.now())
    assert commit.submit(raw, lambda failure: (failures.append(failure), done.set()))
    done.wait()
    if failures == [None]:
        print(key, flush=True)
    while lane.turn() == 0:
        pass
commit.close()
world.store.close()
'''


def run(url: str, first: int, fault: str | None) -> tuple[int, list[str]]:
    """A process on the store; how it ended, and the messages that it acknowledged."""
    environment = {name: value for name, value in os.environ.items() if name != "CROCEVIA_FAULT"}
    if fault is not None:
        environment["CROCEVIA_FAULT"] = fault
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    ended = subprocess.run(
        [sys.executable, "-c", _WORKER, url, str(first), "6"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    return ended.returncode, ended.stdout.split()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated store."""
    path = tmp_path_factory.mktemp("template") / "store.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.mark.parametrize(
    "faults",
    [
        ("journal.before_commit:3", "journal.committed:2"),
        ("intake.before_commit:2", "intake.committed:3"),
    ],
    ids=" then ".join,
)
def test_what_was_acknowledged_survives_kill_9(template: Path, tmp_path: Path, faults: tuple[str, ...]) -> None:
    """Two kills, then a process that ends by itself: each acknowledged message is one interaction."""
    shutil.copy(template, tmp_path / "store.db")
    url = f"sqlite:///{tmp_path / 'store.db'}"
    acknowledged: list[str] = []
    for number, fault in enumerate((*faults, None)):
        code, keys = run(url, number, fault)
        assert code == (0 if fault is None else -signal.SIGKILL)
        acknowledged += keys
    store = Store(url)
    with store.reading() as connection:
        logged = list(connection.execute(sa.select(interactions.c.key)).scalars())
        pending = connection.execute(sa.select(sa.func.count()).where(journal.c.state == 0)).scalar()
        found = books.read(connection, "chat").incoming
        assert connection.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
    store.close()
    assert pending == 0
    assert set(acknowledged) <= set(logged)
    assert len(logged) == len(set(logged))
    assert found.balanced
