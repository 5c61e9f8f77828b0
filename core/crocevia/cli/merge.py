"""`crocevia merge` and `crocevia unmerge`: two profiles are one customer, or were two after all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

import click

from crocevia.cli.session import Session, pass_session

if TYPE_CHECKING:
    from crocevia.store.profiles import ProfileRow
    from crocevia.sync.batch import Batch
    from crocevia.sync.merge import Merged
    from crocevia.sync.unmerge import Unmerged
    from crocevia.sync.world import World


@click.command()
@click.argument("survivor")
@click.argument("other")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reason", default="merged by hand", show_default=True, help="Kept with it, and told to plugins.")
@pass_session
def merge(session: Session, survivor: str, other: str, *, yes: bool, reason: str) -> None:
    """Make OTHER a part of SURVIVOR: both are the same customer.

    Each is our id of a profile or any address that `crocevia show` takes. Says first what would become of fields,
    contact points, interactions and records, and asks. `crocevia unmerge` takes it back. Exit code 1 when one of them
    is nobody, several, or both are one already; nothing is changed then.
    """
    from crocevia.sync.merge import merge as join

    with _world(session) as world:
        one, two = _one(session, world, survivor), _one(session, world, other)
        if one.id == two.id:
            _refuse(f"{survivor} and {other} are one customer already: {one.uid}")

        def act(batch: Batch) -> Merged:
            rows = batch.load_profiles([one.id, two.id])
            done = join(batch, rows[one.id], rows[two.id], by="person", reason=reason)
            assert done is not None  # noqa: S101 - two profiles, as was just seen
            return done

        if not yes:
            _print_merged(world, _tried(world, act), "would be")
            click.confirm("Merge them?", abort=True)
        _print_merged(world, _done(world, act), "is")


@click.command()
@click.argument("profile")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reason", default="unmerged by hand", show_default=True, help="Told to plugins.")
@pass_session
def unmerge(session: Session, profile: str, *, yes: bool, reason: str) -> None:
    """Take back the merge in which PROFILE was merged away: the two are two customers.

    PROFILE is our id of the one that was merged away, or what `crocevia show` takes for the one it was merged into
    last. Says first what would go back, what cannot be placed, and what is not undone in a CRM, and asks. Exit code 1
    when there is no such merge, or others have to be taken back first; nothing is changed then.
    """
    from crocevia.sync.unmerge import unmerge as split

    with _world(session) as world:
        loser = _merged_away(session, world, profile)

        def act(batch: Batch) -> Unmerged:
            return split(batch, loser, by="person", reason=reason)

        if not yes:
            _print_unmerged(_tried(world, act), "would be")
            click.confirm("Take the merge back?", abort=True)
        _print_unmerged(_done(world, act), "is")


class _UndoError(Exception):
    """Ends a transaction that was only tried."""


@contextmanager
def _world(session: Session) -> Iterator[World]:
    from crocevia.daemon import build_world
    from crocevia.store import open_store

    store = open_store(session.settings.core.store)
    try:
        yield build_world(session.settings, session.plugins, store)
    finally:
        store.close()


def _tried(world: World, act: Callable[[Batch], Any]) -> Any:
    """What it would come to: it is done, and undone with its transaction."""
    from crocevia.sync.hand import by_hand

    found: list[Any] = []
    with suppress(_UndoError), by_hand(world) as batch:
        found.append(act(batch))
        raise _UndoError
    return found[0]


def _done(world: World, act: Callable[[Batch], Any]) -> Any:
    from crocevia.sync.hand import by_hand

    with by_hand(world) as batch:
        return act(batch)


def _one(session: Session, world: World, address: str) -> ProfileRow:
    """The one customer who holds an address; says so and ends when there is none, or several."""
    from crocevia.cli.show import holders

    with world.store.reading() as connection:
        found = holders(connection, address, session.settings.core.region)
    if not found:
        _refuse(f"nobody holds {address}")
    if len(found) > 1:
        _refuse(f"several customers hold {address}: name one of {', '.join(row.uid for row in found)}")
    return found[0]


def _merged_away(session: Session, world: World, address: str) -> int:
    """Row id of a tombstone: the one named, or the one that was merged last into the customer named."""
    from crocevia.store import merges, profiles

    with world.store.reading() as connection:
        named = profiles.ids_of(connection, [address]).get(address)
        if named is not None and merges.in_force(connection, loser=named):
            return named
    row = _one(session, world, address)
    with world.store.reading() as connection:
        found = merges.in_force(connection, survivor=row.id)
    if not found:
        _refuse(f"nothing was merged into {row.uid}: there is nothing to take back")
    return found[-1].loser_id


def _refuse(told: str) -> NoReturn:
    click.echo(told, err=True)
    raise click.exceptions.Exit(1)


_RECORDS = {
    "moved": "{record} goes to the survivor",
    "none": "{record} was not made yet, and is not made",
    "double": "{record} is a second one of the customer there: it stays, and a review asks to merge the two there",
    "merged": "{record} is a second one of the customer there: the daemon merges it into his",
    "gone": "{record} had gone before",
}


def _print_merged(world: World, done: Merged, verb: str) -> None:
    click.echo(f"{done.loser} {verb} a part of {done.survivor}")
    for one in done.fields:
        click.echo(f"  {one.name}: {'the survivor keeps its own' if one.chosen == 'ours' else one.chosen}: {one.why}")
    for address in done.addresses:
        click.echo(f"  {address}: goes to the survivor")
    click.echo(f"  interactions: {done.interactions} go to the survivor")
    for record in done.records:
        named = f"{record.object} {record.remote_id or '(none)'}"
        live = world.lives.get(record.connection)
        what = "merged" if record.what == "double" and live is not None and live.merges else record.what
        click.echo(f"  {record.connection}: {_RECORDS[what].format(record=named)}")


def _print_unmerged(done: Unmerged, verb: str) -> None:
    click.echo(f"{done.restored} {verb} a customer apart from {done.survivor} again")
    click.echo(f"  interactions: {done.interactions} go back; of those that came since, {done.placed} are placed")
    if done.unplaced:
        click.echo(f"  interactions: {len(done.unplaced)} cannot be placed: they stay with {done.survivor}, see review")
    for address in done.addresses:
        click.echo(f"  {address}: came since, stays with {done.survivor}, see review")
    for name in done.fields:
        click.echo(f"  {name}: changed since, stays with {done.survivor}, see review")
    for line in done.left:
        click.echo(f"  {line}")
