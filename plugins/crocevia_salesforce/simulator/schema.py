"""The org's schema: objects and fields, read from describe JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

COMPOUND_TYPES = frozenset({"address", "location", "complexvalue"})
TEXT_TYPES = frozenset(
    {
        "string",
        "textarea",
        "email",
        "phone",
        "url",
        "picklist",
        "multipicklist",
        "combobox",
        "encryptedstring",
        "anyType",
    },
)
REFERENCE_TYPES = frozenset({"id", "reference"})


@frozen
class Field:
    """One field, as its describe says; ``describe`` is the whole vendor object."""

    name: str
    type: str
    length: int
    label: str
    nillable: bool
    createable: bool
    updateable: bool
    defaulted: bool
    unique: bool
    external_id: bool
    case_sensitive: bool
    id_lookup: bool
    restricted: bool
    picklist: frozenset[str]
    references: tuple[str, ...]
    relationship: str | None
    compound: str | None
    calculated: bool
    auto_number: bool
    precision: int
    scale: int
    filterable: bool
    sortable: bool
    groupable: bool
    describe: Mapping[str, Any] = field(eq=False, repr=False)

    @classmethod
    def of(cls, describe: Mapping[str, Any]) -> Field:
        """Read one element of a describe's ``fields``."""
        take = describe.get
        return cls(
            name=describe["name"],
            type=describe["type"],
            length=take("length") or 0,
            label=take("label") or describe["name"],
            nillable=take("nillable", True),
            createable=take("createable", False),
            updateable=take("updateable", False),
            defaulted=take("defaultedOnCreate", False),
            unique=take("unique", False),
            external_id=take("externalId", False),
            case_sensitive=take("caseSensitive", False),
            id_lookup=take("idLookup", False),
            restricted=take("restrictedPicklist", False),
            picklist=frozenset(entry["value"] for entry in take("picklistValues") or () if entry.get("active", True)),
            references=tuple(take("referenceTo") or ()),
            relationship=take("relationshipName"),
            compound=take("compoundFieldName"),
            calculated=take("calculated", False),
            auto_number=take("autoNumber", False),
            precision=take("precision") or 0,
            scale=take("scale") or 0,
            filterable=take("filterable", True),
            sortable=take("sortable", True),
            groupable=take("groupable", True),
            describe=describe,
        )

    @property
    def is_stored(self) -> bool:
        """Whether the field has a column; compound fields are made of others."""
        return self.type not in COMPOUND_TYPES

    @property
    def is_text(self) -> bool:
        """Whether the field's values are text that a person typed."""
        return self.type in TEXT_TYPES

    @property
    def initial(self) -> str | int | float | None:
        """The column of a new record that says nothing about the field."""
        given = self.describe.get("defaultValue")
        if self.type == "boolean":
            return int(given is True)
        if self.type in {"picklist", "multipicklist"}:
            entries = self.describe.get("picklistValues") or ()
            return next((entry["value"] for entry in entries if entry.get("defaultValue")), None)
        return given if isinstance(given, (int, float)) else None

    @property
    def is_required(self) -> bool:
        """Whether a record cannot be created without a value."""
        return self.createable and not self.nillable and not self.defaulted and self.type != "boolean"


@frozen
class ChildRelationship:
    """The way from a parent to its children, by name."""

    name: str
    child: str
    field: str


@frozen
class SObject:
    """One object: its fields by lower-case name, and the whole vendor describe."""

    name: str
    key_prefix: str
    fields: Mapping[str, Field]
    children: tuple[ChildRelationship, ...]
    describe: Mapping[str, Any] = field(eq=False, repr=False)
    defaults: Mapping[str, Any] = field(init=False, eq=False, repr=False)
    required: tuple[Field, ...] = field(init=False, eq=False, repr=False)
    unique: tuple[Field, ...] = field(init=False, eq=False, repr=False)
    auto_numbers: tuple[Field, ...] = field(init=False, eq=False, repr=False)

    @defaults.default
    def _defaults(self) -> dict[str, Any]:
        return {entry.name: entry.initial for entry in self.fields.values() if entry.is_stored}

    @required.default
    def _required(self) -> tuple[Field, ...]:
        return tuple(entry for entry in self.fields.values() if entry.is_required)

    @unique.default
    def _unique(self) -> tuple[Field, ...]:
        return tuple(entry for entry in self.fields.values() if entry.unique)

    @auto_numbers.default
    def _auto_numbers(self) -> tuple[Field, ...]:
        return tuple(entry for entry in self.fields.values() if entry.auto_number)

    @classmethod
    def of(cls, describe: Mapping[str, Any]) -> SObject:
        """Read one describe."""
        fields = [Field.of(entry) for entry in describe["fields"]]
        return cls(
            name=describe["name"],
            key_prefix=describe.get("keyPrefix") or "",
            fields={entry.name.lower(): entry for entry in fields},
            children=tuple(
                ChildRelationship(entry["relationshipName"], entry["childSObject"], entry["field"])
                for entry in describe.get("childRelationships") or ()
                if entry.get("relationshipName")
            ),
            describe=describe,
        )

    def field(self, name: str) -> Field | None:
        """Return a field by its name in any case, or None."""
        return self.fields.get(name.lower())

    def by_relationship(self, name: str) -> Field | None:
        """Return the reference field whose relationship has this name (``Account``, ``Contact__r``)."""
        wanted = name.lower()
        return next((f for f in self.fields.values() if f.relationship and f.relationship.lower() == wanted), None)

    def parts(self, compound: str) -> list[Field]:
        """Return the fields that a compound field is made of."""
        return [entry for entry in self.fields.values() if entry.compound == compound and entry.name != compound]


class Schema:
    """All objects of the org, by name in any case and by key prefix."""

    def __init__(self, describes: Iterable[Mapping[str, Any]]) -> None:
        self.objects: dict[str, SObject] = {}
        for describe in describes:
            self.add(SObject.of(describe))

    def add(self, sobject: SObject) -> None:
        """Add an object or put a newer description in its place."""
        self.objects[sobject.name.lower()] = sobject

    def get(self, name: str) -> SObject | None:
        """Return an object by its name in any case, or None."""
        return self.objects.get(name.lower())

    def by_id(self, record_id: str) -> SObject | None:
        """Return the object that an id belongs to by its key prefix, or None."""
        prefix = record_id[:3]
        return next((entry for entry in self.objects.values() if entry.key_prefix == prefix), None)
