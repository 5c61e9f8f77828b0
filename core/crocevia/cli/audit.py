"""`crocevia audit`: whether the CRMs hold what they should."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click
from attrs import asdict

from crocevia.cli.session import Session, pass_session

if TYPE_CHECKING:
    from crocevia.sync.audit import Difference
    from crocevia.sync.world import Live, World

_SHOWN = 20
_DOUBTS = ("differs", "missing", "stray")


@click.command()
@click.option("--connection", "name", help="Of this connection only; it is looked at even while it is paused.")
@click.option("--repair", is_flag=True, help="Let the judge hear what differs; the daemon writes what follows.")
@click.option("--limit", type=click.IntRange(0), default=_SHOWN, show_default=True, help="Most differences to list.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_session
def audit(session: Session, name: str | None, limit: int, *, repair: bool, as_json: bool) -> None:
    """Read every record that is kept in step and say which is not as it should be, and whether the books balance.

    Differences are told by ids and fields, never by values. A record that is about to be written anyway is counted
    apart. Nothing is written to a CRM; with --repair what differs is judged as if it were changed there now, so that
    a person's edit stands or goes by the policy, and what is wrong then is put right by the daemon.

    Exit code 0 when all is as it should be, 1 when something is not, or could not be looked at.
    """
    from crocevia.daemon import build_world
    from crocevia.store import open_store

    known = sorted(session.settings.connections)
    if name is not None and name not in known:
        raise click.UsageError(f"there is no connection {name!r}; there are: {', '.join(known) or 'none'}")
    store = open_store(session.settings.core.store)
    try:
        world = build_world(session.settings, session.plugins, store)
        found = {
            live.name: _audited(world, live, repair=repair, limit=limit, named=name is not None)
            for live in world.lives.values()
            if name in (None, live.name)
        }
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _print(found, repair=repair)
    if not all(one["clean"] for one in found.values()):
        raise click.exceptions.Exit(1)


def _audited(world: World, live: Live, *, repair: bool, limit: int, named: bool) -> dict[str, Any]:
    from crocevia.errors import RemoteError
    from crocevia.store import books, connections
    from crocevia.sync.audit import Audit

    listed: list[dict[str, Any]] = []

    def tell(difference: Difference) -> None:
        if len(listed) < limit:
            listed.append(asdict(difference))

    one = Audit(world, live, repair=repair, tell=tell)
    trouble = ""
    with world.store.reading() as connection:
        paused = connections.read(connection, live.name).state == "paused" and not named
    try:
        if not paused:
            one.run()
    except RemoteError as error:
        trouble = str(error)
    with world.store.reading() as connection:
        balanced = books.read(connection, live.name).balanced
    if sys.stderr.isatty():
        click.echo(f"{live.name}: looked at", err=True)
    counts = {what: one.counts[what] for what in ("looked at", *_DOUBTS, "waiting", "heard")}
    clean = balanced and not trouble and not any(counts[what] for what in _DOUBTS)
    told = {**counts, "balanced": balanced, "clean": clean, "paused": paused, "trouble": trouble}
    return {**told, "differences": listed}


def _print(found: dict[str, dict[str, Any]], *, repair: bool) -> None:
    for name, one in found.items():
        for told in one["differences"]:
            binding = "" if told["binding"] is None else f", binding {told['binding']}"
            fields = f": {', '.join(told['fields'])}" if told["fields"] else ""
            click.echo(
                f"{name}: {told['what']}: {told['object']} {told['remote_id']} ({told['ours']}{binding}){fields}"
            )
        doubts = sum(one[what] for what in _DOUBTS)
        if doubts > len(one["differences"]):
            click.echo(f"{name}: ... and {doubts - len(one['differences'])} more (--limit)")
    for name, one in found.items():
        click.echo(f"{name}: {_summary(one, repair=repair)}")


def _summary(one: dict[str, Any], *, repair: bool) -> str:
    if one["paused"]:
        return "paused, not looked at"
    parts = [f"{one['looked at']} records looked at"]
    parts += [f"{one[what]} {word}" for what, word in _WORDS.items() if one[what]]
    if repair:
        parts.append(f"{one['heard']} heard")
    parts.append("books balance" if one["balanced"] else "BOOKS DO NOT BALANCE")
    if one["trouble"]:
        parts.append(f"could not be looked at to the end: {one['trouble']}")
    return ", ".join(parts)


_WORDS = {
    "differs": "differ",
    "missing": "missing",
    "stray": "with our key and bound to nobody",
    "waiting": "waiting to be written",
}
