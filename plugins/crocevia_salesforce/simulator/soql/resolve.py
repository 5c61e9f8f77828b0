"""From paths to columns: joins to parents, polymorphic parents, and the errors of names that do not exist."""

from __future__ import annotations

from attrs import define, field

from crocevia_salesforce.simulator.database import quote
from crocevia_salesforce.simulator.errors import ApiError, refuse
from crocevia_salesforce.simulator.schema import Field, Schema, SObject
from crocevia_salesforce.simulator.soql.lexer import pointed
from crocevia_salesforce.simulator.soql.syntax import Path

MAX_PARENT_LEVELS = 5
"""Levels of child-to-parent relationships. Source: SOQL and SOSL Reference, "Relationship Query Limits", v60.0."""
APPEND = (
    " If you are attempting to use a custom {}, be sure to append the '{}' after the {}. Please reference your WSDL or "
    "the describe call for the appropriate names."
)
"""What every error of a name that does not exist ends with (recorded)."""
_TYPE = {"type": "string", "name": "Type", "length": 40, "filterable": True}


@define
class Source:
    """One FROM: its object, its alias in SQL, and the parents that have been joined to it."""

    schema: Schema
    sobject: SObject
    statement: str
    alias: str
    written_alias: str | None = None
    joins: dict[tuple[str, ...], tuple[str, SObject]] = field(factory=dict)
    join_sql: list[str] = field(factory=list)

    @classmethod
    def named(cls, schema: Schema, name: str, at: int, statement: str, alias: str, written: str | None) -> Source:
        """Open an object by the name that FROM gives it."""
        sobject = schema.get(name)
        if sobject is None or not sobject.describe.get("queryable", True):
            message = f"sObject type '{name}' is not supported." + APPEND.format("object", "__c", "entity name")
            raise refuse(400, "INVALID_TYPE", pointed(statement, at, message))
        return cls(schema, sobject, statement, alias, written)

    def no_column(self, path: Path, sobject: SObject) -> ApiError:
        """Return INVALID_FIELD for a name that the object has not."""
        message = f"No such column '{path.names[-1]}' on entity '{sobject.name}'." + APPEND.format(
            "field", "__c", "custom field name"
        )
        return refuse(400, "INVALID_FIELD", pointed(self.statement, path.at, message))

    def _no_relationship(self, name: str, path: Path) -> ApiError:
        message = f"Didn't understand relationship '{name}' in field path." + APPEND.format(
            "relationship", "__r", "custom relationship name"
        )
        return refuse(400, "INVALID_FIELD", pointed(self.statement, path.at, message))

    def strip(self, path: Path) -> Path:
        """Return a path without the name or alias of the object itself in front."""
        own = {self.sobject.name.lower(), (self.written_alias or "").lower()}
        if len(path.names) > 1 and path.names[0].lower() in own and not self.sobject.by_relationship(path.names[0]):
            return Path(path.names[1:], path.at)
        return path

    def resolve(self, path: Path) -> tuple[str, Field]:
        """Return the SQL of a field and the field; joins the parents on the way.

        Raises:
            ApiError: INVALID_FIELD for a field or relationship that does not exist.
        """
        path = self.strip(path)
        sobject, alias = self.sobject, self.alias
        *parents, last = path.names
        if len(parents) > MAX_PARENT_LEVELS:
            raise self._no_relationship(parents[MAX_PARENT_LEVELS], path)
        for level, name in enumerate(parents):
            reference = sobject.by_relationship(name)
            if reference is None:
                raise self._no_relationship(name, path)
            targets = self.targets(reference)
            if len(targets) > 1:
                if level < len(parents) - 1:
                    raise self._no_relationship(parents[level + 1], path)
                return self._polymorphic(path, alias, reference, targets)
            if not targets:
                raise self._no_relationship(name, path)
            alias, sobject = self._join(path.names[: level + 1], alias, reference, targets[0])
        found = sobject.field(last)
        if found is None:
            raise self.no_column(path, sobject)
        return f"{alias}.{quote(found.name)}", found

    def targets(self, reference: Field) -> list[SObject]:
        """Return the objects that a reference may lead to and that this org has."""
        return [known for name in reference.references if (known := self.schema.get(name))]

    def _join(self, names: tuple[str, ...], alias: str, reference: Field, target: SObject) -> tuple[str, SObject]:
        key = tuple(name.lower() for name in names)
        if key not in self.joins:
            joined = f"{self.alias}_{len(self.joins) + 1}"
            on = f'{joined}."Id" = {alias}.{quote(reference.name)}'
            self.join_sql.append(f"LEFT JOIN {quote(target.name)} {joined} ON {on}")
            self.joins[key] = (joined, target)
        return self.joins[key]

    def _polymorphic(self, path: Path, alias: str, reference: Field, targets: list[SObject]) -> tuple[str, Field]:
        column, last = f"{alias}.{quote(reference.name)}", path.names[-1]
        if last.lower() == "type":
            cases = " ".join(f"WHEN '{target.key_prefix}' THEN '{target.name}'" for target in targets)
            return f"(CASE substr({column}, 1, 3) {cases} END)", Field.of(_TYPE)
        found = [(target, entry) for target in targets if (entry := target.field(last))]
        if not found:
            raise self.no_column(path, targets[0])
        parts = [
            f'(SELECT {quote(entry.name)} FROM {quote(target.name)} WHERE "Id" = {column})' for target, entry in found
        ]
        return f"COALESCE({', '.join([*parts, 'NULL'])})", found[0][1]
