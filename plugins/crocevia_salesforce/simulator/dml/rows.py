"""From the record that a client sent to the columns that are saved, with everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crocevia_salesforce.simulator import values
from crocevia_salesforce.simulator.dml.work import Work
from crocevia_salesforce.simulator.errors import ApiError, Refusal, refuse, refuse_row
from crocevia_salesforce.simulator.schema import Field, SObject

_UNSETTABLE = (
    "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is "
    "read/write for your profile or permission set."
)


def columns(work: Work, sobject: SObject, record: Mapping[str, Any], op: str) -> dict[str, Any]:
    """Return the columns that a record sets.

    Args:
        work: The frame of the save.
        sobject: As the actor sees it.
        record: Field names in any case, relationship names with an external id, ``attributes``.
        op: ``create`` or ``update``.

    Raises:
        ApiError: All that is wrong with the fields; a name that does not exist comes alone, as it does in the org.
    """
    found: dict[str, Any] = {}
    refusals: list[Refusal] = []
    closed: list[str] = []
    for name, value in record.items():
        if name == "attributes":
            continue
        field = sobject.field(name)
        if field is None:
            parent = sobject.by_relationship(name)
            if parent is None or not (value is None or isinstance(value, Mapping)):
                raise no_such_column(name, sobject)
            field, value = parent, _parent_id(work, sobject, parent, name, value)  # noqa: PLW2901  # its id instead
        if not (field.createable if op == "create" else field.updateable) or not field.is_stored:
            closed.append(field.name)
            continue
        try:
            found[field.name] = values.to_column(field, value)
            if field.type == "reference" and found[field.name]:
                _check_reference(work, field, found[field.name])
        except ApiError as error:
            if error.refusals[0].code == "JSON_PARSER_ERROR":
                raise
            refusals += error.refusals
    if closed:
        raise refuse_row("INVALID_FIELD_FOR_INSERT_UPDATE", _UNSETTABLE.format(", ".join(closed)), *closed)
    if refusals:
        raise ApiError(400, refusals)
    return found


def no_such_column(name: str, sobject: SObject) -> ApiError:
    """Return the error of a field that the object has not."""
    return refuse(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")


def check_required(sobject: SObject, row: Mapping[str, Any], changed: Mapping[str, Any] | None) -> None:
    """Refuse a row without a required value.

    Args:
        sobject: The object.
        row: The columns of the record as the save would leave it.
        changed: What an update sets; None for a new record.
    """
    missing = [
        entry.name
        for entry in sobject.required
        if row.get(entry.name) is None and (changed is None or entry.name in changed)
    ]
    if missing:
        raise refuse_row("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", *missing)


def check_unique(work: Work, sobject: SObject, row: Mapping[str, Any], own_id: str | None) -> None:
    """Refuse a value of a unique field that another living record has."""
    for entry in sobject.unique:
        if row.get(entry.name) is not None:
            others = [other for other in work.database.find(sobject, entry, row[entry.name]) if other != own_id]
            if others:
                message = f"duplicate value found: {entry.name} duplicates value on record with id: {others[0][:15]}"
                raise refuse_row("DUPLICATE_VALUE", message)


def _check_reference(work: Work, field: Field, record_id: str) -> None:
    targets = [target for name in field.references if (target := work.full.get(name))]
    target = next((target for target in targets if target.key_prefix == record_id[:3]), None)
    if target is None:
        known = work.full.by_id(record_id)
        if known is None and not targets:
            raise refuse_row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", field.name)
        message = f"{field.label}: id value of incorrect type: {record_id}"
        raise refuse_row("FIELD_INTEGRITY_EXCEPTION", message, field.name)
    found = work.database.one(f'SELECT "IsDeleted" FROM "{target.name}" WHERE "Id" = ?', (record_id,))
    if found is None:
        raise refuse_row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    if found[0]:
        raise refuse_row("ENTITY_IS_DELETED", "entity is deleted")


def _parent_id(work: Work, sobject: SObject, parent: Field, name: str, value: Mapping[str, Any] | None) -> str | None:
    """Return the id of the parent that is named by an external id of its own."""
    if value is None:
        return None
    attributes = value.get("attributes")
    wanted = (attributes.get("type") if isinstance(attributes, Mapping) else None) or parent.references[0]
    target = work.full.get(str(wanted))
    keys = [key for key in value if key != "attributes"]
    if target is None or len(keys) != 1:
        raise refuse(400, "INVALID_FIELD", f"Relationship {name} on {sobject.name} needs exactly one external id")
    key_field = target.field(keys[0])
    if key_field is None:
        raise no_such_column(keys[0], target)
    if not (key_field.external_id or key_field.id_lookup):
        message = f"Field {key_field.name} of {target.name} is neither an external id nor indexed for lookup"
        raise refuse_row("INVALID_FIELD", message)
    key = values.to_column(key_field, value[keys[0]])
    found = work.database.find(target, key_field, key)
    if not found:
        message = (
            f"Foreign key external ID: {value[keys[0]]} not found for field {key_field.name} in entity {target.name}"
        )
        raise refuse_row("INVALID_FIELD", message)
    if len(found) > 1:
        raise refuse_row("INVALID_FIELD", f"More than one record found for external id field: [{', '.join(found)}]")
    return found[0]
