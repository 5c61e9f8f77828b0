"""`crocevia review`: what waits for a person, and the person's word on it."""

from __future__ import annotations

import json
from typing import Any

import click

from crocevia.cli.session import Session, pass_session


@click.group()
def review() -> None:
    """Show and decide what waits for a person.

    Contested fields, customers that may be one, records that may be somebody's, deletions in mass.
    """


@review.command("list")
@click.option("--kind", help="Of this kind only: conflict, oscillation, identity...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, each entry with its data and what can be chosen.")
@pass_session
def list_(session: Session, kind: str | None, *, as_json: bool) -> None:
    """List what is open, oldest first: id, kind, connection, what it is about."""
    found = [one for one in _open(session) if kind in (None, one["kind"])]
    if as_json:
        click.echo(json.dumps([_told(one) for one in found], indent=2, ensure_ascii=False))
        return
    for one in found:
        click.echo(f"{one['id']}: {one['kind']}, {one['connection']}: {_about(one)}")
    if not found:
        click.echo("nothing to review")


@review.command()
@click.argument("entry", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_session
def show(session: Session, entry: int, *, as_json: bool) -> None:
    """Show one entry, open or ended: the profiles, records and values it names, and what can be chosen."""
    from crocevia.model import from_us
    from crocevia.sync.reviews import choices

    one = _find(session, entry)
    if as_json:
        click.echo(json.dumps(_told(one), indent=2, ensure_ascii=False))
        return
    click.echo(f"{one['kind']}, {one['connection']}, since {from_us(one['at']).isoformat()}")
    for name, value in one["data"].items():
        if name == "flips" and isinstance(value, list):
            click.echo("  flips:")
            for flip in value:
                said = json.dumps(flip["theirs"], ensure_ascii=False)
                click.echo(f"    {from_us(flip['at']).isoformat()} {flip['connection']}: {said}")
        else:
            click.echo(f"  {name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    if one["state"] == "open":
        click.echo(f"`crocevia review resolve {entry} CHOICE`, where CHOICE is")
        for choice, what in choices(one).items():
            click.echo(f"  {choice}: {what}")
    else:
        click.echo(f"ended {from_us(one['ended_at']).isoformat()} by {one['ended_by']}: {one['choice']}")


@review.command()
@click.argument("entry", type=int)
@click.argument("choice")
@click.option("--by", default="person", show_default=True, help="Who decides: kept with the decision.")
@pass_session
def resolve(session: Session, entry: int, choice: str, by: str) -> None:
    """Decide an open ENTRY: `crocevia review show ENTRY` says what CHOICE can be.

    The decision is written down (`crocevia why` shows it); the daemon carries it to every CRM. Exit code 1 when the
    entry is not open any more, or something stands in the way, which is said.
    """
    from crocevia.daemon import build_world
    from crocevia.store import open_store
    from crocevia.sync import reviews

    one = _find(session, entry)
    taken = reviews.choices(one)
    if choice not in taken and reviews.PROFILE not in taken:
        raise click.UsageError(f"entry {entry} ({one['kind']}) takes {' or '.join(taken)}, not {choice!r}")
    store = open_store(session.settings.core.store)
    try:
        world = build_world(session.settings, session.plugins, store)
        click.echo(reviews.resolve(world, one, choice, by=by))
    finally:
        store.close()


def _find(session: Session, entry: int) -> dict[str, Any]:
    from crocevia.store import decisions, open_store

    store = open_store(session.settings.core.store)
    try:
        with store.reading() as connection:
            found = decisions.find_review(connection, entry)
    finally:
        store.close()
    if found is None:
        click.echo(f"there is no entry {entry}: `crocevia review list` has those that are open", err=True)
        raise click.exceptions.Exit(1)
    return found


def _open(session: Session) -> list[dict[str, Any]]:
    from crocevia.store import decisions, open_store

    store = open_store(session.settings.core.store)
    try:
        with store.reading() as connection:
            return decisions.open_reviews(connection, most=100_000)
    finally:
        store.close()


def _about(one: dict[str, Any]) -> str:
    """What an entry is about, in a few words and without values."""
    data = one["data"]
    if "field" in data:
        return f"{data['field']} of {data.get('profile')} ({data.get('object')} {data.get('id')})"
    if one["kind"] == "mass delete":
        return f"{len(data.get('bindings', ()))} records of {data['object']}"
    return str(one["subject"])


def _told(one: dict[str, Any]) -> dict[str, Any]:
    from crocevia.model import from_us
    from crocevia.sync.reviews import choices

    ended_at = None if one["ended_at"] is None else from_us(one["ended_at"]).isoformat()
    return {**one, "at": from_us(one["at"]).isoformat(), "ended_at": ended_at, "choices": choices(one)}
