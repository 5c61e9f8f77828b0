"""`crocevia dead`: what could not be processed, kept and replayable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from crocevia.cli.session import Session, pass_session

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from crocevia.store import Store
    from crocevia.store.dead import Replayable


_SHOWN = ("id", "connection", "what", "ref_id", "leaf", "error", "message")


@click.group()
def dead() -> None:
    """List, show and replay what could not be processed."""


@contextmanager
def _store(session: Session) -> Iterator[Store]:
    from crocevia.store import open_store

    store = open_store(session.settings.core.store)
    try:
        yield store
    finally:
        store.close()


def _known(session: Session, name: str | None) -> None:
    known = sorted({*session.settings.connections, *session.settings.disabled})
    if name is not None and name not in known:
        raise click.UsageError(f"there is no connection {name!r}; there are: {', '.join(known) or 'none'}")


@dead.command("list")
@click.option("--connection", "name", help="Of this connection only.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, each letter with its message.")
@pass_session
def list_(session: Session, name: str | None, *, as_json: bool) -> None:
    """List dead letters, grouped by cause, with the ids to show or replay."""
    from crocevia.store import dead as letters

    _known(session, name)
    with _store(session) as store, store.reading() as connection:
        if as_json:
            found = letters.listed(connection, name)
            click.echo(json.dumps([{key: one[key] for key in _SHOWN} for one in found], indent=2))
            return
        grouped = letters.causes(connection, name)
    for cause in grouped:
        shown = " ".join(map(str, cause.ids)) + (" ..." if cause.count > len(cause.ids) else "")
        click.echo(f"{cause.connection}: {cause.count} x {cause.what}: {cause.error}: {shown}")
        click.echo(f"    {cause.message}")
    if not grouped:
        click.echo("no dead letters")


@dead.command()
@click.argument("letter", type=int)
@pass_session
def show(session: Session, letter: int) -> None:
    """Show one dead letter: what happened, where, and the next step. Never its content."""
    from crocevia.model import from_us
    from crocevia.store import dead as letters

    with _store(session) as store, store.reading() as connection:
        found = letters.read(connection, [letter])
        before = letters.lineage(connection, found[0]) if found else []
    if not found:
        click.echo(f"there is no dead letter {letter}", err=True)
        raise click.exceptions.Exit(1)
    one = found[0]
    click.echo(f"{one['connection']}: {one['what']} {one['ref_id']} {one['leaf']}".rstrip())
    click.echo(f"{one['error']}: {one['message']}")
    click.echo(f"since {from_us(one['at']).isoformat()}, {one['state']}")
    for earlier in before:
        at = from_us(earlier["at"]).isoformat()
        click.echo(f"before: letter {earlier['id']}, {at}, {earlier['state']}: {earlier['error']}")


@dead.command()
@click.argument("ids", nargs=-1, type=int)
@click.option("--connection", "name", help="Everything of this connection.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@click.option("--preview", is_flag=True, help="Say what would come of each, with its content, and queue nothing.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="Most letters at a time.")
@click.option("--force", is_flag=True, help="Also what was replayed so often that it is left out.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def replay(
    session: Session,
    ids: tuple[int, ...],
    name: str | None,
    limit: int,
    *,
    everything: bool,
    preview: bool,
    force: bool,
    yes: bool,
) -> None:
    """Queue dead letters again, by IDS, of a connection, or all; the daemon takes them up.

    Nothing is doubled: each goes under its first key. A message that may have gone out already is sent again only
    when its id is named. What was replayed five times and failed each time is left out: mend its cause first. Asks
    first, with the number; the oldest go first, and what is over the limit stays.
    """
    from crocevia.sync.replay import replay as queue

    if not ids and not name and not everything:
        raise click.UsageError("name IDS, --connection NAME or --all")
    _known(session, name)
    with _store(session) as store:
        found, left = _chosen(store, ids, None if everything else name, limit, force=force)
        if preview:
            _preview(session, store, found)
            return
        if found and not yes:
            click.confirm(f"Replay {len(found)} dead letters?", abort=True)
        count = queue(store, found) if found else 0
    click.echo(f"{count} queued again" + (f", {left} left for the next time (--limit)" if left else ""))


MOST_REPLAYS = 5
_MOST_SHOWN = 20


def _chosen(
    store: Store, ids: tuple[int, ...], name: str | None, limit: int, *, force: bool
) -> tuple[Sequence[dict[str, Any]], int]:
    """The letters to replay, the oldest first, and how many more there are; says what is left out, and why."""
    from crocevia.store import dead as letters

    tries = None if force else MOST_REPLAYS
    with store.reading() as connection:
        if ids:
            found = _named(connection, ids, limit, tries)
        else:
            found = letters.replayable(connection, most=limit, tries=tries, name=name)
    for left_out, why in (
        (found.unsure, "as they may have gone out already; look at the channel, then name those that did not"),
        (
            found.worn_out,
            f"as they were replayed {MOST_REPLAYS} times and failed each time; mend the cause, then --force",
        ),
    ):
        if left_out:
            shown = " ".join(map(str, left_out[:_MOST_SHOWN])) + (" ..." if len(left_out) > _MOST_SHOWN else "")
            click.echo(f"{len(left_out)} left out, {why}: {shown}", err=True)
    return found.letters, found.left


def _named(connection: Connection, ids: tuple[int, ...], limit: int, tries: int | None) -> Replayable:
    from crocevia.store import dead as letters

    found = [one for one in letters.read(connection, ids) if one["state"] == "open"]
    missing = sorted(set(ids) - {one["id"] for one in found})
    if missing:
        raise click.UsageError(f"not among the open dead letters: {', '.join(map(str, missing))}")
    worn_out = [] if tries is None else letters.worn_out(connection, ids, tries)
    kept = [one for one in found if one["id"] not in worn_out]
    return letters.Replayable(letters=kept[:limit], left=max(0, len(kept) - limit), unsure=(), worn_out=worn_out)


def _preview(session: Session, store: Store, found: Sequence[dict[str, Any]]) -> None:
    from crocevia.daemon import build_world
    from crocevia.sync.preview import preview

    world = build_world(session.settings, session.plugins, store)
    with store.reading() as connection:
        for letter in found:
            click.echo(
                f"{letter['id']}: {letter['connection']}: {letter['what']} {letter['ref_id']} {letter['leaf']}".rstrip()
            )
            for line in preview(world, connection, letter):
                click.echo(f"  {line}")
    click.echo(f"{len(found)} letters; nothing was queued")
