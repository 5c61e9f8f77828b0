"""`crocevia backfill`: records for customers and interactions of before, on a CRM that was added later."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from crocevia.cli.session import Session, pass_session

if TYPE_CHECKING:
    from crocevia.store import Store
    from crocevia.store.backfills import BackfillRow
    from crocevia.sync.backfill import Of
    from crocevia.sync.world import Live, World

_WHAT = {"profile": "customers", "interaction": "interactions"}


@click.command()
@click.argument("name", metavar="CONNECTION")
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Only what is newer (UTC).")
@click.option("--profiles", "only", flag_value="profile", help="Customers only.")
@click.option("--interactions", "only", flag_value="interaction", help="Interactions only, of who has a record there.")
@click.option("--again", is_flag=True, help="Write anew, where it differs, what has a record: the mapping has changed.")
@click.option("--from-start", is_flag=True, help="Begin again, also where one was interrupted.")
@click.option("--dry-run", is_flag=True, help="Say what it would take, and ask for nothing.")
@click.option("--status", is_flag=True, help="Say how far it is, and ask for nothing.")
@pass_session
def backfill(
    session: Session,
    name: str,
    *,
    since: datetime | None,
    only: Of | None,
    again: bool,
    from_start: bool,
    dry_run: bool,
    status: bool,
) -> None:
    """Ask for records on CONNECTION of what was there before it, or before its mapping.

    Only what is missing is asked for, by the same rules as ever, and the daemon writes it after everything that is
    fresher. It may be interrupted at any moment: the same command goes on from there. What is in CRMs is not read
    here: `crocevia audit` does that.
    """
    from crocevia.daemon import build_world
    from crocevia.store import open_store

    known = sorted(session.settings.connections)
    if name not in known:
        raise click.UsageError(f"there is no connection {name!r}; there are: {', '.join(known) or 'none'}")
    kinds: tuple[Of, ...] = (only,) if only else ("profile", "interaction")
    store = open_store(session.settings.core.store)
    try:
        world = build_world(session.settings, session.plugins, store)
        live = world.lives[name]
        if not live.writes or live.mapping_of("profile") is None:
            raise click.UsageError(f"{name} keeps no records that Crocevia writes: there is nothing to backfill")
        start = None if since is None else _utc(since)
        if status:
            _tell_status(store, name, kinds)
        elif dry_run:
            _tell_forecast(world, live, kinds, start, again=again)
        else:
            _run(world, live, kinds, start, again=again, from_start=from_start)
    finally:
        store.close()


def _utc(at: datetime) -> datetime:
    from datetime import UTC

    return at.replace(tzinfo=UTC)


def _run(
    world: World, live: Live, kinds: tuple[Of, ...], since: datetime | None, *, again: bool, from_start: bool
) -> None:
    from crocevia.sync import backfill

    asked = 0
    for of in kinds:
        row = backfill.start(world, live, of, since=since, again=again, anew=from_start)
        if row.cursor:
            click.echo(f"{live.name}: {_WHAT[of]}: going on after {row.seen}")
        backfill.run(world, live, row, _progress)
        click.echo(f"{live.name}: {_WHAT[of]}: {row.seen} looked at, {row.wanted} records asked for")
        asked += row.wanted
    if asked:
        click.echo(f"the daemon writes them; `crocevia backfill {live.name} --status` says how far it is")


def _progress(row: BackfillRow) -> None:
    """Where somebody watches, how far it is."""
    if sys.stderr.isatty():
        percent = 100 * row.cursor // max(1, row.until)
        click.echo(f"\r\x1b[K{_WHAT[row.of]}: {row.seen} looked at, {percent} %\r", err=True, nl=False)


def _tell_forecast(world: World, live: Live, kinds: tuple[Of, ...], since: datetime | None, *, again: bool) -> None:
    from crocevia.sync import backfill

    window_s = live.options.budget.window.total_seconds()
    window = "a day" if window_s == 86_400 else f"in {_spoken(window_s).removeprefix('about ')}"
    for of in kinds:
        found = backfill.forecast(world, live, of, since=since, again=again, after_profiles="profile" in kinds)
        limit = found.window_calls
        share = f" ({100 * found.calls / limit:.2g} % of the {limit} that everybody has {window})" if limit else ""
        time = f", {_spoken(found.duration.total_seconds())} at its budget of calls" if found.duration else ""
        click.echo(
            f"{live.name}: {_WHAT[of]}: {found.seen} looked at, {found.wanted} records to ask for: "
            f"about {found.calls} calls{share}{time}"
        )
    _tell_gauge(live)
    click.echo("nothing was asked for")


def _tell_gauge(live: Live) -> None:
    """What everybody has used already, where the vendor tells."""
    from crocevia.connector import ReportsUsage

    usage = live.connector.usage() if isinstance(live.connector, ReportsUsage) else None
    if usage is not None:
        left = max(0, usage.limit - usage.used)
        click.echo(f"{live.name}: {usage.used} of {usage.limit} calls are used, by everybody: {left} left")


def _spoken(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"about {seconds / length:.0f} {unit}"
    return f"about {seconds:.0f} seconds"


def _tell_status(store: Store, name: str, kinds: tuple[Of, ...]) -> None:
    from crocevia.model import from_us
    from crocevia.store import backfills

    with store.reading() as connection:
        for of in kinds:
            row = backfills.read(connection, name, of)
            waiting = backfills.waiting(connection, name, of)
            if row is None:
                click.echo(f"{name}: {_WHAT[of]}: no backfill")
                continue
            at = from_us(row.changed_at).isoformat(timespec="seconds")
            left = "" if row.state == "done" else f", at {100 * row.cursor // max(1, row.until)} % of what there is"
            click.echo(
                f"{name}: {_WHAT[of]}: {row.state}{left}, {row.seen} looked at, {row.wanted} records asked for, "
                f"{waiting} of them still to be written ({at})"
            )
