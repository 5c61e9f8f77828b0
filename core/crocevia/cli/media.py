"""`crocevia media`: the files of an interaction, and their bytes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crocevia.cli.session import Session, pass_session

if TYPE_CHECKING:
    from crocevia.store.interactions import InteractionRow
    from crocevia.sync.media import File
    from crocevia.sync.world import World


@click.command()
@click.argument("interaction")
@click.argument("number", type=click.IntRange(min=1), required=False)
@click.option(
    "--output", "-o", help='Where to write it; "-" is the standard output. Default: its name, in this folder.'
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_session
def media(session: Session, interaction: str, number: int | None, output: str | None, *, as_json: bool) -> None:
    """List the files of INTERACTION, or fetch the one with this NUMBER.

    INTERACTION is our id of it (`crocevia show --json` tells). Crocevia keeps where a file is, not what is in it: it is
    fetched from the vendor, for as long as the vendor keeps it. A file that is there is never written over. Exit code
    1 when there is no such interaction or file, or the vendor does not give it.
    """
    from crocevia.daemon import build_world
    from crocevia.errors import RefusedError
    from crocevia.store import interactions, open_store

    store = open_store(session.settings.core.store)
    try:
        world = build_world(session.settings, session.plugins, store)
        with store.reading() as connection:
            row = interactions.by_uids(connection, [interaction]).get(interaction)
        if row is None:
            raise RefusedError(f"there is no interaction {interaction}")
        said = _listed(world, row) if number is None else _fetched(world, row, number, output)
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps(said, indent=2, ensure_ascii=False), err=output == "-")
    else:
        _print(said if isinstance(said, list) else [said], err=output == "-")


def _listed(world: World, row: InteractionRow) -> list[dict[str, Any]]:
    from crocevia.sync import media as service

    return [_file(file) for file in service.files(world, row)]


def _file(file: File) -> dict[str, Any]:
    until = None if file.until is None else file.until.isoformat()
    return {"number": file.number, **file.attachment.facts(), "until": until, "gone": file.gone, "note": file.note}


def _fetched(world: World, row: InteractionRow, number: int, output: str | None) -> dict[str, Any]:
    from crocevia.errors import RefusedError
    from crocevia.sync import media as service

    if output == "-":
        file, came, intact = service.fetch(world, row, number, sys.stdout.buffer)
        where = "-"
    else:
        named = next((one.attachment for one in service.files(world, row) if one.number == number), None)
        path = Path(output) if output else Path(_name(row, number, named.name if named else None))
        try:
            with path.open("xb") as into:
                try:
                    file, came, intact = service.fetch(world, row, number, into)
                except BaseException:
                    path.unlink()
                    raise
        except FileExistsError:
            raise RefusedError(f"{path} is there already: name another file with --output") from None
        where = str(path)
    return {
        **_file(file),
        "written": where,
        "size_bytes": came.size_bytes,
        "content_type": came.content_type,
        "sha256": came.sha256,
        "intact": intact,
    }


def _name(row: InteractionRow, number: int, said: str | None) -> str:
    """A plain name in this folder, whatever the sender has called it."""
    bare = re.sub(r"[^\w.-]+", "_", said or "").strip("._")[-80:]
    return bare or f"{row.uid}-{number}"


def _print(files: list[dict[str, Any]], *, err: bool) -> None:
    if not files:
        click.echo("it has no files", err=err)
    for file in files:
        parts = [file.get(name) for name in ("kind", "name", "mime_type", "detail")]
        size = f"{file['size_bytes']} bytes" if file.get("size_bytes") is not None else None
        told = (file["number"], *parts, size, file["note"])
        click.echo("  ".join(str(part) for part in told if part), err=err)
        if "written" in file:
            click.echo(f"written to {file['written']}, {file['content_type'] or 'of a type that is not said'}", err=err)
            if file["intact"] is False:
                click.echo("its hash is not the one that the vendor had told: it may not be the same file", err=True)
