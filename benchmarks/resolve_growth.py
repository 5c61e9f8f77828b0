"""How the time to resolve 200 parties grows from 10,000 profiles to 1,000,000.

Each profile claims a phone number and an e-mail address. Of a batch, 180 parties are known (by either address, anywhere
in the store) and 20 are new; the time runs from opening the transaction to its commit. The two stores are measured in
turn, batch by batch, so that whatever else the machine does falls on both. The floor is the time at 10,000.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import _traffic
from crocevia import ContactPoint, Party
from crocevia.store.tables import claims
from crocevia.sync.batch import Batch
from crocevia.sync.resolve import normalise, normalised, resolve
from crocevia.sync.world import World

SMALL, LARGE, BATCHES, WARM_UP = 10_000, 1_000_000, 200, 20
PARTIES, NEW = 200, 20
_SERIES = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)"
# Multiplying by an odd constant scatters the ids over the index, as random ones are.
_PROFILES = f"""INSERT INTO profiles {_SERIES} SELECT i, printf('p%026x', i * 2654435761 % 4294967296), 1,
    json_object('display_name', 'Customer ' || i), json_object('display_name', json_array(1, 'whatsapp')), 1, NULL, 1, 1
    FROM n"""  # noqa: S608 - only our own words
_CLAIMS = f"""INSERT INTO claims {_SERIES} SELECT :many + 2 * i + :which, i, printf(:address, i), :slot, '', :which,
    1, 1, 0, json_object('whatsapp', json('true')), 1 FROM n"""  # noqa: S608 - only our own words


def run(small: int = SMALL, large: int = LARGE, batches: int = BATCHES) -> dict[str, dict[str, Any]]:
    """The middle time at both sizes, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        worlds = [filled(Path(folder) / str(size), size) for size in (large, small)]
        took: list[list[float]] = [[], []]
        chance = random.Random(7)
        for turn in range(WARM_UP + batches):
            for world, size, times in zip(worlds, (large, small), took, strict=True):
                seconds = _timed(world, _parties(chance, size, turn))
                if turn >= WARM_UP:
                    times.append(seconds)
        for world in worlds:
            world.store.close()
    at_large, at_small = (statistics.median(times) * 1000 for times in took)
    return {"resolve_growth": _traffic.figure(at_large, "ms", at_small)}


def filled(folder: Path, size: int, crm_url: str = "http://127.0.0.1:9") -> World:
    """A world in which so many customers are known, each by a phone number and an e-mail address."""
    folder.mkdir()
    world = _traffic.world(folder, crm_url)
    indexes = list(claims.indexes)
    with world.store.writing() as connection:
        for index in indexes:
            index.drop(connection)  # made again after the rows: a tenth of the time
        connection.execute(sa.text(_PROFILES), {"many": size})
        for which, address, slot in ((0, "phone||+39333%07d", "mobile"), (1, "email||customer%d@example.com", "main")):
            given = {"many": size, "which": which, "address": address, "slot": slot}
            connection.execute(sa.text(_CLAIMS), given)
        for index in indexes:
            index.create(connection)
        connection.execute(sa.text("UPDATE counters SET next = :next"), {"next": 5 * size + 16})
    return world


def _parties(chance: random.Random, size: int, turn: int) -> list[Party]:
    found = []
    for number in range(PARTIES):
        customer = chance.randrange(1, size + 1)
        if number < NEW:
            point = ContactPoint("phone", "", f"+39347{turn * NEW + number:07d}", slot="mobile")
        elif number % 2:
            point = ContactPoint("phone", "", f"+39333{customer:07d}", slot="mobile")
        else:
            point = ContactPoint("email", "", f"customer{customer}@example.com", slot="main")
        found.append(Party((point,), name=f"Customer {customer}"))
    return found


def _timed(world: World, parties: Sequence[Party]) -> float:
    started = time.perf_counter()
    with world.store.writing() as connection:
        batch = Batch(world, world.lives[_traffic.CHANNEL], connection)
        normal = normalise(batch, [point for party in parties for point in party.points])
        resolve(batch, [normalised(party, normal) for party in parties])
        batch.flush()
    return time.perf_counter() - started
