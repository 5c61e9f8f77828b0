"""`crocevia dead`: what could not be processed, kept and replayable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from crocevia.cli.session import Session, pass_session

if TYPE_CHECKING:
    from crocevia.store import Store


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
        found = letters.listed(connection, name)
    if as_json:
        click.echo(json.dumps([{key: one[key] for key in _SHOWN} for one in found], indent=2))
        return
    causes: dict[tuple[str, str, str], list[str]] = {}
    for one in found:
        causes.setdefault((one["connection"], one["what"], one["error"]), []).append(str(one["id"]))
    for (where, what, error), ids in sorted(causes.items(), key=lambda cause: -len(cause[1])):
        shown = " ".join(ids[:20]) + (" ..." if len(ids) > 20 else "")
        click.echo(f"{where}: {len(ids)} x {what}: {error}: {shown}")
    if not found:
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
    if not found:
        click.echo(f"there is no dead letter {letter}", err=True)
        raise click.exceptions.Exit(1)
    one = found[0]
    click.echo(f"{one['connection']}: {one['what']} {one['ref_id']} {one['leaf']}".rstrip())
    click.echo(f"{one['error']}: {one['message']}")
    click.echo(f"since {from_us(one['at']).isoformat()}, {one['state']}")


@dead.command()
@click.argument("ids", nargs=-1, type=int)
@click.option("--connection", "name", help="Everything of this connection.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def replay(session: Session, ids: tuple[int, ...], name: str | None, *, everything: bool, yes: bool) -> None:
    """Queue dead letters again, by IDS, of a connection, or all; the daemon takes them up.

    Nothing is doubled: each goes under its first key. A message that may have gone out already is sent again only
    when its id is named. Asks first, with the number.
    """
    from crocevia.store import dead as letters
    from crocevia.sync.replay import replay as queue

    if not ids and not name and not everything:
        raise click.UsageError("name IDS, --connection NAME or --all")
    _known(session, name)
    with _store(session) as store:
        with store.reading() as connection:
            found: list[dict[str, Any]] = (
                [one for one in letters.read(connection, ids) if one["state"] == "open"]
                if ids
                else letters.listed(connection, None if everything else name, most=1_000_000)
            )
        unsure = [] if ids else [one for one in found if _may_have_gone(one)]
        found = [one for one in found if one not in unsure]
        if unsure:
            named = " ".join(str(one["id"]) for one in unsure)
            click.echo(f"left out, as they may have gone out already: {named}", err=True)
        missing = sorted(set(ids) - {one["id"] for one in found})
        if missing:
            raise click.UsageError(f"not among the open dead letters: {', '.join(map(str, missing))}")
        if found and not yes:
            click.confirm(f"Replay {len(found)} dead letters?", abort=True)
        count = queue(store, found) if found else 0
    click.echo(f"{count} queued again")


def _may_have_gone(letter: dict[str, Any]) -> bool:
    return letter["what"] == "command" and str(letter["error"]).startswith("OutcomeUnknownError")
