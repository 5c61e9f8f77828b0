"""`crocevia why`: where a field's value comes from, what each CRM holds of it, and what was decided about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from crocevia.cli.session import Session, pass_session

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from crocevia.mapping import Lens
    from crocevia.store.bindings import BindingRow
    from crocevia.store.profiles import ProfileRow
    from crocevia.sync.world import World


@click.command()
@click.argument("profile")
@click.argument("field")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_session
def why(session: Session, profile: str, field: str, *, as_json: bool) -> None:
    """Say why FIELD of PROFILE holds its value: who gave it and when, what each CRM holds, and each decision.

    PROFILE is our id of it or any address that `crocevia show` takes. Decisions come newest first, a person's and what
    waits for one among them. Exit code 1 when there is no such profile.
    """
    from crocevia.cli.show import holders
    from crocevia.daemon import build_world
    from crocevia.store import open_store

    store = open_store(session.settings.core.store)
    try:
        world = build_world(session.settings, session.plugins, store)
        _check_field(session, world, field)
        with store.reading() as connection:
            found = holders(connection, profile, session.settings.core.region)
            told = [_told(world, connection, row, field) for row in found]
    finally:
        store.close()
    if not told:
        click.echo(f"nobody holds {profile}", err=True)
        raise click.exceptions.Exit(1)
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    for one in told:
        _print(one)


def _check_field(session: Session, world: World, field: str) -> None:
    """It is one of ours, of the settings or of a mapping; else say so."""
    from crocevia.mapping.configure import OWN_FIELDS

    mappings = [mapping for live in world.lives.values() for mapping in live.mappings.values()]
    mapped = {name for one in mappings if one.of == "profile" for lens in one.lenses for name in lens.fields}
    known = sorted({*OWN_FIELDS["profile"], "contact_points", *session.settings.fields, *mapped})
    if field not in known:
        near = get_close_matches(field, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
        raise click.UsageError(f"customers have no field {field!r}; {hint}")


def _told(world: World, connection: Connection, row: ProfileRow, field: str) -> dict[str, Any]:
    """Everything that is known of one field of one profile."""
    from crocevia.model import from_us
    from crocevia.store import bindings, decisions
    from crocevia.store.json import plain

    canonical = row.canonical()
    records = []
    for binding in bindings.of_subjects(connection, "profile", [row.id]):
        live = world.lives.get(binding.connection)
        mapping = live.mappings.get(binding.object) if live is not None else None
        lens = next((one for one in mapping.lenses if field in one.fields), None) if mapping else None
        if lens is not None:
            records.append(_record(binding, lens))
    return {
        "profile": row.uid,
        "field": field,
        "state": "absent" if field not in canonical else "cleared" if canonical[field] is None else "known",
        "value": plain(canonical.get(field)),
        "given": _given(row.origins.get(field)),
        "records": records,
        "reviews": [
            {
                "id": one["id"],
                "kind": one["kind"],
                "connection": one["connection"],
                "since": from_us(one["at"]).isoformat(),
            }
            for one in decisions.open_of_profiles(connection, [row.id])
            if field in one["data"].get("fields", ())
        ],
        "decisions": [
            {
                "at": from_us(one["at"]).isoformat(),
                **{name: one[name] for name in ("connection", "chosen", "why", "base", "ours", "theirs")},
            }
            for one in decisions.of_field(connection, row.id, field)
        ],
    }


def _given(origin: Any) -> dict[str, Any] | None:
    """Who gave a value and when; None: a contact point, each of which has its own, or nobody yet."""
    from crocevia.model import from_us
    from crocevia.sync.choice import AHEAD

    if origin is None:
        return None
    at, by, *marks = origin
    return {"at": from_us(at).isoformat(), "by": by, "clock_ahead": AHEAD in marks}


def _record(binding: BindingRow, lens: Lens) -> dict[str, Any]:
    """What a CRM's record holds of a field: seen there, last agreed on, held for a review."""
    return {
        "connection": binding.connection,
        "object": binding.object,
        "id": binding.remote_id,
        "state": binding.state,
        "seen": {name: binding.seen.get(name) for name in lens.remote},
        "agreed": {name: binding.base(name) for name in lens.remote},
        "held": [name for name in lens.remote if name in binding.held],
        "pending": binding.wanted > binding.applied,
    }


def _print(one: Mapping[str, Any]) -> None:
    said = {"absent": "absent (never known)", "cleared": "cleared"}
    click.echo(f"{one['profile']} {one['field']}: {said.get(one['state']) or _json(one['value'])}")
    if one["given"]:
        ahead = ", by a clock ahead of ours" if one["given"]["clock_ahead"] else ""
        click.echo(f"  given by {one['given']['by']}, {one['given']['at']}{ahead}")
    for record in one["records"]:
        marks = "".join(
            mark
            for mark, on in ((", held for a review", record["held"]), (", a write is due", record["pending"]))
            if on
        )
        click.echo(f"  {record['connection']} {record['object']} {record['id'] or '-'}, {record['state']}{marks}")
        click.echo(f"    seen: {_json(record['seen'])}")
        if record["agreed"] != record["seen"]:
            click.echo(f"    agreed: {_json(record['agreed'])}")
    for review in one["reviews"]:
        click.echo(f"  {review['kind']} with {review['connection']} since {review['since']}: review {review['id']}")
    for decided in one["decisions"]:
        click.echo(f"  {decided['at']} {decided['connection']}: {decided['chosen']}: {decided['why']}")
        for side in ("base", "ours", "theirs"):
            click.echo(f"    {side}: {_json(decided[side])}")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
