"""Rows with child rows: what of the children is to be written, and what their outcome means for the parent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from crocevia import Written
from crocevia.errors import RemoteError
from crocevia_salesforce import children
from crocevia_salesforce.batches import Row
from crocevia_salesforce.children import Identity
from crocevia_salesforce.reads import Reads


def child_rows(rows: Sequence[Row], reads: Reads, key_field: str | None) -> list[Row]:
    """Take the identities out of the rows' values; give what makes the org hold exactly those.

    A parent that is created has none yet; of one that is there they are read first, one call for 450 parents.
    """
    wanted = {id(row): _identities(row) for row in rows if children.RELATIONSHIP in row.values}
    parents = [row for row in rows if id(row) in wanted and row.operation != "delete"]
    held: dict[str, dict[Identity, list[str]]] = {}
    for object_name in {row.object for row in parents if row.id}:
        lookup = children.PARENTS[object_name]
        ids = [row.id for row in parents if row.id and row.object == object_name]
        for child in reads.children_of(lookup, ids):
            of_parent = held.setdefault(child[lookup], {})
            for kind, scope, address in children.rows_of([child]):
                of_parent.setdefault((kind, scope, address), []).append(child["Id"])
    return [made for row in parents for made in _children(row, wanted[id(row)], held.get(row.id or "", {}), key_field)]


def settle(rows: Iterable[Row]) -> None:
    """A parent is written when its children are: else it would look as if somebody had taken them away there."""
    for row in rows:
        if row.parent is not None and isinstance(row.outcome, RemoteError) and isinstance(row.parent.outcome, Written):
            row.parent.outcome = row.outcome


def _identities(row: Row) -> list[Identity]:
    return [(kind, scope, address) for kind, scope, address in row.values.pop(children.RELATIONSHIP) or ()]


def _children(
    row: Row, wanted: Sequence[Identity], held: Mapping[Identity, Sequence[str]], key_field: str | None
) -> Iterator[Row]:
    lookup = children.PARENTS[row.object]
    owner: dict[str, Any] = {lookup: row.id} if row.id else {_relation(lookup): {key_field: row.key}}
    for identity in wanted:
        if identity not in held:
            values = {name: text or None for name, text in zip(children.COLUMNS, identity, strict=True)}
            key = children.key_of(row.key, identity)
            yield Row(children.OBJECT, "upsert", key, None, {**values, **owner}, parent=row)
    for identity, ids in held.items():
        for remote_id in ids if identity not in wanted else ids[1:]:
            key = children.key_of(row.key, identity)
            yield Row(children.OBJECT, "delete", key, remote_id, {}, parent=row)


def _relation(lookup: str) -> str:
    """The lookup's name where a parent is named by its key: `Contact__r`."""
    return lookup.removesuffix("__c") + "__r"
