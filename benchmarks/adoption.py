"""Two CRMs with 100,000 records each meet: how long it takes, and what it costs in statements and in memory.

The records are made from people whom the generator knows: most are in both CRMs, written differently; some are twice
in one, some share a landline, some records mix two people up, some have no address at all. `wrong` says what of the
outcome is not as it should be; `python -m benchmarks.adoption` runs the full size and prints everything.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from attrs import define, field, frozen

from benchmarks import _traffic
from crocevia import (
    Connector,
    ContactPoint,
    Event,
    FieldSchema,
    ObjectSchema,
    Outcome,
    ParseContext,
    Raw,
    RawPage,
    ReadsRecords,
    Record,
    RecordChanged,
    Write,
    WritesRecords,
    Written,
)
from crocevia.config import Options
from crocevia.identity import match, normalise
from crocevia.mapping import Names, ObjectMapping, Slots
from crocevia.model import from_us
from crocevia.plugins import load_plugins
from crocevia.store import Store, books, open_store
from crocevia.store.tables import bindings, reviews
from crocevia.sync.lane import Lane
from crocevia.sync.plan import make_plan
from crocevia.sync.world import World, live

COUNT = 100_000
NAMES = ("left", "right")
PAGE = 1000
_PLACES = {"mobile": ("phone", "mobile"), "work": ("phone", "work"), "email": ("email", "main")}
_FIELDS = ("key", "revision", "first", "last", *_PLACES)


@frozen(kw_only=True)
class Made:
    """One generated record: whose it is (`people`; two where it mixes them up), and what sort it is."""

    id: str
    people: tuple[int, ...]
    sort: str
    values: Mapping[str, Any]


def made(name: str, count: int, seed: int = 7) -> list[Made]:
    """The records of one CRM, the same for the same seed. People 0 to 60 % of `count` are in both."""
    both = count * 6 // 10
    chance = random.Random(f"{seed} {name}")
    found: list[Made] = []
    number = 0
    while len(found) < count:
        person = number if number < both else number + (count if name == "right" else 0)
        found.append(_record(name, len(found), (person,), "one", _values(name, person, chance)))
        what = chance.random()
        if what < 0.02:
            twice = {**_values(name, person, chance), "email": None}
            found.append(_record(name, len(found), (person,), "twice", twice))
        elif what < 0.03:
            found.append(_record(name, len(found), (-1 - len(found),), "nowhere", {"last": f"Nowhere {len(found)}"}))
        elif what < 0.04 and number > 0:
            mixed = {**_values(name, person, chance), "email": _email(person - 1)}
            found.append(_record(name, len(found), (person, person - 1), "mixed", mixed))
        elif what < 0.05:
            other = 10 * count + 2 * len(found) + (name == "right")
            landline = {"last": f"Other {other}", "mobile": _phone(person), "email": _email(other)}
            found.append(_record(name, len(found), (other,), "shares", landline))
        number += 1
    return found[:count]


def _record(name: str, number: int, people: tuple[int, ...], sort: str, values: Mapping[str, Any]) -> Made:
    blank: dict[str, Any] = dict.fromkeys(_FIELDS)
    return Made(id=f"{name}{number:07d}", people=people, sort=sort, values={**blank, **values})


def _values(name: str, person: int, chance: random.Random) -> dict[str, Any]:
    """As that CRM writes the person: the number with or without a country, the address in its own case."""
    digits = _phone(person)[3:]
    phone = (
        f"+39 {digits[:3]} {digits[3:]}" if name == "left" or chance.random() < 0.5 else f"{digits[:3]}-{digits[3:]}"
    )
    email = _email(person).upper() if chance.random() < 0.3 else _email(person)
    return {"first": f"First{person % 997}", "last": f"Last{person}", "mobile": phone, "email": email}


def _phone(person: int) -> str:
    return f"+39333{person:07d}"


def _email(person: int) -> str:
    return f"person{person}@example.com"


# --- a CRM that holds them ------------------------------------------------------------------------------------------


@define
class Shelf:
    """Records in memory with a log of changes, which is read from any place in constant time."""

    rows: dict[str, dict[str, Any]] = field(factory=dict)
    log: list[tuple[int, str]] = field(factory=list)
    newest: dict[str, int] = field(factory=dict)
    reached: dict[str, set[str]] = field(factory=lambda: defaultdict(set))
    keys: dict[str, str] = field(factory=dict)
    made: int = 0
    calls: Counter[str] = field(factory=Counter)

    def put(self, id_: str, values: Mapping[str, Any]) -> int:
        """Change or add a record; return its version."""
        row = self.rows.setdefault(id_, dict.fromkeys(_FIELDS))
        row.update(values)
        version = len(self.log) + 1
        self.log.append((version, id_))
        self.newest[id_] = version
        for name in _PLACES:
            if row[name]:
                self.reached[_sought(name, row[name])].add(id_)
        if row["key"]:
            self.keys[row["key"]] = id_
        return version


def _sought(name: str, text: str) -> str:
    return text.lower() if name == "email" else "".join(c for c in text if c.isdigit())[-8:]


@frozen
class _NoSettings:
    """None."""


class ShelfCRM(Connector[_NoSettings], ReadsRecords, WritesRecords):
    """Reads and writes a shelf."""

    kind = "shelf"
    shelf: ClassVar[Shelf]

    def mappings(self) -> tuple[ObjectMapping, ...]:
        """People with three places for contact points."""
        lenses = (Names(given="first", family="last"), Slots(places=_PLACES))
        return (ObjectMapping(object="Person", of="profile", key="key", revision="revision", lenses=lenses),)

    def describe(self, object_name: str) -> ObjectSchema:
        """Roomy text fields."""
        fields = {name: FieldSchema(name=name, type="text", length=200, unique=name == "key") for name in _FIELDS}
        return ObjectSchema(name=object_name, fields=fields)

    def changes(self, object_name: str, cursor: str | None, fields: Sequence[str]) -> RawPage:
        """The next thousand changes, of each record its newest alone."""
        self.shelf.calls["changes"] += 1
        start = int(cursor or 0)
        page = self.shelf.log[bisect_right(self.shelf.log, (start, "~")) :][:PAGE] if start else self.shelf.log[:PAGE]
        rows = [[id_, at, self.shelf.rows[id_]] for at, id_ in page if self.shelf.newest[id_] == at]
        body = json.dumps(rows).encode() if rows else b""
        return RawPage(body=body, cursor=str(page[-1][0] if page else start), more=len(page) == PAGE)

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """One record after the other."""
        for index, (id_, at, values) in enumerate(raw.json()):
            yield RecordChanged(
                object="Person", id=id_, values=values, at=from_us(at), version=f"{at:012d}", leaf=f"/{index}"
            )

    def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """By id."""
        self.shelf.calls["fetch"] += 1
        return [self._record(id_) for id_ in ids if id_ in self.shelf.rows]

    def find(
        self, object_name: str, points: Sequence[ContactPoint], fields: Sequence[str]
    ) -> Mapping[ContactPoint, list[Record]]:
        """By number or address."""
        self.shelf.calls["find"] += 1
        found = {}
        for point in points:
            ids = self.shelf.reached.get(_sought("email" if point.kind == "email" else "mobile", point.value), ())
            if ids:
                found[point] = [self._record(id_) for id_ in sorted(ids)]
        return found

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        """Upsert by our key, update by id."""
        self.shelf.calls["write"] += 1
        found: list[Outcome] = []
        for one in batch:
            id_ = one.id or self.shelf.keys.get(one.key) or f"new{one.key}"
            created = id_ not in self.shelf.rows
            self.shelf.made += created
            version = self.shelf.put(id_, {**one.values, "key": one.key})
            found.append(Written(id=id_, created=created, version=f"{version:012d}"))
        return found

    def _record(self, id_: str) -> Record:
        version = self.shelf.newest[id_]
        return Record(
            object="Person", id=id_, values=dict(self.shelf.rows[id_]), version=f"{version:012d}", at=from_us(version)
        )


def shelves(count: int, seed: int = 7) -> dict[str, Shelf]:
    """Both CRMs, filled."""
    found = {name: Shelf() for name in NAMES}
    for name, shelf in found.items():
        for one in made(name, count, seed):
            shelf.put(one.id, one.values)
    return found


def world(store: Store, filled: Mapping[str, Shelf]) -> World:
    """A process on the store that knows both."""
    plugins = load_plugins(entry_points=(), builtin=(match, normalise))
    found = World(store, plugins.dispatcher, region="IT", alone=True)
    for name, shelf in filled.items():
        connector = type("ShelfCRM", (ShelfCRM,), {"shelf": shelf})
        found.lives[name] = live(name, connector(_NoSettings(), connection=name), Options())
    return found


def settle(found: World) -> None:
    """Run both lanes until nothing is left to do."""
    lanes = [Lane(found, one, "benchmark") for one in found.lives.values()]
    busy = True
    while busy:
        for lane in lanes:
            lane.poll_now()
            while lane.turn() == 0:
                pass
            if lane.unwell:
                raise AssertionError(f"{lane.name} is {lane.unwell}")
        with found.store.reading() as connection:
            busy = not all(books.read(connection, lane.name).quiet for lane in lanes)
    for lane in lanes:
        lane.release()


# --- the truth ------------------------------------------------------------------------------------------------------


def wrong(store: Store, filled: Mapping[str, Shelf], count: int, seed: int = 7) -> list[str]:
    """What is not as it should be, one line each.

    Nobody's record on another's profile; nobody twice on a profile; every record bound or in review; whoever is in
    both CRMs without any doubt is one customer; each customer has one record in each CRM.
    """
    records = {name: {one.id: one for one in made(name, count, seed)} for name in filled}
    with store.reading() as connection:
        rows = connection.execute(sa.select(bindings.c.connection, bindings.c.subject_id, bindings.c.remote_id)).all()
        asked = set(
            connection.execute(sa.select(reviews.c.connection, reviews.c.subject).where(reviews.c.kind == "adoption"))
        )
        balanced = {name: books.read(connection, name).balanced for name in filled}
    found = [f"{name}: the books do not balance" for name, holds in balanced.items() if not holds]
    profile_of = {(row.connection, row.remote_id): row.subject_id for row in rows if row.remote_id is not None}
    places = Counter((row.connection, row.subject_id) for row in rows)
    found += [f"{place}: {n} records" for place, n in places.items() if n > 1]
    people: dict[int, set[int]] = defaultdict(set)
    for name, mine in records.items():
        for one in mine.values():
            profile = profile_of.get((name, one.id))
            doubted = (name, f"Person {one.id}") in asked
            if (profile is None) != doubted:
                found.append(f"{name} {one.id} ({one.sort}): bound {profile is not None}, in review {doubted}")
            if one.sort == "mixed" and profile is not None:
                found.append(f"{name} {one.id}: it mixes two people up and is bound")
            if profile is not None:
                people[profile].add(one.people[0])
    found += [f"profile {profile}: {sorted(some)} are one" for profile, some in people.items() if len(some) > 1]
    return found + list(_apart(records, profile_of, asked))


def _apart(
    records: Mapping[str, Mapping[str, Made]], profile_of: Mapping[tuple[str, str], int], asked: set[Any]
) -> Iterator[str]:
    """People in both CRMs whose records are two customers although nobody doubts them."""
    doubtful = {
        person
        for mine in records.values()
        for one in mine.values()
        for person in ({*one.people} if one.sort in ("mixed", "shares", "twice") else ())
    }
    sharing = {
        int(one.values["mobile"][-7:]) for mine in records.values() for one in mine.values() if one.sort == "shares"
    }
    homes: dict[int, set[int]] = defaultdict(set)
    for name, mine in records.items():
        for one in mine.values():
            if one.sort == "one" and one.people[0] not in doubtful | sharing:
                if (name, f"Person {one.id}") in asked:
                    yield f"{name} {one.id}: in review without any doubt"
                homes[one.people[0]].add(profile_of.get((name, one.id), 0))
    yield from (f"person {person} is {len(found)} customers" for person, found in homes.items() if len(found) > 1)


# --- figures --------------------------------------------------------------------------------------------------------


@contextmanager
def statements(store: Store) -> Iterator[Counter[str]]:
    """How many statements the store is given meanwhile; an executemany is one."""
    counted: Counter[str] = Counter()

    def count(*_: Any) -> None:
        counted["statements"] += 1

    engines = {id(engine): engine for engine in (store.engine, store._reader)}.values()  # noqa: SLF001 - to be counted too
    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", count)
    try:
        yield counted
    finally:
        for engine in engines:
            sa.event.remove(engine, "before_cursor_execute", count)


def run(count: int = COUNT, *, forecast: bool = False) -> dict[str, dict[str, Any]]:
    """Records of both CRMs met in a second, and statements for a thousand of them.

    Raises:
        AssertionError: something was linked, doubled or asked about that should not.
    """
    with tempfile.TemporaryDirectory() as folder:
        filled = shelves(count)
        store = open_store(f"sqlite:///{Path(folder)}/crocevia.db")
        found = world(store, filled)
        took: dict[str, dict[str, Any]] = {}
        if forecast:
            started = time.perf_counter()
            with make_plan(found) as plan:
                took["adoption_plan"] = _traffic.figure(2 * count / (time.perf_counter() - started), "records/s")
                planned = dict(plan.counts)
        started = time.perf_counter()
        with statements(store) as counted:
            settle(found)
        seconds = time.perf_counter() - started
        faults = wrong(store, filled, count)
        if forecast:
            created = sum(n for (_, _, operation), n in planned.items() if operation == "create")
            if created != sum(shelf.made for shelf in filled.values()):
                faults.append(f"planned {created} creates, made {[shelf.made for shelf in filled.values()]}")
        calls = sum((shelf.calls for shelf in filled.values()), Counter[str]())
        store.close()
    if faults:
        raise AssertionError("\n".join(faults[:20]))
    return {
        "adoption": _traffic.figure(2 * count / seconds, "records/s"),
        "adoption_statements_per_1000": _traffic.figure(counted["statements"] / (2 * count) * 1000, "statements"),
        "adoption_calls_per_1000": _traffic.figure(calls.total() / (2 * count) * 1000, "calls"),
        **took,
    }


def main() -> None:
    """The whole campaign, at the size that is given, else at the full one."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    started = time.perf_counter()
    for name, figure in run(count, forecast=True).items():
        print(f"{name:32} {figure['value']:>12.4g} {figure['unit']}", flush=True)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"2 x {count} records, {time.perf_counter() - started:.0f} s, at most {peak_mib:.0f} MiB; nothing wrong")


if __name__ == "__main__":
    main()
