"""`crocevia pause` and `crocevia resume`: stop calling one vendor for a while; what is to be done is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from crocevia.cli.session import Session, pass_session

if TYPE_CHECKING:
    from crocevia.store.connections import ConnectionRow


@click.command()
@click.argument("connection")
@click.option("--reason", default="paused by hand", show_default=True, help="Shown by status until it is resumed.")
@pass_session
def pause(session: Session, connection: str, reason: str) -> None:
    """Stop calling the vendor of CONNECTION: nothing is read, written or sent; webhooks are still taken in.

    The daemon heeds it with its next turn, within seconds; without a daemon it counts from the next start.
    """
    before, waits = _set(session, connection, "paused", reason)
    was = f" (it was already: {before.reason})" if before.state == "paused" else ""
    click.echo(f"{connection}: paused{was}; {waits}; `crocevia resume {connection}` goes on")


@click.command()
@click.argument("connection")
@pass_session
def resume(session: Session, connection: str) -> None:
    """Go on with CONNECTION after a pause, by hand or because something asked for a look (a mass deletion)."""
    before, waits = _set(session, connection, "running", "")
    was = (
        f"running again, after a pause ({before.reason})" if before.state == "paused" else "running; it was not paused"
    )
    click.echo(f"{connection}: {was}; {waits}")


def _set(session: Session, name: str, state: str, reason: str) -> tuple[ConnectionRow, str]:
    """Set the state; return what it was, and what waits on the connection, in words."""
    from crocevia.clock import SYSTEM_CLOCK
    from crocevia.model import to_us
    from crocevia.store import books, connections, leases, open_store

    known = sorted({*session.settings.connections, *session.settings.disabled})
    if name not in known:
        raise click.UsageError(f"there is no connection {name!r}; there are: {', '.join(known) or 'none'}")
    store = open_store(session.settings.core.store)
    try:
        with store.writing() as connection:
            now = to_us(SYSTEM_CLOCK.now())
            before = connections.read(connection, name)
            if (before.state == "paused") != (state == "paused") or state == "paused":
                connections.write(store, connection, name, state=state, reason=reason, changed_at=now)
            kept = books.read(connection, name)
            daemon = bool(leases.at_work(connection, now))
    finally:
        store.close()
    waits = f"{kept.records.pending} records and {kept.commands.pending} messages wait to go out"
    return before, waits if daemon else f"{waits}, and no daemon runs"
