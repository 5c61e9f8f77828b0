"""What a statement selects: columns for SQL, and records as JSON from its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import define, field

from crocevia_salesforce.simulator import values
from crocevia_salesforce.simulator.database import quote
from crocevia_salesforce.simulator.errors import refuse
from crocevia_salesforce.simulator.schema import Field, SObject
from crocevia_salesforce.simulator.soql.lexer import malformed
from crocevia_salesforce.simulator.soql.resolve import Source
from crocevia_salesforce.simulator.soql.syntax import Fields, Path

MAX_ALL_FIELDS = 200
"""LIMIT that FIELDS(ALL) and FIELDS(CUSTOM) need. Source: SOQL and SOSL Reference, "FIELDS()", v60.0."""


def attributes(version: str, object_name: str, record_id: str | None) -> dict[str, Any]:
    """Return the ``attributes`` of a record; those without an id (aggregates) have no address."""
    if record_id is None:
        return {"type": object_name}
    return {"type": object_name, "url": f"/services/data/v{version}/sobjects/{object_name}/{record_id}"}


@define
class Node:
    """Where the fields of one object go in the JSON: the record itself, or a parent within it."""

    sobject: SObject
    id_column: int
    leaves: dict[str, tuple[Field, Any]] = field(factory=dict)
    parents: dict[str, Node] = field(factory=dict)
    order: list[str] = field(factory=list)


@define
class Projection:
    """The columns of one FROM and the shape of its records."""

    source: Source
    columns: list[str] = field(factory=list)
    root: Node = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Select the record's own id, which ``attributes`` needs."""
        self.root = Node(self.source.sobject, self._column(f'{self.source.alias}."Id"'))

    def _column(self, sql: str) -> int:
        self.columns.append(sql)
        return len(self.columns) - 1

    def add(self, path: Path) -> None:
        """Select one field.

        Raises:
            ApiError: INVALID_FIELD for an unknown one, MALFORMED_QUERY for one that is there already.
        """
        path = self.source.strip(path)
        column, found = self.source.resolve(path)
        node = self._node(path)
        if found.name in node.leaves:
            raise malformed(self.source.statement, path.at, f"duplicate field selected: {path}")
        if found.is_stored:
            node.leaves[found.name] = (found, self._column(column))
        else:
            node.leaves[found.name] = (found, self._compound(column.rsplit(".", 1)[0], node.sobject, found))
        node.order.append(found.name)

    def _node(self, path: Path) -> Node:
        node = self.root
        for level, name in enumerate(path.names[:-1]):
            reference = node.sobject.by_relationship(name)
            assert reference is not None  # noqa: S101  # resolve() has gone this way before
            key = reference.relationship or name
            if key not in node.parents:
                joined = self.source.joins.get(tuple(part.lower() for part in path.names[: level + 1]))
                if joined is None:  # a polymorphic parent: known by its id, of no one object
                    alias, target = self.source.alias, SObject("Name", "", {}, (), {})
                    node.parents[key] = Node(target, self._column(f"{alias}.{quote(reference.name)}"))
                else:
                    node.parents[key] = Node(joined[1], self._column(f'{joined[0]}."Id"'))
                node.order.append(key)
            node = node.parents[key]
        return node

    def _compound(self, alias: str, sobject: SObject, compound: Field) -> tuple[str, dict[str, tuple[Field, int]]]:
        prefix = compound.name.removesuffix("__c").removesuffix("Address")
        parts = sobject.parts(compound.name) or [
            part for part in sobject.fields.values() if part.name.lower() in {f"{prefix}{end}".lower() for end in _ENDS}
        ]
        return prefix, {part.name.lower(): (part, self._column(f"{alias}.{quote(part.name)}")) for part in parts}

    def add_all(self, fields: Fields, limit: int | None) -> None:
        """Select what FIELDS() names."""
        if fields.kind != "STANDARD" and (limit is None or limit > MAX_ALL_FIELDS):
            message = f"The SOQL FIELDS function must have a LIMIT of at most {MAX_ALL_FIELDS}"
            raise refuse(400, "MALFORMED_QUERY", message)
        for entry in self.source.sobject.fields.values():
            custom = entry.name.endswith("__c")
            if fields.kind == "ALL" or custom == (fields.kind == "CUSTOM"):
                self.add(Path((entry.name,), fields.at))

    def record(self, row: Sequence[Any], version: str) -> dict[str, Any]:
        """Return one row as a record."""
        return self._record(self.root, row, version)

    def _record(self, node: Node, row: Sequence[Any], version: str) -> dict[str, Any]:
        found: dict[str, Any] = {"attributes": attributes(version, node.sobject.name, row[node.id_column])}
        for name in node.order:
            if name in node.parents:
                parent = node.parents[name]
                found[name] = None if row[parent.id_column] is None else self._record(parent, row, version)
            else:
                field_, where = node.leaves[name]
                found[name] = values.to_json(field_, row[where]) if isinstance(where, int) else _whole(where, row)
        return found

    def walk(self) -> Iterator[tuple[str, Field]]:
        """Yield the selected fields by their dotted names, in order, for CSV."""
        yield from _walk(self.root, "")


_ENDS = ("Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude", "GeocodeAccuracy")


def _whole(where: tuple[str, Mapping[str, tuple[Field, int]]], row: Sequence[Any]) -> dict[str, Any] | None:
    prefix, parts = where
    known = {name: values.to_json(part, row[column]) for name, (part, column) in parts.items()}
    return values.address(prefix, known, {name: name for name in known})


def _walk(node: Node, prefix: str) -> Iterator[tuple[str, Field]]:
    for name in node.order:
        if name in node.parents:
            yield from _walk(node.parents[name], f"{prefix}{name}.")
        else:
            yield prefix + name, node.leaves[name][0]
