"""``/sobjects``: the list, describes, and single records by id and by external id."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, timedelta
from typing import Any
from urllib.parse import quote, unquote

from crocevia_salesforce.simulator import clock
from crocevia_salesforce.simulator.api import router
from crocevia_salesforce.simulator.api.conditions import check_unmodified, http_date, is_unchanged
from crocevia_salesforce.simulator.api.objects import named, wanted_fields
from crocevia_salesforce.simulator.dml import deletes, saves
from crocevia_salesforce.simulator.errors import AmbiguousKeyError, not_found, refuse
from crocevia_salesforce.simulator.http import Answer, Call
from crocevia_salesforce.simulator.org import Org
from crocevia_salesforce.simulator.schema import SObject

_GLOBAL_KEYS = (
    "activateable",
    "associateEntityType",
    "associateParentEntity",
    "createable",
    "custom",
    "customSetting",
    "deepCloneable",
    "deletable",
    "deprecatedAndHidden",
    "feedEnabled",
    "hasSubtypes",
    "isInterface",
    "isSubtype",
    "keyPrefix",
    "label",
    "labelPlural",
    "layoutable",
    "mergeable",
    "mruEnabled",
    "name",
    "queryable",
    "replicateable",
    "retrieveable",
    "searchable",
    "triggerable",
    "undeletable",
    "updateable",
)
_NOT_SIMULATED = frozenset({"describe", "listviews", "quickactions", "defaultvalues", "relevantitems"})
"""What else lies below an object in the real API."""
_UPSERT_TELLS_SINCE = 46.0
"""From this version on an upsert answers 200 with ``created``. Source: REST API release notes, Summer '19 (v46.0)."""
_VERSION_IN_PATH = re.compile(r"/v(?:\d\d|xx)\.0/")
_LAST_MODIFIED = "Fri, 14 Aug 2026 20:53:02 GMT"


def urls(version: str, sobject: SObject, *, whole: bool) -> dict[str, str]:
    """Return the addresses of an object; a whole describe has more of them than the list."""
    given = sobject.describe.get("urls") or {}
    if whole and given:
        return {key: _VERSION_IN_PATH.sub(f"/v{version}/", str(url)) for key, url in given.items()}
    name = sobject.name
    base = f"/services/data/v{version}/sobjects/{name}"
    found = {
        "compactLayouts": f"{base}/describe/compactLayouts",
        "rowTemplate": f"{base}/{{ID}}",
        "approvalLayouts": f"{base}/describe/approvalLayouts",
        "describe": f"{base}/describe",
        "quickActions": f"{base}/quickActions",
        "layouts": f"{base}/describe/layouts",
        "sobject": base,
        "listviews": f"{base}/listviews",
    }
    if whole:
        host = "https://simulated.my.salesforce.com/{ID}"
        found |= {"uiEditTemplate": f"{host}/e", "defaultValues": f"{base}/defaultValues?recordTypeId&fields"}
        found |= {"uiDetailTemplate": host, "uiNewRecord": f"{host[:-4]}{name}/e"}
    return found


def _summary(version: str, sobject: SObject) -> dict[str, Any]:
    found = {key: sobject.describe.get(key, False) for key in _GLOBAL_KEYS}
    return {**found, "urls": urls(version, sobject, whole=False)}


@router.add("GET", "sobjects")
def list_objects(org: Org, call: Call) -> Answer:
    """Describe Global."""
    objects = sorted(org.visible.objects.values(), key=lambda sobject: sobject.name)
    listed = [_summary(call.version, sobject) for sobject in objects if sobject.field("Id")]
    return Answer(body={"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": listed})


def describe_body(version: str, sobject: SObject) -> dict[str, Any]:
    """Return the whole describe, addresses of this version included."""
    fields = [{k: v for k, v in entry.items() if k != "displayFormat"} for entry in sobject.describe["fields"]]
    return {**sobject.describe, "fields": fields, "urls": urls(version, sobject, whole=True)}


@router.add("GET", "sobjects/{name}/describe")
def describe(org: Org, call: Call, name: str) -> Answer:
    """Whole describe; 304 when the client has it already."""
    sobject = named(org, name)
    body = describe_body(call.version, sobject)
    tag = hashlib.sha256(repr(sorted((k, str(v)) for k, v in body.items())).encode()).hexdigest()[:8]
    headers = {"ETag": f'"{tag}"', "Last-Modified": _LAST_MODIFIED}
    matched = tag in call.headers.get("if-none-match", "")
    if matched or call.headers.get("if-modified-since") == _LAST_MODIFIED:
        return Answer(304, None, headers)
    return Answer(200, body, headers)


@router.add("GET", "sobjects/{name}")
def basic(org: Org, call: Call, name: str) -> Answer:
    """Summary of an object, and its recent items (none: nobody views records here)."""
    return Answer(body={"objectDescribe": _summary(call.version, named(org, name)), "recentItems": []})


@router.add("POST", "sobjects/{name}", write=True)
def create(org: Org, call: Call, name: str) -> Answer:
    """Create one record."""
    sobject = named(org, name)
    record = call.object()
    with saving(org, call) as work:
        record_id = saves.create(work, sobject, record)
    location = {"Location": f"/services/data/v{call.version}/sobjects/{sobject.name}/{record_id}"}
    return Answer(201, {"id": record_id, "success": True, "errors": []}, location)


def saving(org: Org, call: Call) -> Any:
    """Open the frame of a call's saves: its user, its headers, its late commit."""
    assert call.actor is not None  # noqa: S101  # the router lets nobody in without
    late = call.faults.get("late_commit")
    return org.saving(call.actor, call.duplicates, timedelta(seconds=late.seconds if late else 0))


def read_record(org: Org, call: Call, sobject: SObject, record_id: str) -> dict[str, Any]:
    """Return a living record with the fields asked for (``?fields=``), or with all.

    Raises:
        ApiError: INVALID_FIELD for a field that does not exist.
    """
    asked = [part.strip() for part in call.params.get("fields", "").split(",") if part.strip()]
    names = wanted_fields(sobject, asked) if asked else [entry.name for entry in sobject.fields.values()]
    selected = ", ".join(dict.fromkeys([*names, "Id"]))
    soql = f"SELECT {selected} FROM {sobject.name} WHERE Id = '{record_id}'"
    records = org.runner.query(org.visible, soql, call.version, all_rows=True).records
    if not records:
        raise not_found()
    return records[0]


@router.add("GET", "sobjects/{name}/updated")
def updated(org: Org, call: Call, name: str) -> Answer:
    """Ids changed in a time span; seconds do not count."""
    sobject = named(org, name)
    start, end = _span(org, call, days=30)
    sql = f'SELECT "Id" FROM "{sobject.name}" WHERE "SystemModstamp" >= ? AND "SystemModstamp" < ? AND "IsDeleted" = 0'
    found = [row[0] for row in org.database.execute(sql, (start, end))]
    return Answer(body={"ids": found, "latestDateCovered": end})


@router.add("GET", "sobjects/{name}/deleted")
def deleted(org: Org, call: Call, name: str) -> Answer:
    """Ids deleted in a time span; merged ones too, and those that no query shows any more."""
    sobject = named(org, name)
    start, end = _span(org, call, days=15)
    where = '"SystemModstamp" >= ? AND "SystemModstamp" < ? AND "IsDeleted" = 1'
    sql = (
        f'SELECT "Id", "SystemModstamp" FROM "{sobject.name}" WHERE {where} '
        "UNION SELECT record, stamp FROM sim_purged WHERE object = ? AND stamp >= ? AND stamp < ? ORDER BY 2, 1"
    )
    given = (start, end, sobject.name, start, end)
    found = [{"id": row[0], "deletedDate": row[1]} for row in org.database.execute(sql, given)]
    earliest = clock.stamp(org.clock.now() - timedelta(days=15))
    return Answer(body={"deletedRecords": found, "earliestDateAvailable": earliest, "latestDateCovered": end})


def _span(org: Org, call: Call, days: int) -> tuple[str, str]:
    """Return start and end of a replication span, cut to whole minutes.

    Source: SOAP API guide, getUpdated() and getDeleted(), v60.0: 30 and 15 days back; seconds are ignored.
    """
    moments = []
    for name in ("start", "end"):
        if not call.params.get(name):
            raise refuse(400, "MISSING_ARGUMENT", f"{name} is a required parameter")
        try:
            moment = clock.parse_moment(call.params[name].replace(" ", "+"))
        except (ValueError, OverflowError) as error:
            raise refuse(400, "INVALID_REPLICATION_DATE", f"{name} is not a dateTime: {call.params[name]}") from error
        moments.append(moment.astimezone(UTC).replace(second=0, microsecond=0))
    start, end = moments
    end = min(end, org.clock.now().replace(second=0, microsecond=0))
    if start >= end:
        raise refuse(
            400,
            "INVALID_REPLICATION_DATE",
            "startDate before org replication enabled date or endDate is not after startDate",
        )
    if start < org.clock.now() - timedelta(days=days):
        raise refuse(400, "INVALID_REPLICATION_DATE", f"startDate cannot be more than {days} days ago")
    return clock.stamp(start), clock.stamp(end)


@router.add("GET", "sobjects/{name}/{record_id}")
def retrieve(org: Org, call: Call, name: str, record_id: str) -> Answer:
    """Read one record."""
    sobject = named(org, name)
    if record_id.lower() in _NOT_SIMULATED:
        raise not_found()
    with saving(org, call) as work:
        row = saves.living(work, sobject, unquote(record_id))
        if is_unchanged(call, row):
            return Answer(304)
        changed = {"Last-Modified": http_date(row)} if row.get("LastModifiedDate") else {}
        return Answer(200, read_record(org, call, sobject, row["Id"]), changed)


@router.add("PATCH", "sobjects/{name}/{record_id}", write=True)
def update(org: Org, call: Call, name: str, record_id: str) -> Answer:
    """Change one record."""
    sobject = named(org, name)
    record = call.object()
    saves.check_body_without_key(record, "Id")
    with saving(org, call) as work:
        check_unmodified(call, saves.living(work, sobject, unquote(record_id)))
        saves.update(work, sobject, unquote(record_id), record)
    return Answer(204)


@router.add("DELETE", "sobjects/{name}/{record_id}", write=True)
def delete(org: Org, call: Call, name: str, record_id: str) -> Answer:
    """Delete one record."""
    sobject = named(org, name)
    with saving(org, call) as work:
        check_unmodified(call, saves.living(work, sobject, unquote(record_id)))
        deletes.delete(work, sobject, unquote(record_id))
    return Answer(204)


@router.add("GET", "sobjects/{name}/{field}/{key...}")
def retrieve_by_key(org: Org, call: Call, name: str, field: str, key: str) -> Answer:
    """Read the record that has this external id."""
    sobject = named(org, name)
    if field.lower() in _NOT_SIMULATED:
        raise not_found()
    with saving(org, call) as work:
        try:
            found = _one_by_key(work, sobject, field, key)
        except AmbiguousKeyError as error:
            return choices(call, error)
        return Answer(body=read_record(org, call, sobject, found))


@router.add("DELETE", "sobjects/{name}/{field}/{key...}", write=True)
def delete_by_key(org: Org, call: Call, name: str, field: str, key: str) -> Answer:
    """Delete the record that has this external id."""
    sobject = named(org, name)
    with saving(org, call) as work:
        try:
            deletes.delete(work, sobject, _one_by_key(work, sobject, field, key))
        except AmbiguousKeyError as error:
            return choices(call, error)
    return Answer(204)


def _one_by_key(work: Any, sobject: SObject, field: str, key: str) -> str:
    found = saves.find_by_key(work, sobject, saves.key_field(sobject, unquote(field)), unquote(key))
    if len(found) > 1:
        raise AmbiguousKeyError(sobject.name, found, "more than one record found for external id field")
    if not found:
        raise not_found()
    return str(found[0])


def choices(call: Call, error: AmbiguousKeyError) -> Answer:
    """Return the 300 of an external id that several records have."""
    base = f"/services/data/v{call.version}/sobjects/{quote(error.object_name)}"
    return Answer(300, [f"{base}/{record_id}" for record_id in error.ids])


@router.add("PATCH", "sobjects/{name}/{field}/{key...}", write=True)
@router.add("POST", "sobjects/{name}/{field}", write=True)
def upsert(org: Org, call: Call, name: str, field: str, key: str = "") -> Answer:
    """Create or change the record that has this external id."""
    sobject = named(org, name)
    by = saves.key_field(sobject, unquote(field))
    record = call.object()
    saves.check_body_without_key(record, by.name)
    with saving(org, call) as work:
        try:
            if call.params.get("updateOnly", "").lower() == "true" and not saves.find_by_key(
                work, sobject, by, unquote(key)
            ):
                raise not_found()
            record_id, created = saves.upsert(work, sobject, by, unquote(key), record)
        except AmbiguousKeyError as error:
            return choices(call, error)
    told = float(call.version) >= _UPSERT_TELLS_SINCE
    body = {"id": record_id, "success": True, "errors": [], **({"created": created} if told else {})}
    if created:
        location = f"/services/data/v{call.version}/sobjects/{sobject.name}/{record_id}"
        return Answer(201, body, {"Location": location})
    return Answer(200, body) if told else Answer(204)
