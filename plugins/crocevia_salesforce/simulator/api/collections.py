"""``/composite/sobjects``: up to 200 records a call, one result each, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

from crocevia_salesforce.simulator import ids
from crocevia_salesforce.simulator.api import router
from crocevia_salesforce.simulator.api.objects import named, wanted_fields
from crocevia_salesforce.simulator.api.sobjects import saving
from crocevia_salesforce.simulator.dml import deletes, saves
from crocevia_salesforce.simulator.dml.work import Work
from crocevia_salesforce.simulator.errors import ApiError, Refusal, refuse, refuse_row
from crocevia_salesforce.simulator.http import Answer, Call
from crocevia_salesforce.simulator.org import Org
from crocevia_salesforce.simulator.schema import SObject

MAX_ROWS = 200
MAX_RETRIEVED = 2_000
MAX_CHUNKS = 10
"""Runs of records of one type in a create or update. Source: REST API guide, "Create Records Using sObject
Collections", v60.0: up to 200 records, objects of different types, at most 10 chunks. An upsert takes one type."""
_ROLLED_BACK = "Record rolled back because not all records were valid and the request was using AllOrNone header"


def _records(call: Call) -> tuple[list[dict[str, Any]], bool]:
    body = call.object()
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise refuse(400, "JSON_PARSER_ERROR", "Request body must have a list of records at [line:1, column:2]")
    _check_size(len(records))
    return records, body.get("allOrNone") is True


def _check_size(rows: int) -> None:
    if rows > MAX_ROWS:
        message = f"record limit reached. cannot submit more than {MAX_ROWS} records into this call"
        raise refuse(400, "EXCEEDED_ID_LIMIT", message)


def _types(org: Org, records: Sequence[dict[str, Any]]) -> list[SObject | None]:
    """Return each record's object, None for one that does not exist.

    Raises:
        ApiError: A record without a type, or too many changes of type.
    """
    told = [record.get("attributes") for record in records]
    names = [attributes.get("type") if isinstance(attributes, dict) else None for attributes in told]
    if not all(isinstance(name, str) for name in names):
        raise refuse(400, "INVALID_TYPE", "Cannot determine the type of a record: attributes.type is missing")
    chunks = 1 + sum(one != other for one, other in pairwise(names))
    if names and chunks > MAX_CHUNKS:
        limit = f"Cannot have more than {MAX_CHUNKS} chunks in a single operation."
        message = f"{limit} Please rearrange the data to reduce chunking."
        raise refuse(400, "INVALID_OPERATION", message)
    return [org.visible.get(str(name)) for name in names]


def _each(
    org: Org,
    call: Call,
    count: int,
    save: Callable[[Work, int], dict[str, Any]],
    *,
    all_or_none: bool,
    extra: dict[str, Any],
) -> list[dict[str, Any]]:
    """Save rows one after the other; return their results, all failed when all-or-none and one fails."""
    results: list[dict[str, Any]] = []
    failed = False
    try:
        with saving(org, call) as work:
            for number in range(count):
                try:
                    with work.transaction():
                        results.append(save(work, number))
                except ApiError as error:
                    failed = True
                    results.append(failure(error, extra))
            if failed and all_or_none:
                raise _RolledBackError  # noqa: TRY301  # it has to leave the frame of the saves, to undo them
    except _RolledBackError:
        rolled_back = {"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": _ROLLED_BACK, "fields": []}
        return [
            {"success": False, "errors": [rolled_back], **extra} if result["success"] else result for result in results
        ]
    return results


class _RolledBackError(Exception):
    """One row failed and the client wanted all or none."""


def failure(error: ApiError, extra: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a row that failed; it has no ``id`` (recorded)."""
    return {"success": False, "errors": [refusal.as_row() for refusal in error.refusals], **extra}


def _success(record_id: str, **extra: Any) -> dict[str, Any]:
    return {"id": record_id, "success": True, "errors": [], **extra}


def _need(sobject: SObject | None, record: dict[str, Any]) -> SObject:
    if sobject is None:
        name = record["attributes"]["type"]
        raise refuse_row("INVALID_TYPE", f"sObject type '{name}' is not supported.")
    return sobject


@router.add("POST", "composite/sobjects", write=True)
def create(org: Org, call: Call) -> Answer:
    """Create records."""
    records, all_or_none = _records(call)
    types = _types(org, records)

    def save(work: Work, number: int) -> dict[str, Any]:
        sobject = _need(types[number], records[number])
        return _success(saves.create(work, sobject, records[number]))

    return Answer(body=_each(org, call, len(records), save, all_or_none=all_or_none, extra={}))


@router.add("PATCH", "composite/sobjects", write=True)
def update(org: Org, call: Call) -> Answer:
    """Change records by id."""
    records, all_or_none = _records(call)
    types = _types(org, records)
    given = [_take(record, "Id") for record in records]
    wide = [ids.widen(record_id) or record_id for record_id in given]

    def save(work: Work, number: int) -> dict[str, Any]:
        sobject = _need(types[number], records[number])
        if not given[number]:
            raise refuse_row("MISSING_ARGUMENT", "Id not specified in an update call")
        _check_repeated(wide, number, f"Duplicate id specified: {wide[number]}")
        record_id = _row_id(sobject, wide[number])
        rest = {name: value for name, value in records[number].items() if name.lower() != "id"}
        saves.update(work, sobject, record_id, rest)
        return _success(record_id)

    return Answer(body=_each(org, call, len(records), save, all_or_none=all_or_none, extra={}))


def _take(record: dict[str, Any], name: str) -> Any:
    return next((value for key, value in record.items() if key.lower() == name.lower()), None)


def _check_repeated(keys: Sequence[Any], number: int, message: str) -> None:
    """Refuse every row whose key stands in the batch more than once."""
    if keys[number] is not None and keys.count(keys[number]) > 1:
        raise refuse_row("DUPLICATE_VALUE", message)


def _row_id(sobject: SObject, record_id: Any) -> str:
    wide = ids.widen(record_id)
    if wide is None or not wide.startswith(sobject.key_prefix):
        raise refuse_row(
            "MALFORMED_ID", f"{sobject.describe['label']} ID: id value of incorrect type: {record_id}", "Id"
        )
    return wide


@router.add("PATCH", "composite/sobjects/{name}/{field}", write=True)
def upsert(org: Org, call: Call, name: str, field: str) -> Answer:
    """Create or change records by an external id, all of one type."""
    sobject = named(org, name)
    by = saves.key_field(sobject, unquote(field))
    records, all_or_none = _records(call)
    types = _types(org, records)
    if any(other is None or other.name != sobject.name for other in types):
        message = f"All records of an upsert must be of the type in the URL: {sobject.name}"
        raise refuse(400, "INVALID_TYPE", message)
    keys = [_take(record, by.name) for record in records]
    equal = [(key if by.case_sensitive or not isinstance(key, str) else key.lower()) or None for key in keys]

    def save(work: Work, number: int) -> dict[str, Any]:
        if by.name != "Id" and equal[number] is None:
            raise refuse_row("MISSING_ARGUMENT", f"{by.name} not specified", by.name)
        _check_repeated(equal, number, f"Duplicate external id specified: {keys[number]}")
        record_id, created = saves.upsert(work, sobject, by, keys[number], records[number])
        return _success(record_id, created=created)

    rows = _each(org, call, len(records), save, all_or_none=all_or_none, extra={"created": False})
    return Answer(body=rows)


@router.add("DELETE", "composite/sobjects", write=True)
def delete(org: Org, call: Call) -> Answer:
    """Delete records by id, of any types."""
    given = [part for part in call.params.get("ids", "").split(",") if part]
    _check_size(len(given))
    all_or_none = call.params.get("allOrNone", "").lower() == "true"

    def save(work: Work, number: int) -> dict[str, Any]:
        wide = ids.widen(given[number])
        sobject = org.visible.by_id(wide) if wide else None
        if wide is None or sobject is None:
            raise refuse_row("MALFORMED_ID", f"malformed id {given[number]}")
        _known(org, sobject, wide)
        return _success(deletes.delete(work, sobject, wide))

    return Answer(body=_each(org, call, len(given), save, all_or_none=all_or_none, extra={}))


def _known(org: Org, sobject: SObject, record_id: str) -> None:
    if org.database.row(sobject, record_id) is None:
        raise ApiError(404, [Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())])


@router.add("GET", "composite/sobjects/{name}")
def retrieve(org: Org, call: Call, name: str) -> Answer:
    """Read records by id; ids and fields in the address."""
    given = call.params.get("ids", "").split(","), call.params.get("fields", "").split(",")
    return _retrieve(org, call, named(org, name), *given)


@router.add("POST", "composite/sobjects/{name}")
def retrieve_many(org: Org, call: Call, name: str) -> Answer:
    """Read records by id; ids and fields in the body."""
    body = call.object()
    ids_, fields = body.get("ids") or [], body.get("fields") or []
    if not isinstance(ids_, list) or not isinstance(fields, list):
        raise refuse(400, "JSON_PARSER_ERROR", "ids and fields must be lists at [line:1, column:2]")
    return _retrieve(org, call, named(org, name), ids_, fields)


def _retrieve(org: Org, call: Call, sobject: SObject, given: list[Any], fields: list[Any]) -> Answer:
    """Return records in the order of their ids; null for one that is not there."""
    given = [part for part in given if part]
    names = wanted_fields(sobject, [str(name).strip() for name in fields if str(name).strip()])
    if not given or not names:
        raise refuse(400, "MISSING_ARGUMENT", "ids and fields are required parameters")
    if len(given) > MAX_RETRIEVED:
        raise refuse(
            400,
            "EXCEEDED_ID_LIMIT",
            f"record limit reached. cannot submit more than {MAX_RETRIEVED} records into this call",
        )
    wide = [ids.widen(record_id) for record_id in given]
    for record_id, known in zip(given, wide, strict=True):
        if known is None:
            raise refuse(400, "MALFORMED_ID", f"malformed id {record_id}")
    wanted = ", ".join(f"'{record_id}'" for record_id in dict.fromkeys(wide))
    selected = ", ".join(dict.fromkeys(["Id", *names]))
    soql = f"SELECT {selected} FROM {sobject.name} WHERE Id IN ({wanted})"
    records = org.runner.query(org.visible, soql, call.version, batch=MAX_RETRIEVED).records
    found = {record["Id"]: record for record in records}
    return Answer(body=[found.get(str(record_id)) for record_id in wide])
