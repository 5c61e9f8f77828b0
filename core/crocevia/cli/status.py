"""`crocevia status`: each connection's health, lag and books."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from crocevia.cli.session import Session, pass_session

if TYPE_CHECKING:
    from rich.console import Console

    from crocevia.store import Store


_WIDE = 160
_TABLE = 120
"""Columns below which a table is no help any more."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every term of the books.")
@pass_session
def status(session: Session, *, as_json: bool) -> None:
    """Tell of each connection its health, its lag and its books, as of now.

    Reads the store; the daemon need not run. Exit code 1 when the books of a connection do not balance.
    """
    from crocevia.store import open_store

    store = open_store(session.settings.core.store)
    try:
        found = report(store, sorted(session.settings.connections))
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _print(found)
    if not all(one["balanced"] for one in found["connections"].values()):
        raise click.exceptions.Exit(1)


def report(store: Store, names: list[str]) -> dict[str, Any]:
    """Health and books by connection, totals, whether all is quiet, and whether a daemon is at work.

    `lag_s`: age of the oldest input not applied yet, in seconds; None when there is none.
    """
    import sqlalchemy as sa

    from crocevia.clock import SYSTEM_CLOCK
    from crocevia.model import to_us
    from crocevia.store import books, connections, decisions, leases
    from crocevia.store.tables import interactions, journal, profiles

    now = to_us(SYSTEM_CLOCK.now())
    with store.reading() as connection:
        found: dict[str, Any] = {}
        quiet = True
        for name in names:
            kept = books.read(connection, name)
            health = connections.read(connection, name)
            oldest = connection.execute(
                sa.select(sa.func.min(journal.c.received_at)).where(journal.c.connection == name, sa.text("state = 0"))
            ).scalar()
            quiet = quiet and kept.quiet
            found[name] = {
                "state": health.state,
                "reason": health.reason,
                "flow": dict(health.flow),
                "held": health.held,
                "lag_s": None if oldest is None else round((now - oldest) / 1e6, 3),
                **kept.as_dict(),
            }
        live = sa.select(sa.func.count()).select_from(profiles).where(profiles.c.merged_into.is_(None))
        return {
            "connections": found,
            "profiles": connection.execute(live).scalar_one(),
            "interactions": connection.execute(sa.select(sa.func.count()).select_from(interactions)).scalar_one(),
            "reviews": len(decisions.open_reviews(connection)),
            "quiet": quiet,
            "daemon": bool(leases.at_work(connection, now)),
        }


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console

    # a pipe or a log has no width of its own: nothing is cut there
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    title = f"{found['profiles']} customers, {found['interactions']} interactions, {found['reviews']} to review"
    if console.width >= _TABLE:
        _print_table(console, title, found["connections"])
    else:
        _print_list(title, found["connections"])
    if not found["daemon"]:
        click.echo("no daemon runs: nothing is read, written or sent until `crocevia run`")


_COLUMNS = ("received", "waiting", "quarantined", "wanted", "to do", "unknown", "dead")


def _figures(one: dict[str, Any]) -> dict[str, int]:
    """The books in the words of the columns: what came in, then what goes out."""
    incoming, records, orders = one["incoming"], one["records"], one["commands"]
    both = {term: records[term] + orders[term] for term in records}
    waiting = incoming["pending"] + incoming["unparsed"]
    figures = (incoming["received"], waiting, incoming["quarantined"], both["wanted"], both["pending"], both["unknown"])
    return dict(zip(_COLUMNS, (*figures, both["dead"]), strict=True))


def _state(one: dict[str, Any]) -> str:
    return ": ".join(filter(None, (one["state"], one["reason"], one["held"])))


def _lag(one: dict[str, Any]) -> str:
    return "" if one["lag_s"] is None else f"{one['lag_s']:.1f} s"


def _print_table(console: Console, title: str, connections: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title=title)
    for heading in ("connection", "state", "lag", *_COLUMNS, "books"):
        table.add_column(heading, justify="left" if heading in ("connection", "state", "books") else "right")
    for name, one in connections.items():
        books = "balance" if one["balanced"] else "DO NOT BALANCE"
        table.add_row(name, _state(one), _lag(one), *map(str, _figures(one).values()), books)
    console.print(table)


def _print_list(title: str, connections: dict[str, Any]) -> None:
    """Where a table would be squeezed: a few lines a connection, without what is nought."""
    click.echo(title)
    for name, one in connections.items():
        lag = f", {_lag(one)} behind" if one["lag_s"] is not None else ""
        click.echo(f"{name}: {_state(one)}{lag}")
        figures = {word: n for word, n in _figures(one).items() if n or word in ("received", "wanted")}
        books = "books balance" if one["balanced"] else "BOOKS DO NOT BALANCE"
        click.echo(f"  {', '.join(f'{n} {word}' for word, n in figures.items())}; {books}")
