"""What would happen: the real engine at work on a copy of the store, with every write and every message recorded.

Vendors are read as always; nothing is written to them, nothing is sent, and nothing changes in the store.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import define, evolve, field, frozen

from crocevia.clock import Clock
from crocevia.connector import Connector, MergesRecords, ReadsRecords, SendsMessages, WritesRecords
from crocevia.errors import CroceviaError, RemoteError, where
from crocevia.model import ContactPoint, Message, Outcome, Receipt, Record, Write, Written
from crocevia.store import Store, bindings, connections, cursors, planned
from crocevia.store.planned import PLANNED, Change
from crocevia.store.scratch import scratch
from crocevia.sync import lookup, pull
from crocevia.sync.gate import Gate
from crocevia.sync.intake import take_in
from crocevia.sync.push import Push
from crocevia.sync.retire import Retire
from crocevia.sync.send import Send
from crocevia.sync.world import Live, World, streams

Progress = Callable[[str, str, int], None]
"""Told `(connection, what, how many so far)`."""


@frozen(kw_only=True)
class Plan:
    """What would happen; good for as long as the block of `make_plan` lasts.

    Attributes:
        counts: `{(connection, object, operation): how many}`; of reviews the object is their kind.
        calls: Write calls by connection, as many as the same work would take.
        customers: How many there would be more.
        troubles: `{connection: why it could not be looked at}`: of these the plan does not know everything.
        skipped: Paused connections, which are not called.
    """

    counts: Mapping[tuple[str, str, str], int]
    calls: Mapping[str, int]
    customers: int
    troubles: Mapping[str, str]
    skipped: Sequence[str]
    store: Store
    first: int

    def changes(self, name: str | None = None) -> Iterator[Change]:
        """Every change, of one connection or (None) of all, in an order that is the same for the same state."""
        with self.store.reading() as connection:
            yield from planned.details(connection, self.first, name)


@define
class Recorder:
    """Stands in for what a connector does to its vendor, and answers as the vendor would.

    Attributes:
        calls: How many calls it would have been.
    """

    store: Store
    name: str
    clock: Clock
    calls: int = 0

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        """Each record takes what is written; one that is made gets an id that says it is not there."""
        self.calls += 1
        with self.store.writing() as connection:
            ids = [write.id for write in batch if write.id]
            held = bindings.by_remote(connection, self.name, batch[0].object, ids)
            planned.add(connection, [self._change(write, held.get(write.id or "")) for write in batch])
        return [Written(id=write.id or f"{PLANNED}{write.key}", created=write.id is None) for write in batch]

    def _change(self, write: Write, held: bindings.BindingRow | None) -> Change:
        seen: Mapping[str, Any] = held.seen if held is not None else {}
        return Change(
            connection=self.name,
            object=write.object,
            operation={"upsert": "create"}.get(write.operation, write.operation),
            ours=None if write.operation == "delete" else write.key,
            remote_id=write.id,
            fields={name: (seen.get(name), value) for name, value in write.values.items()},
        )

    def merge(self, object_name: str, survivor_id: str, loser_ids: Sequence[str]) -> None:
        """Recorded for each record that would be merged away."""
        self.calls += 1
        changes = [
            Change(
                connection=self.name,
                object=object_name,
                operation="merge",
                ours=None,
                remote_id=loser,
                fields={"into": (None, survivor_id)},
            )
            for loser in loser_ids
        ]
        with self.store.writing() as connection:
            planned.add(connection, changes)

    def send(self, message: Message) -> Receipt:
        """Recorded with its address, and its text when it has one."""
        self.calls += 1
        said = {"to": message.to.address, "text": message.text}
        change = Change(
            connection=self.name,
            object="message",
            operation="send",
            ours=message.id,
            remote_id=None,
            fields={name: (None, value) for name, value in said.items() if value is not None},
        )
        with self.store.writing() as connection:
            planned.add(connection, [change])
        return Receipt(key=f"{PLANNED}{message.id}")


@contextmanager
def make_plan(world: World, *, only: str | None = None, progress: Progress | None = None) -> Iterator[Plan]:
    """Say what running the daemon until it rests would do, as things are now.

    Args:
        world: Of the daemon to be; its store is copied, its connectors are read from.
        only: A connection that is called although it is paused.
        progress: Told how far it is.

    Raises:
        StoreError: the store cannot be read, or there is no room for its copy.
    """
    with scratch(world.store) as store:
        recorders: dict[str, Recorder] = {}
        twin = evolve(world, store=store, lives={}, listened=frozenset(), wakes={})
        for name, found in world.lives.items():
            recorders[name] = Recorder(store, name, world.clock)
            twin.lives[name] = _recorded(found, recorders[name])
        with store.writing() as connection:
            first = planned.begin(connection)
            paused = [name for name in twin.lives if connections.read(connection, name).state == "paused"]
        rehearsal = Rehearsal(twin, skipped=[name for name in paused if name != only], progress=progress)
        rehearsal.run()
        with store.reading() as connection:
            counts, customers = planned.counts(connection, first), planned.new_profiles(connection, first)
        yield Plan(
            counts=counts,
            calls={name: recorder.calls for name, recorder in recorders.items() if recorder.calls},
            customers=customers,
            troubles=rehearsal.troubles,
            skipped=rehearsal.skipped,
            store=store,
            first=first,
        )


def _recorded(live: Live, recorder: Recorder) -> Live:
    """The connection with a connector that reads, and does nothing else.

    Everything there was just read, so that nothing need be read again before a write.
    """
    connector = copy.copy(live.connector)
    if isinstance(connector, WritesRecords):
        _replace(connector, "write", recorder.write)
    if isinstance(connector, MergesRecords):
        _replace(connector, "merge", recorder.merge)
    if isinstance(connector, SendsMessages):
        _replace(connector, "send", recorder.send)
    if isinstance(connector, ReadsRecords):
        _replace(connector, "find", _found(connector, live.connector, recorder))
    return evolve(
        live,
        connector=connector,
        options=evolve(live.options, guard="none"),
        mappings=dict(live.mappings),
        quarantined={},
        gate=Gate(recorder.clock),
    )


def _replace(connector: Connector[Any], method: str, stand_in: Callable[..., Any]) -> None:
    connector.__dict__[method] = stand_in


def _found(
    connector: ReadsRecords, own: Any, recorder: Recorder
) -> Callable[[str, Sequence[ContactPoint], Sequence[str]], Mapping[ContactPoint, list[Record]]]:
    """A search as the vendor answers it, with what the plan has written there in the meantime."""

    def find(
        object_name: str, points: Sequence[ContactPoint], fields: Sequence[str]
    ) -> Mapping[ContactPoint, list[Record]]:
        found = type(connector).find(own, object_name, points, fields)
        ids = {record.id for records in found.values() for record in records}
        with recorder.store.reading() as connection:
            bound = bindings.by_remote(connection, recorder.name, object_name, ids)
        return {
            point: [
                evolve(record, values={**record.values, **bound[record.id].seen}) if record.id in bound else record
                for record in records
            ]
            for point, records in found.items()
        }

    return find


@define
class Rehearsal:
    """The engine's work on the copy: everything is read first, then what follows from it is done until all rests."""

    world: World
    skipped: list[str] = field(factory=list)
    progress: Progress | None = None
    troubles: dict[str, str] = field(factory=dict)

    def run(self) -> None:
        """Read every connection to its end, then let the engine work until nothing is left to do."""
        for live in self.world.lives.values():
            if live.name not in self.skipped:
                self._guarded(live, self._read)
        busy = True
        while busy:  # everybody has a turn, also after one was busy
            busy = sum(self._guarded(live, self._work) for live in self._at_work()) > 0

    def _at_work(self) -> list[Live]:
        return [live for live in self.world.lives.values() if live.name not in {*self.skipped, *self.troubles}]

    def _guarded(self, live: Live, step: Callable[[Live], bool]) -> bool:
        """A connection that fails is left as far as it came, and said; the others go on."""
        try:
            return step(live)
        except RemoteError as error:
            self.troubles[live.name] = str(error)
        except CroceviaError:
            raise
        except Exception as error:  # noqa: BLE001 - a connector's bug is its connection's trouble
            self.troubles[live.name] = f"the connector failed ({type(error).__name__} at {where(error)})"
        return False

    def _read(self, live: Live) -> bool:
        pull.fit(live)
        more, rows = True, 0
        while more:
            more = pull.pull(self.world, live)
            while taken := take_in(self.world, live).raws:
                rows += taken
                self._say(live, "pages and webhooks taken in", rows)
        return lookup.settle(self.world, live, None) > 0

    def _work(self, live: Live) -> bool:
        done = 0
        while taken := take_in(self.world, live).raws:
            done += taken
        done += Send(self.world, live).run()
        if live.writes:
            with self.world.store.reading() as connection:
                creating = cursors.complete(connection, live.name, tuple(streams(live)))
            done += Retire(self.world, live).run()
            while pushed := Push(self.world, live).run(creating=creating):
                done += pushed
                self._say(live, "records considered", done)
        return bool(done)

    def _say(self, live: Live, what: str, count: int) -> None:
        if self.progress is not None:
            self.progress(live.name, what, count)
