"""`crocevia why`: where a field's value comes from, and what was decided about it."""

from __future__ import annotations

import json
from typing import Any

import click

from crocevia.cli.session import Session, pass_session


@click.command()
@click.argument("profile")
@click.argument("field")
@pass_session
def why(session: Session, profile: str, field: str) -> None:
    """Say why FIELD of PROFILE holds its value: who gave it and when, and each decision, the newest first.

    PROFILE is our id of it or any address that `crocevia show` takes. Exit code 1 when there is no such profile.
    """
    from crocevia.cli.show import holders
    from crocevia.model import from_us
    from crocevia.store import decisions, open_store

    store = open_store(session.settings.core.store)
    try:
        with store.reading() as connection:
            found = holders(connection, profile, session.settings.core.region)
            rows = [(row, decisions.of_field(connection, row.id, field)) for row in found]
    finally:
        store.close()
    if not rows:
        click.echo(f"nobody holds {profile}", err=True)
        raise click.exceptions.Exit(1)
    for row, decided in rows:
        click.echo(f"{row.uid} {field}: {_value(row.canonical(), field)}")
        if field in row.origins:
            at, name = row.origins[field]
            click.echo(f"  given by {name}, {from_us(at).isoformat()}")
        for one in decided:
            click.echo(f"  {from_us(one['at']).isoformat()} {one['connection']}: {one['chosen']}: {one['why']}")
            for side in ("base", "ours", "theirs"):
                click.echo(f"    {side}: {json.dumps(one[side], ensure_ascii=False)}")


def _value(canonical: dict[str, Any], field: str) -> str:
    if field not in canonical:
        return "absent (never known)"
    value = canonical[field]
    if field == "contact_points":
        value = [point.text for point in value]
    return "cleared" if value is None else json.dumps(value, ensure_ascii=False)
