"""`crocevia show`: one customer, from an address."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from crocevia.cli.session import Session, pass_session

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from crocevia.store.profiles import ProfileRow


@click.command()
@click.argument("address")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_session
def show(session: Session, address: str, *, as_json: bool) -> None:
    """Show the customers who hold ADDRESS: profile, records and the one timeline.

    ADDRESS is a phone number, an e-mail address, a vendor's id, `kind|scope|value`, or our own id of a profile.
    Exit code 1 when nobody holds it.
    """
    from crocevia.store import open_store

    settings = session.settings
    store = open_store(settings.core.store)
    try:
        with store.reading() as connection:
            found = [_customer(connection, row) for row in holders(connection, address, settings.core.region)]
    finally:
        store.close()
    if not found:
        click.echo(f"nobody holds {address}", err=True)
        raise click.exceptions.Exit(1)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for customer in found:
            _print(customer)


def holders(connection: Connection, address: str, region: str | None) -> list[ProfileRow]:
    """The profiles that hold an address, however it is written."""
    import sqlalchemy as sa

    from crocevia.identity.normalise import email, phone
    from crocevia.store import profiles
    from crocevia.store.tables import claims

    exact = {address}
    exact |= {f"phone||{value}" for value in [phone(address, region)] if value}
    exact |= {f"email||{value}" for value in [email(address)] if value}
    ids = {holder for some in profiles.holders(connection, exact).values() for holder in some}
    ids |= set(profiles.ids_of(connection, [address]).values())
    if not ids:  # a vendor's bare id
        ending = (
            sa.select(claims.c.profile_id).where(claims.c.address.endswith("|" + address, autoescape=True)).limit(20)
        )
        ids = set(connection.execute(ending).scalars())
    return list({row.id: row for row in profiles.load_canonical(connection, ids).values()}.values())


def _customer(connection: Connection, row: ProfileRow) -> dict[str, Any]:
    from crocevia.model import from_us
    from crocevia.store import bindings, consents, interactions

    return {
        "id": row.uid,
        "fields": row.fields,
        "contact_points": [
            {"address": claim.address, "slot": claim.slot, "verified": claim.verified, "listed": claim.listed}
            for claim in sorted(row.claims.values(), key=lambda claim: claim.position)
        ],
        "records": [
            {"connection": one.connection, "object": one.object, "id": one.remote_id, "state": one.state}
            for one in bindings.of_subjects(connection, "profile", [row.id])
        ],
        "consents": [
            {
                "address": one.address,
                "channel": one.channel,
                "purpose": one.purpose,
                "state": one.state,
                "at": from_us(one.at).isoformat(),
                "connection": one.connection,
                "source": one.source,
                "evidence": one.evidence,
            }
            for one in consents.of_profiles(connection, [row.id])
        ],
        "timeline": [
            {
                "at": from_us(one.at).isoformat(),
                "road": one.detail.get("road", one.connection),
                "direction": one.direction,
                "kind": one.kind,
                "status": "removed" if one.removed else one.status,
                "text": one.text,
                "files": len(one.detail.get("attachments", ())),
                "id": one.uid,
            }
            for one in interactions.timeline(connection, row.id)
        ],
    }


def _print(customer: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    fields = customer["fields"]
    names = [fields.get("given_name"), fields.get("family_name")]
    name = " ".join(part for part in names if part) or fields.get("display_name") or "unnamed"
    console = Console()
    console.print(Text(f"{name}  ({customer['id']})", style="bold"))
    for point in customer["contact_points"]:
        proof = "verified" if point["verified"] else "not verified"
        console.print(Text(f"  {point['address']}  {point['slot']}  {proof}"))
    for record in customer["records"]:
        console.print(Text(f"  {record['connection']} {record['object']} {record['id'] or '-'}  {record['state']}"))
    for word in customer["consents"]:
        how = word["evidence"] or word["source"]
        said = f"{word['purpose']} {word['state']} on {word['channel']} since {word['at'][:10]} ({how})"
        console.print(Text(f"  {word['address']}  {said}"))
    table = Table(show_edge=False)
    for heading in ("at", "road", "", "kind", "status", "text"):
        table.add_column(heading)
    arrows = {"inbound": "→", "outbound": "←"}
    for one in customer["timeline"]:
        cells = (
            one["at"][:19],
            one["road"],
            arrows.get(one["direction"], "·"),
            one["kind"],
            one["status"] or "",
            " ".join(part for part in (one["text"], _files(one)) if part),
        )
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)


def _files(one: dict[str, Any]) -> str:
    """How many files came with it, and how they are seen."""
    return f"[{one['files']} files: crocevia media {one['id']}]" if one["files"] else ""
