"""`crocevia review`: what waits for a person."""

from __future__ import annotations

import json
from typing import Any

import click

from crocevia.cli.session import Session, pass_session


@click.group()
def review() -> None:
    """Show what waits for a person: customers that may be one, records that may be doubles, contested fields."""


@review.command("list")
@pass_session
def list_(session: Session) -> None:
    """List what is open, oldest first: id, kind, connection, what it is about."""
    found = _open(session)
    for one in found:
        click.echo(f"{one['id']}: {one['kind']}, {one['connection']}: {one['subject']}")
    if not found:
        click.echo("nothing to review")


@review.command()
@click.argument("entry", type=int)
@pass_session
def show(session: Session, entry: int) -> None:
    """Show one entry: the profiles, records and reason it names."""
    from crocevia.model import from_us

    found = [one for one in _open(session) if one["id"] == entry]
    if not found:
        click.echo(f"there is no open entry {entry}", err=True)
        raise click.exceptions.Exit(1)
    one = found[0]
    click.echo(f"{one['kind']}, {one['connection']}, since {from_us(one['at']).isoformat()}")
    for name, value in one["data"].items():
        click.echo(f"  {name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")


def _open(session: Session) -> list[dict[str, Any]]:
    from crocevia.store import decisions, open_store

    store = open_store(session.settings.core.store)
    try:
        with store.reading() as connection:
            return decisions.open_reviews(connection, most=100_000)
    finally:
        store.close()
