"""What a replay of a dead letter would do now: nothing is queued, and no vendor is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Connection

from crocevia.model import Ignored, ParseContext, Unrecognised
from crocevia.store import bindings, commands, journal
from crocevia.store.dead import WHOLE_RAW
from crocevia.sync import desired
from crocevia.sync.intake import parse
from crocevia.sync.world import Live, World


def preview(world: World, connection: Connection, letter: Mapping[str, Any]) -> list[str]:
    """A few lines on what would come of an open letter (a row of `dead.listed`).

    Lenses are as the settings have them: how long a CRM lets a text be is known when it is called.
    """
    live = world.lives.get(letter["connection"])
    if live is None:
        return ["its connection is not among the settings: nothing would come of it"]
    match letter["what"]:
        case "leaf":
            return _leaf(world, live, connection, letter)
        case "binding":
            return _binding(world, live, connection, letter["ref_id"])
        case _:
            return _command(connection, letter["ref_id"])


def _leaf(world: World, live: Live, connection: Connection, letter: Mapping[str, Any]) -> list[str]:
    """What parse makes of it now; of a whole raw, of all of its leaves."""
    rows = journal.read(connection, [letter["ref_id"]], live.kind)
    if not rows:
        return ["its raw is not kept any more: nothing would come of it"]
    parsed = parse(world, live, rows[0], ParseContext(now=world.clock.now(), region=world.region))
    if parsed.failure is not None:
        return [f"would fail as before: {parsed.failure.error}: {parsed.failure.message}"]
    mine = [event for event in parsed.events if letter["leaf"] in (WHOLE_RAW, event.leaf)]
    return [_told(event) for event in mine] or ["there is no such leaf any more: nothing would come of it"]


def _told(event: Any) -> str:
    if isinstance(event, Unrecognised):
        return f"would not be understood as before: {event.what}"
    if isinstance(event, Ignored):
        return f"would be ignored: {event.reason}"
    return f"would be applied: {type(event).__name__}"


def _binding(world: World, live: Live, connection: Connection, binding_id: int) -> list[str]:
    """What would be written, field by field."""
    rows = bindings.load(connection, [binding_id])
    mapping = live.mappings.get(rows[0].object) if rows else None
    if mapping is None:
        return ["nobody maps it any more: nothing would come of it"]
    [row] = rows
    found = desired.canonical(connection, live, mapping, rows).get(row.subject_id)
    if found is None:
        return ["it is not there any more: nothing would come of it"]
    values = desired.remote_values(world, live, mapping, found[1])
    changed = mapping.differing(values, row.seen, row.held)
    what = f"update of {row.object} {row.remote_id}" if row.remote_id else f"new {row.object}"
    lines = [f"    {name}: {row.seen.get(name)!r} -> {value!r}" for name, value in sorted(changed.items())]
    return [f"would be written: {what}", *lines] if lines else ["nothing differs: nothing would be written"]


def _command(connection: Connection, command_id: int) -> list[str]:
    """What would be sent, to whom."""
    rows = commands.load(connection, [command_id])
    if not rows:
        return ["it is not there any more: nothing would come of it"]
    [row] = rows
    said = {name: value for name, value in row.payload.items() if value is not None}
    lines = [f"    {name}: {value!r}" for name, value in sorted(said.items())]
    return [f"would be done: {row.verb} {row.uid}", *lines]
