"""How many SQL statements 1,000 interactions take, and whether they are more when there are more customers.

From the journal to the CRM's acknowledgement: webhooks of known customers, journaled 200 at a time, taken in and
written to a CRM that takes 1,000 records a call. What is counted is what is handed to the driver, many rows at once as
one; BEGIN and COMMIT are not. The floor is the same with 10,000 profiles in the store instead of 200,000.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import _traffic
from benchmarks._stub import stub
from benchmarks.resolve_growth import filled
from crocevia import Raw
from crocevia.store import journal
from crocevia.sync.lane import Lane
from crocevia.sync.world import World

SMALL, LARGE, COUNT, GROUP = 10_000, 200_000, 1_000, 200
_BINDINGS = """INSERT INTO bindings (id, connection, object, "of", subject_id, profile_id, remote_id, seen, wanted,
    applied, state, due_at, attempts, flips, urgency) SELECT 3 * :many + 8 + id, 'crm', 'Contact',
    'profile', id, id, 'C' || id, json_object('Key', uid), 1, 1, 'linked', 0, 0, 0, 1 FROM profiles
    WHERE id <= :known"""


def run(small: int = SMALL, large: int = LARGE, count: int = COUNT) -> dict[str, dict[str, Any]]:
    """Statements per 1,000 interactions with many profiles, beside those with few."""
    with tempfile.TemporaryDirectory() as folder, stub() as crm:
        few, many = (_counted(Path(folder) / str(size), size, count, crm) * 1000 / count for size in (small, large))
    return {"statements_per_1000": _traffic.figure(many, "statements", few)}


def _counted(folder: Path, size: int, count: int, crm: str) -> int:
    world = filled(folder, size, crm)
    with world.store.writing() as connection:
        connection.execute(sa.text(_BINDINGS), {"many": size, "known": min(size, 1000)})
    lanes = [Lane(world, found, "benchmark") for found in world.lives.values()]
    _through(world, lanes, 0, GROUP)  # leases, schema, the first poll
    with _statements() as seen:
        _through(world, lanes, GROUP, count)
    with world.store.reading() as connection:
        done = connection.execute(
            sa.text("""SELECT count(*) FROM bindings WHERE "of" = 'interaction' AND state = 'linked'""")
        ).scalar_one()
    world.store.close()
    if done != GROUP + count:
        msg = f"{done} of {GROUP + count} interactions arrived"
        raise RuntimeError(msg)
    return len(seen)


def _through(world: World, lanes: list[Lane], first: int, count: int) -> None:
    now = datetime.now(UTC)
    for start in range(first, first + count, GROUP):
        bodies = [_traffic.body(number, number % 1000 + 1) for number in range(start, start + GROUP)]
        raws = [Raw(connection=_traffic.CHANNEL, kind="whatsapp", body=body, received_at=now) for body in bodies]
        journal.commit(world.store, raws)
    for lane in lanes:
        while lane.turn() == 0:
            pass


@contextmanager
def _statements() -> Iterator[list[str]]:
    """Every statement that is executed meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "COMMIT")):
            seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
