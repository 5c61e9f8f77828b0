"""A power cut loses every write that was not synced: what was acknowledged before is there all the same."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from crocevia.config.options import Options
from crocevia.identity import match, normalise
from crocevia.plugins import load_plugins
from crocevia.store import Store, books, database, open_store
from crocevia.store.journal import GroupCommit
from crocevia.store.tables import interactions, journal
from crocevia.sync.lane import Lane
from crocevia.sync.world import World, live
from crocevia.testing import FakeClock, MemoryChannel, MemoryCRM
from crocevia.web.app import build_app, serve
from tests.model.power import Power, library

WEBHOOKS = 30
pytestmark = pytest.mark.skipif(library() is None, reason="this SQLite does not export its table of file functions")

Ack = tuple[list[bytes], Mapping[str, bytes]]


def a_morning(folder: Path) -> tuple[list[Ack], MemoryChannel, MemoryCRM]:
    """Webhooks over HTTP beside lanes at work: at each 200, what was acknowledged so far and what a cut would leave."""
    open_store(f"sqlite:///{folder}/store.db").close()
    clock = FakeClock()
    chat, crm = MemoryChannel(clock=clock), MemoryCRM(clock=clock)
    acknowledged: list[bytes] = []
    moments: list[Ack] = []
    with Power() as power:
        store = Store(f"sqlite:///{folder}/store.db")
        lanes = turnable(store, clock, chat, crm)
        group = GroupCommit(store, lambda names: None)
        served = serve(build_app(lanes[0].world, group))
        for number in range(WEBHOOKS):
            chat.write(f"customer {number % 7}", f"Message {number}", name="Ada")
            [webhook] = chat.requests()
            answer = requests.post(f"{served.url}/hooks/chat", data=webhook.body, headers=webhook.headers, timeout=20)
            assert answer.status_code == 200
            acknowledged.append(webhook.body)
            moments.append((list(acknowledged), power.cut()))
            if number % 5 == 4:
                work(lanes)
            if number == WEBHOOKS // 2:
                with store.engine.connect() as connection:
                    connection.exec_driver_sql("COMMIT")  # a checkpoint stands in no transaction
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(RESTART)")
        served.stop()
        group.close()
        store.close()
    return moments, chat, crm


def turnable(store: Store, clock: FakeClock, chat: MemoryChannel, crm: MemoryCRM) -> list[Lane]:
    """The lanes of a process on a store."""
    plugins = load_plugins(entry_points=(), builtin=(match, normalise))
    world = World(store, plugins.dispatcher, region="IT", clock=clock, alone=True)
    for name, vendor in (("chat", chat), ("crm", crm)):
        world.lives[name] = live(name, vendor.connector(name), Options())
    return [Lane(world, found, "a process") for found in world.lives.values()]


def work(lanes: list[Lane]) -> None:
    """Every lane, until it has nothing to do now."""
    for lane in lanes:
        lane.poll_now()
        while lane.turn() == 0:
            pass


def found_after(folder: Path, cut: Mapping[str, bytes]) -> Store:
    """The store as the next start finds it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in cut.items():
        (folder / name).write_bytes(content)
    return Store(f"sqlite:///{folder}/store.db")


def kept(store: Store) -> list[bytes]:
    """The webhooks in the journal, in order."""
    with store.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        statement = sa.select(journal.c.body).where(journal.c.connection == "chat").order_by(journal.c.id)
        return [bytes(body) for body in connection.execute(statement).scalars()]


def test_an_acknowledged_webhook_outlives_a_power_cut(tmp_path: Path) -> None:
    """At every 200; and after a cut at the last the next process does all that is left to do, once."""
    (tmp_path / "before").mkdir()
    moments, chat, crm = a_morning(tmp_path / "before")
    for acknowledged, cut in moments:
        store = found_after(tmp_path / "after", cut)
        assert kept(store) == acknowledged
        store.close()
    store = found_after(tmp_path / "after", moments[-1][1])
    for _ in range(3):
        work(turnable(store, FakeClock(), chat, crm))
    with store.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(interactions)).scalar() == WEBHOOKS
        assert books.read(connection, "chat").balanced
        assert books.read(connection, "crm").balanced
    assert len(crm.records("Touch")) == WEBHOOKS
    store.close()


def test_with_less_care_it_would_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`synchronous = NORMAL` loses what was acknowledged, so what this power cut takes away is real."""
    careless = [pragma.replace("synchronous = FULL", "synchronous = NORMAL") for pragma in database._SQLITE_PRAGMAS]  # noqa: SLF001
    monkeypatch.setattr(database, "_SQLITE_PRAGMAS", careless)
    (tmp_path / "before").mkdir()
    moments, _, _ = a_morning(tmp_path / "before")
    lost = 0
    for acknowledged, cut in moments:
        store = found_after(tmp_path / "after", cut)
        lost += len(acknowledged) - len(kept(store))
        store.close()
    assert lost > WEBHOOKS
