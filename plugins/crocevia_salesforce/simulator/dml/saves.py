"""Create, update and upsert one record. The caller holds the transaction, and undoes it when a save is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crocevia_salesforce.simulator import ids, values
from crocevia_salesforce.simulator.dml import automation, rows
from crocevia_salesforce.simulator.dml.work import Work
from crocevia_salesforce.simulator.errors import AmbiguousKeyError, not_found, refuse, refuse_row
from crocevia_salesforce.simulator.schema import Field, SObject

_DRAFT_EMAIL = "5"


def create(work: Work, sobject: SObject, record: Mapping[str, Any]) -> str:
    """Create a record and return its id.

    Raises:
        ApiError: What is wrong with it; nothing of it is kept.
    """
    work.check_row_fault("create", sobject)
    if not sobject.describe.get("createable", True):
        raise refuse_row("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type {sobject.name} does not support create")
    if any(name.lower() == "id" and value is not None for name, value in record.items()):
        raise refuse_row("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", "Id")
    given = rows.columns(work, sobject, {k: v for k, v in record.items() if k.lower() != "id"}, "create")
    full = work.full.get(sobject.name) or sobject
    record_id = work.database.next_id(full)
    row = _new_row(work, full, record_id, given)
    rows.check_required(full, row, None)
    rows.check_unique(work, full, row, None)
    work.database.insert(full, row)
    given = _finish(work, full, record_id, "create", given)
    work.mutated(full, "create", record_id, given)
    return record_id


def _new_row(work: Work, sobject: SObject, record_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    row = {**sobject.defaults, **given}
    for field in sobject.auto_numbers:
        row[field.name] = _number(work, sobject, field)
    user, stamp = work.actor.user_id, work.stamp
    system = {
        "Id": record_id,
        "IsDeleted": 0,
        "CreatedDate": stamp,
        "CreatedById": user,
        "LastModifiedDate": stamp,
        "LastModifiedById": user,
        "SystemModstamp": stamp,
    }
    row |= {name: value for name, value in system.items() if name in row}
    if "OwnerId" in row and row["OwnerId"] is None:
        row["OwnerId"] = user
    return row | automation.derive(sobject, row)


def _number(work: Work, sobject: SObject, field: Field) -> str:
    """Return the next value of an auto-number field, in its display format."""
    shape = field.describe.get("displayFormat") or "{00000000}"
    number = work.database.next_number(f"{sobject.name}.{field.name}")
    prefix, _, rest = shape.partition("{")
    return f"{prefix}{number:0{len(rest.rstrip('}'))}d}"


def _finish(work: Work, sobject: SObject, record_id: str, op: str, given: dict[str, Any]) -> dict[str, Any]:
    """Run what follows the first write of a record; return what was set, flows included."""
    by_flows = automation.run_flows(work, sobject, record_id, op)
    if by_flows:
        row = {**(work.database.row(sobject, record_id) or {}), **by_flows}
        rows.check_unique(work, sobject, row, record_id)
        work.database.update(sobject, record_id, by_flows | automation.derive(sobject, row))
    automation.validate(work, sobject, record_id)
    automation.check_duplicates(work, sobject, record_id, op)
    return given | by_flows


def living(work: Work, sobject: SObject, record_id: object) -> dict[str, Any]:
    """Return a record that is there and not deleted.

    Raises:
        ApiError: NOT_FOUND, ENTITY_IS_DELETED or MALFORMED_ID, with HTTP 404.
    """
    wide = ids.widen(record_id)
    if wide is None:
        message = f"Provided external ID field does not exist or is not accessible: {record_id}"
        raise not_found(message)
    row = work.database.row(sobject, wide) if wide.startswith(sobject.key_prefix) else None
    if row is None:
        raise not_found()
    if row["IsDeleted"]:
        raise refuse_row("ENTITY_IS_DELETED", "entity is deleted", status=404)
    return row


def update(work: Work, sobject: SObject, record_id: str, record: Mapping[str, Any]) -> None:
    """Change a record; fields that are not named stay as they are.

    Raises:
        ApiError: What is wrong; nothing is changed.
    """
    work.check_row_fault("update", sobject)
    row = living(work, sobject, record_id)
    record_id = row["Id"]
    given = rows.columns(work, sobject, record, "update")
    full = work.full.get(sobject.name) or sobject
    _check_immutable(full, row, given)
    after = {**row, **given}
    rows.check_required(full, after, given)
    rows.check_unique(work, full, given, record_id)
    user, stamp = work.actor.user_id, work.stamp
    system = {"LastModifiedDate": stamp, "LastModifiedById": user, "SystemModstamp": stamp}
    touched = {name: value for name, value in system.items() if name in row}
    work.database.update(full, record_id, given | touched | automation.derive(full, after))
    given = _finish(work, full, record_id, "update", given)
    work.mutated(full, "update", record_id, given)


def _check_immutable(sobject: SObject, row: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse to change an e-mail that has been sent or received.

    Source: Object Reference, EmailMessage, v60.0: other than drafts, only IsExternallyVisible and custom fields.
    """
    if sobject.name == "EmailMessage" and row.get("Status") != _DRAFT_EMAIL:
        closed = [name for name in given if name != "IsExternallyVisible" and not name.endswith("__c")]
        if closed:
            message = f"Only draft e-mail messages can be changed; cannot update {', '.join(closed)}"
            raise refuse_row("INSUFFICIENT_ACCESS_OR_READONLY", message, *closed)


def key_field(sobject: SObject, name: str) -> Field:
    """Return the field that an upsert goes by.

    Raises:
        ApiError: 404 NOT_FOUND, when there is no such field or it is no external id.
    """
    field = sobject.field(name)
    if field is None or not (field.external_id or field.id_lookup):
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    return field


def find_by_key(work: Work, sobject: SObject, field: Field, key: object) -> list[str]:
    """Return ids of the living records with this key; an id finds itself.

    Raises:
        ApiError: The key is not a value of the field.
    """
    if field.name == "Id":
        return [living(work, sobject, key)["Id"]]
    value = values.to_column(field, key)
    if value is None:
        raise refuse_row("MISSING_ARGUMENT", f"{field.name} not specified", field.name)
    return work.database.find(sobject, field, value, limit=100)


def upsert(work: Work, sobject: SObject, field: Field, key: object, record: Mapping[str, Any]) -> tuple[str, bool]:
    """Update the record with this key, or create it; return its id and whether it is new.

    Args:
        work: The frame of the save.
        sobject: As the actor sees it.
        field: What ``key_field`` returned.
        key: The value; None or empty with ``Id`` creates.
        record: The other fields; the key field itself may be in it in a Collections row.

    Raises:
        AmbiguousKeyError: Several records have the key.
        ApiError: What is wrong with the record.
    """
    rest = {name: value for name, value in record.items() if name.lower() != field.name.lower()}
    if field.name == "Id" and not key:
        return create(work, sobject, rest), True
    found = find_by_key(work, sobject, field, key)
    if len(found) > 1:
        message = f"{field.name}: more than one record found for external id field: [{', '.join(found)}]"
        raise AmbiguousKeyError(sobject.name, found, message)
    if found:
        update(work, sobject, found[0], rest)
        return found[0], False
    return create(work, sobject, {**rest, field.name: key}), True


def check_body_without_key(record: Mapping[str, Any], name: str) -> None:
    """Refuse a body that names the key which the address has named."""
    if any(given.lower() == name.lower() for given in record):
        raise refuse(400, "INVALID_FIELD", f"The {name} field should not be specified in the sobject data.")
