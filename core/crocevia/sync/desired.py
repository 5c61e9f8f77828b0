"""What a CRM should hold of our records, in its own fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from crocevia.mapping.lens import Reference
from crocevia.mapping.object import ObjectMapping
from crocevia.store import bindings, interactions, profiles
from crocevia.store.bindings import BindingRow
from crocevia.sync.world import Live, World


def canonical(
    connection: Connection, live: Live, mapping: ObjectMapping, rows: Sequence[BindingRow]
) -> dict[int, tuple[str, Mapping[str, Any]]]:
    """`(our external id, canonical values)` by subject; of an interaction with its customer's remote id there."""
    subjects = {row.subject_id for row in rows}
    if mapping.of == "profile":
        return {wanted: (row.uid, row.canonical()) for wanted, row in profiles.load(connection, subjects).items()}
    found = interactions.load(connection, subjects)
    objects = next((lens.objects for lens in mapping.lenses if isinstance(lens, Reference)), None)
    people = {row.profile_id for row in found.values()}
    customers = bindings.remote_ids(connection, live.name, "profile", people, objects)
    values: dict[int, tuple[str, Mapping[str, Any]]] = {}
    for wanted, row in found.items():
        values[wanted] = row.uid, {**row.canonical(), "profile": customers.get(row.profile_id)}
    return values


def remote_values(world: World, live: Live, mapping: ObjectMapping, values: Mapping[str, Any]) -> dict[str, Any]:
    """Everything the record should hold, after the lenses and `crocevia_map_record`."""
    encoded = mapping.encode(values)
    dispatcher = world.dispatcher
    if not dispatcher.has("crocevia_map_record"):
        return encoded
    folded: dict[str, Any] = dispatcher.fold(
        "crocevia_map_record", encoded, connection=live.name, object=mapping.object, of=mapping.of, canonical=values
    )
    return folded
