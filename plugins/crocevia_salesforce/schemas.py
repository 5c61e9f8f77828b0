"""What the org says of its objects, kept until a call shows that it changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from crocevia import FieldSchema, ObjectSchema
from crocevia.errors import GoneError, SchemaDriftError
from crocevia_salesforce import children
from crocevia_salesforce.transport import Transport

_TEXT_TYPES = frozenset(
    {"string", "textarea", "email", "phone", "url", "picklist", "multipicklist", "combobox", "encryptedstring"}
)


@frozen(kw_only=True)
class Schema:
    """One object, by describe.

    Attributes:
        raw: The vendor's own describe, for permissions and flags.
        moments: Its fields of type datetime.
        references: `{field: objects it may point to}`.
    """

    raw: Mapping[str, Any]
    fields: Mapping[str, Mapping[str, Any]]

    @property
    def only(self) -> str:
        """The condition that tells customers from other records of the object; "" where all of them are."""
        return "IsPersonAccount = true" if "IsPersonAccount" in self.fields and self.raw["name"] == "Account" else ""

    @property
    def children(self) -> dict[str, tuple[str, str]]:
        """`{relationship: (child object, its lookup)}`."""
        told = self.raw.get("childRelationships") or ()
        return {
            entry["relationshipName"]: (entry["childSObject"], entry["field"])
            for entry in told
            if entry.get("relationshipName")
        }

    @property
    def moments(self) -> frozenset[str]:
        """Fields of type datetime."""
        return frozenset(name for name, entry in self.fields.items() if entry["type"] == "datetime")

    @property
    def references(self) -> dict[str, tuple[str, ...]]:
        """`{field: objects it may point to}`."""
        return {
            name: tuple(entry["referenceTo"]) for name, entry in self.fields.items() if entry["type"] == "reference"
        }

    def of_type(self, kind: str, among: Any) -> list[str]:
        """The fields of one type among those named."""
        return [name for name in among if name in self.fields and self.fields[name]["type"] == kind]


class Schemas:
    """Describes of one org; each is asked for once, and again after `forget`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._known: dict[str, Schema] = {}

    def known(self, object_name: str) -> Schema:
        """The schema as last seen. Raises what `fresh` raises, when it has to ask."""
        return self._known.get(object_name) or self.fresh(object_name)

    def fresh(self, object_name: str) -> Schema:
        """Ask the org.

        Raises:
            SchemaDriftError: there is no such object, or the user may not see it.
        """
        try:
            raw = self._transport.get(f"sobjects/{object_name}/describe")
        except GoneError as error:
            msg = (
                f"{self._transport.connection}: the org shows no object {object_name}: deploy the package, "
                "or give the user the permission set Crocevia"
            )
            raise SchemaDriftError(msg, code=error.code, status=error.status) from error
        schema = Schema(raw=raw, fields={entry["name"]: entry for entry in raw["fields"]})
        self._known[object_name] = schema
        return schema

    def has_identities(self, object_name: str) -> bool:
        """Whether the object has contact points as child rows that this user may read and write."""
        relation = self.known(object_name).children.get(children.RELATIONSHIP)
        if relation != (children.OBJECT, children.PARENTS.get(object_name)):
            return False
        try:
            child = self.known(children.OBJECT)
        except SchemaDriftError:
            return False
        return all(child.fields.get(name, {}).get("createable") for name in (*children.COLUMNS, relation[1]))

    def forget(self, object_name: str) -> None:
        """Ask again next time: an answer contradicted what was known."""
        self._known.pop(object_name, None)


def object_schema(schema: Schema, relationships: Iterable[str] = ()) -> ObjectSchema:
    """The contract's view of a describe; child relationships that are mapped stand among its fields."""
    fields = {name: _field(entry) for name, entry in schema.fields.items()}
    fields.update({name: FieldSchema(name=name, type="children") for name in relationships})
    return ObjectSchema(name=schema.raw["name"], fields=fields)


def _field(entry: Mapping[str, Any]) -> FieldSchema:
    options = tuple(value["value"] for value in entry.get("picklistValues") or () if value.get("active", True))
    createable = bool(entry.get("createable"))
    required = createable and not entry.get("nillable", True) and not entry.get("defaultedOnCreate")
    return FieldSchema(
        name=entry["name"],
        type=entry["type"],
        length=(entry.get("length") or None) if entry["type"] in _TEXT_TYPES else None,
        required=required,
        createable=createable,
        updateable=bool(entry.get("updateable")),
        unique=bool(entry.get("unique")),
        options=options if entry.get("restrictedPicklist") else None,
    )
