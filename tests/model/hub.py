"""The hub under test: one store, processes that come and die, a channel, three CRMs, a clock that lies."""

from __future__ import annotations

import contextlib
import queue
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from attrs import define, field

import crocevia
from crocevia import faults
from crocevia.config.options import Options
from crocevia.errors import CroceviaError
from crocevia.identity import match, normalise
from crocevia.model import Raw
from crocevia.plugins import Dispatcher, load_plugins
from crocevia.signatures import Request
from crocevia.store import Store, books, connections, profiles
from crocevia.store.journal import GroupCommit
from crocevia.store.tables import bindings, commands, metadata
from crocevia.sync import announce, backfill
from crocevia.sync.gate import READ
from crocevia.sync.hand import by_hand
from crocevia.sync.lane import Lane
from crocevia.sync.merge import merge
from crocevia.sync.unmerge import unmerge
from crocevia.sync.world import World, live
from crocevia.testing import FakeClock, KilledError, MemoryChannel, MemoryCRM, seeded_random

OPTIONS = {"plain": Options(merges=True), "lossy": Options(), "rules": Options(deletes=True)}
"""The first merges customers whom the hub has merged, the third deletes those who were deleted elsewhere."""
MOST_ROUNDS = 25
MOST_TURNS = 60


@cache
def fault_points() -> tuple[str, ...]:
    """Every place of the core where a process can be made to die, read from its source: none can be forgotten."""
    found: set[str] = set()
    for path in Path(crocevia.__path__[0]).rglob("*.py"):
        found.update(re.findall(r'faults\.reach\(\s*"([^"]+)"', path.read_text(encoding="utf-8")))
    return tuple(sorted(found))


def outside(point: str) -> bool:
    """Whether a fault point stands outside of a transaction, so that another process can get in there."""
    return ".before_" not in point and not point.startswith("journal.")


def rules(object_name: str, values: Any) -> dict[str, Any]:
    """Automations of the third CRM: a family name starts with a capital, and who has a mobile is tagged."""
    found: dict[str, Any] = {}
    if object_name == "Person":
        if values.get("last"):
            found["last"] = capital(values["last"])
        if values.get("mobile") and "reachable" not in (values.get("tags") or "").split(";"):
            found["tags"] = ";".join(filter(None, [values.get("tags"), "reachable"]))
    return found


def capital(text: str) -> str:
    """With a capital first letter."""
    return text[:1].upper() + text[1:]


class Journal(GroupCommit):
    """The web's journal, whose thread may be killed: who waits for an answer then gets none."""

    def __init__(self, store: Store) -> None:
        self.answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
        super().__init__(store, lambda names: None)

    def acknowledged(self, raw: Raw) -> bool:
        """Whether the raw is on disk, or the process died over it."""
        assert self.submit(raw, lambda failure: self.answers.put(failure is None))
        return self.answers.get()

    def _live(self) -> None:
        try:
            super()._live()
        except KilledError:
            self.answers.put(False)


@define(eq=False)
class Hub:
    """One day of the hub and of everybody around it.

    Attributes:
        clock: The hub's own, which an administrator may set wrong.
        vendors: Everybody else's, which only goes on.
        outbox: Webhooks that the channel has not been acknowledged.
        acknowledged: The bodies of those that were, in order, redeliveries too.
        kills: How often the process died, by fault point.
        on_kill: Called after each death, before the next process starts.
    """

    store: Store
    clock: FakeClock = field(factory=FakeClock)
    vendors: FakeClock = field(factory=FakeClock)
    outbox: list[Request] = field(factory=list)
    acknowledged: list[bytes] = field(factory=list)
    kills: Counter[str] = field(factory=Counter)
    on_kill: Callable[[str], None] = lambda point: None
    lanes: dict[str, Lane] = field(factory=dict, init=False)
    turning: str = field(default="", init=False)
    processes: int = field(default=0, init=False)
    chat: MemoryChannel = field(init=False)
    crms: dict[str, MemoryCRM] = field(init=False)
    _journal: Journal | None = field(default=None, init=False)
    _armed: dict[str, list[Callable[[str], None]]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.chat = MemoryChannel(clock=self.vendors, reports=("sent", "delivered"))
        self.crms = {
            "plain": MemoryCRM(clock=self.vendors, conditional_write=True),
            "lossy": MemoryCRM(
                clock=self.vendors, lossy=True, conditional_write=True, idempotent=False, finds_keys=True
            ),
            "rules": MemoryCRM(clock=self.vendors, normalises=True, automations=[rules]),
        }
        self.start()

    # --- processes

    def start(self) -> None:
        """A new process on the store: what the last one held in memory is gone."""
        self._end()
        self.lanes = self._process()
        self._journal = Journal(self.store)

    def _process(self) -> dict[str, Lane]:
        self.processes += 1
        world = World(
            self.store,
            _dispatcher(),
            region="IT",
            clock=self.clock,
            random=seeded_random(self.processes),
            alone=True,
        )
        world.lives["chat"] = live("chat", self.chat.connector("chat"), Options())
        for name, crm in self.crms.items():
            world.lives[name] = live(name, crm.connector(name), OPTIONS[name])
        announce.enlist(world)
        return {name: Lane(world, found, f"process {self.processes}") for name, found in world.lives.items()}

    def _end(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    @property
    def world(self) -> World:
        """The running process."""
        return self.lanes["chat"].world

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Faults happen inside the block; at its end the process stops."""
        former = faults.install(self._reached)
        try:
            yield
        finally:
            faults.install(former)
            self._end()

    def _reached(self, point: str) -> None:
        if armed := self._armed.get(point):
            armed.pop(0)(point)

    def kill_at(self, point: str) -> None:
        """The process dies when it comes there next."""

        def die(point: str) -> None:
            self.kills[point] += 1
            raise KilledError(point)

        self._armed.setdefault(point, []).append(die)

    def overtake_at(self, point: str) -> None:
        """Whoever comes there next sleeps through the lease: another process does that lane's work meanwhile."""

        def sleep(_point: str) -> None:
            name = self.turning
            if name:
                lane = self._process()[name]
                lane.poll_now()
                lane.turn()

        self._armed.setdefault(point, []).append(sleep)

    def disarm(self) -> None:
        """Nobody dies from now on."""
        self._armed.clear()

    def _survived(self, work: Callable[[], object]) -> bool:
        """Do something; where the process dies over it, start the next one."""
        try:
            work()
        except KilledError as killed:
            self.turning = ""
            self.on_kill(str(killed))
            self.start()
            return False
        return True

    # --- work

    def deliver(self, spot: int = 0) -> None:
        """The channel posts one of the webhooks that wait, in any order, until it is acknowledged."""
        self.outbox += self.chat.requests(1 + spot % 2)
        if self.outbox:
            webhook = self.outbox.pop(spot % len(self.outbox))
            if not self.post(webhook):
                self.outbox.append(webhook)

    def post(self, webhook: Request) -> bool:
        """One webhook; whether it was acknowledged."""
        assert self._journal is not None
        raw = Raw(connection="chat", kind="memory_channel", body=webhook.body, received_at=self.clock.now())
        if self._journal.acknowledged(raw):
            self.acknowledged.append(webhook.body)
            return True
        self.on_kill("journal")
        self.start()
        return False

    def turn(self, name: str) -> bool:
        """One turn of a lane; whether it has more to do at once."""
        more = False

        def work() -> None:
            nonlocal more
            self.turning = name
            self.lanes[name].poll_now()
            more = self.lanes[name].turn() == 0
            self.turning = ""

        return not self._survived(work) or more

    def settle(self, *names: str) -> bool:
        """These lanes work, time passing, until each has done nothing since anything last changed; False: never."""
        idle: set[str] = set()
        for _ in range(MOST_ROUNDS):
            for _ in range(MOST_TURNS):
                before = self._progress()
                while self._waits():
                    self.deliver()
                name = next(name for name in names if name not in idle)
                if self.turn(name) or self._progress() != before:
                    idle.clear()
                else:
                    idle.add(name)
                if len(idle) == len(names):
                    break
            if all(self._well(name) and self.books(name).quiet for name in names):
                return True
            idle.clear()
            self.tick(61)
        return False

    def _well(self, name: str) -> bool:
        """Whether a connection makes the calls that it wants to make."""
        lane = self.lanes[name]
        return not lane.unwell and not lane.live.gate.held() and lane.live.gate.wait_s(READ) == 0

    def _waits(self) -> bool:
        self.outbox += self.chat.requests(2)
        return bool(self.outbox)

    def merge(self, survivor: str, loser: str) -> None:
        """Two customers are one, says a person; refused where they are already."""
        with contextlib.suppress(CroceviaError), by_hand(self.world) as batch:
            ids = profiles.ids_of(batch.transaction, [survivor, loser])
            one, other = (batch.load_profiles([ids[uid]])[ids[uid]] for uid in (survivor, loser))
            merge(batch, one, other, by="person", reason="said so")

    def unmerge(self, loser: int) -> None:
        """They were two after all, says a person; refused where another merge has to be taken back before."""
        with contextlib.suppress(CroceviaError), by_hand(self.world) as batch:
            unmerge(batch, loser, by="person")

    def backfill(self, name: str) -> None:
        """A CRM is given what was there before, as the command does."""

        def work() -> None:
            for of in ("profile", "interaction"):
                live = self.world.lives[name]
                backfill.run(self.world, live, backfill.start(self.world, live, of))

        self._survived(work)

    def state(self, name: str, state: str) -> None:
        """Pause or resume a connection, as a person does."""
        with self.store.writing() as connection:
            connections.write(self.store, connection, name, state=state, reason="", changed_at=self.world.now_us())

    def rest(self) -> None:
        """Faults have stopped: everybody works until nothing changes any more anywhere."""
        self.disarm()
        self.chat._trouble.clear()  # noqa: SLF001 - the vendor is well again
        for crm in self.crms.values():
            crm.trouble.clear()
        for name in self.lanes:
            if self.paused(name):
                self.state(name, "running")
        if not self.settle(*self.lanes):
            msg = f"D: it never comes to rest: {[(name, self.books(name)) for name in self.lanes]}"
            raise AssertionError(msg)

    def tick(self, seconds: float) -> None:
        """Time passes, for everybody."""
        self.clock.advance(seconds)
        self.vendors.advance(seconds)

    def jump(self, hours: int) -> None:
        """The hub's clock is set."""
        self.clock.jump(timedelta(hours=hours))

    # --- what is there

    def _progress(self) -> tuple[int, ...]:
        """Changes when anything happens."""
        with self.store.reading() as connection:
            row = connection.execute(_PROGRESS).one()
        return (*row, len(self.chat.sent), *(len(crm.mutations) for crm in self.crms.values()))

    def paused(self, name: str) -> bool:
        """Whether a connection is paused."""
        with self.store.reading() as connection:
            return connections.read(connection, name).state == "paused"

    def books(self, name: str) -> books.Books:
        """The books of a connection."""
        with self.store.reading() as connection:
            return books.read(connection, name)

    def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        """Every row of a table, by id."""
        with self.store.reading() as connection:
            found = connection.execute(_all(table))
            return [dict(row) for row in found.mappings()]


_PROGRESS = sa.select(
    sa.func.count(),
    sa.func.coalesce(sa.func.sum(bindings.c.wanted), 0),
    sa.func.coalesce(sa.func.sum(bindings.c.applied), 0),
    sa.select(sa.func.count()).select_from(commands).scalar_subquery(),
).select_from(bindings)


@cache
def _all(table: sa.Table) -> sa.Select[Any]:
    statement = sa.select(table)
    return statement.order_by(table.c.id) if "id" in table.c else statement


@cache
def _dispatcher() -> Dispatcher:
    plugins = load_plugins(entry_points=(), builtin=(match, normalise))
    assert plugins.failures == []
    return plugins.dispatcher


class Ground:
    """A place for stores that are made, emptied and used again: in memory where the platform has it, without fsync.

    What a power cut does is tested elsewhere; here a process dies, and the machine lives on.
    """

    def __init__(self, folder: Path) -> None:
        from crocevia.store import open_store  # noqa: PLC0415 - Alembic takes its time, and only here

        url = f"sqlite:///{folder / 'model.db'}"
        open_store(url).close()
        self.store = Store(url)
        with self.store.writing() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA synchronous = OFF")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        with self.store.appending(alone=True) as driver:
            driver.execute("PRAGMA synchronous = OFF")
        self._wipes = [f'DELETE FROM "{table.name}"' for table in metadata.sorted_tables if table.name != "counters"]

    def clear(self) -> Store:
        """The store, empty."""
        with self.store.writing() as connection:
            for wipe in [*self._wipes, "UPDATE counters SET next = 1"]:
                connection.exec_driver_sql(wipe)
        return self.store


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Without the log: what a thousand days of faults would say, nobody reads."""
    kept = structlog.get_config()
    structlog.configure(processors=[_drop])
    try:
        yield
    finally:
        structlog.configure(**kept)


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent
