"""`crocevia pause` and `crocevia resume`: stop calling one vendor for a while; what is to be done is kept."""

from __future__ import annotations

import click

from crocevia.cli.session import Session, pass_session


@click.command()
@click.argument("connection")
@click.option("--reason", default="paused by hand", show_default=True, help="Shown by status until it is resumed.")
@pass_session
def pause(session: Session, connection: str, reason: str) -> None:
    """Stop calling the vendor of CONNECTION: nothing is read, written or sent; webhooks are still taken in.

    The daemon heeds it with its next turn, within seconds; without a daemon it counts from the next start.
    """
    _set(session, connection, "paused", reason)
    click.echo(f"{connection}: paused; `crocevia resume {connection}` goes on")


@click.command()
@click.argument("connection")
@pass_session
def resume(session: Session, connection: str) -> None:
    """Go on with CONNECTION after a pause, by hand or because something asked for a look (a mass deletion)."""
    _set(session, connection, "running", "")
    click.echo(f"{connection}: running")


def _set(session: Session, name: str, state: str, reason: str) -> None:
    from crocevia.clock import SYSTEM_CLOCK
    from crocevia.model import to_us
    from crocevia.store import connections, open_store

    known = sorted({*session.settings.connections, *session.settings.disabled})
    if name not in known:
        raise click.UsageError(f"there is no connection {name!r}; there are: {', '.join(known) or 'none'}")
    store = open_store(session.settings.core.store)
    try:
        with store.writing() as connection:
            now = to_us(SYSTEM_CLOCK.now())
            connections.write(store, connection, name, state=state, reason=reason, changed_at=now)
    finally:
        store.close()
