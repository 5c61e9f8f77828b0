"""Events that came before what they speak of do not wait for ever."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from crocevia.store import books
from crocevia.store.leases import Lease, fence
from crocevia.store.tables import parked
from crocevia.sync.world import Live, World

LONGEST_WAIT = timedelta(days=7)
"""As long as vendors deliver again (Meta tries for days): what has not come by then will not come."""
_US = 1_000_000


def give_up(world: World, live: Live, lease: Lease | None = None) -> int:
    """Ignore what has waited too long, in the books too; return how many. The raw keeps what it said."""
    before = world.now_us() - int(LONGEST_WAIT.total_seconds() * _US)
    old = sa.and_(parked.c.connection == live.name, parked.c.since < before)
    with world.store.reading() as connection:
        if not connection.execute(sa.select(sa.exists().where(old))).scalar():
            return 0
    with world.store.writing() as connection:
        if lease is not None:
            fence(connection, lease)
        count = connection.execute(sa.delete(parked).where(old)).rowcount
        books.count(world.store, connection, live.name, {"ignored": count})
    return count
