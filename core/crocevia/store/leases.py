"""Who may work on a lane now. A lease carries an epoch; every transaction of the lane checks it (`fence`)."""

from __future__ import annotations

import sqlalchemy as sa
from attrs import define
from sqlalchemy.engine import Connection

from crocevia.errors import LeaseLostError
from crocevia.store.database import Store
from crocevia.store.tables import leases


@define(kw_only=True)
class Lease:
    """The right to work on `lane` until `until` (microseconds), under `epoch`; a renewal is for `length_us`."""

    lane: str
    owner: str
    epoch: int
    until: int
    length_us: int

    def fresh(self, now: int) -> bool:
        """Whether it need not be renewed yet: more than half is left, and the clock was not set back since."""
        return self.length_us // 2 < self.until - now <= self.length_us


def acquire(
    store: Store, lane: str, owner: str, now: int, length_us: int, *, alone: bool = False, void: int = 0
) -> Lease | None:
    """Take or renew a lease; None while another owner holds it. A take-over raises the epoch.

    Args:
        alone: The caller knows that nobody else is alive on this store: leases of others are void at once.
        void: A lease until then is void: it has not moved for long, so that its worker is dead, whatever the wall
            clock says.
    """
    with store.writing() as connection:
        connection.execute(store.insert(leases).values(lane=lane, owner="", epoch=0, until=0).on_conflict_do_nothing())
        row = connection.execute(sa.select(leases).where(leases.c.lane == lane).with_for_update()).one()
        if row.owner != owner and row.until > now and row.until != void and not alone:
            return None
        epoch = row.epoch if row.owner == owner else row.epoch + 1
        lease = Lease(lane=lane, owner=owner, epoch=epoch, until=now + length_us, length_us=length_us)
        connection.execute(
            sa.update(leases).where(leases.c.lane == lane).values(owner=owner, epoch=epoch, until=lease.until)
        )
        return lease


def fence(connection: Connection, lease: Lease) -> None:
    """Make sure, inside a transaction, that the lease is still ours.

    Raises:
        LeaseLostError: another owner took the lane over; the transaction must be undone.
    """
    if connection.execute(_EPOCH, {"lane_": lease.lane}).scalar_one() != lease.epoch:
        msg = f"lane {lease.lane}: another worker took over; this one stops and writes nothing"
        raise LeaseLostError(msg)


def sure(store: Store, lease: Lease | None, now: int) -> None:
    """Make sure, before a call that cannot be taken back, that the lane is ours for a while: at least half a lease.

    So a turn may last longer than a lease. A worker that slept (suspended, or cut off) may find another in its place,
    which `fence` would tell too late; where nobody took over, it goes on.

    Args:
        lease: None: nobody else can be there.
        now: In microseconds.

    Raises:
        LeaseLostError: another owner took the lane over; nothing was called.
    """
    if lease is not None and not lease.fresh(now):
        renew(store, lease, now)


def renew(store: Store, lease: Lease, now: int) -> None:
    """Let a lease last for its length from now, be it that it had run out; from any thread.

    Raises:
        LeaseLostError: another owner took the lane over, or it was given back.
    """
    later = now + lease.length_us
    mine = leases.c.lane == lease.lane, leases.c.epoch == lease.epoch, leases.c.until > 0
    with store.writing() as connection:
        kept = connection.execute(sa.update(leases).where(*mine).values(until=later)).rowcount
    if not kept:
        msg = f"lane {lease.lane}: another worker took over; this one stops and calls nobody"
        raise LeaseLostError(msg)
    lease.until = later


def release(store: Store, lease: Lease) -> None:
    """Give a lease back, so that the next owner need not wait for it to run out."""
    with store.writing() as connection:
        connection.execute(
            sa.update(leases).where(leases.c.lane == lease.lane, leases.c.epoch == lease.epoch).values(until=0)
        )


def until(connection: Connection, lane: str) -> int:
    """Until when somebody has the lane, in microseconds; 0 when nobody ever had it."""
    return int(connection.execute(sa.select(leases.c.until).where(leases.c.lane == lane)).scalar() or 0)


def at_work(connection: Connection, now: int) -> set[str]:
    """The lanes that somebody works on now; of a worker that was killed, until its lease has run out."""
    statement = sa.select(leases.c.lane).where(leases.c.until > now)
    return set(connection.execute(statement).scalars())


_EPOCH = sa.select(leases.c.epoch).where(leases.c.lane == sa.bindparam("lane_")).with_for_update(read=True)
