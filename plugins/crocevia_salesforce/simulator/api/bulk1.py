"""``/services/async/…``: Bulk API 1. Jobs speak XML or JSON, their batches CSV or JSON.

Source: Bulk API 2.0 and Bulk API Developer Guide, "Bulk API", v60.0; shapes as recorded, v62.0.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

from crocevia_salesforce.simulator import values
from crocevia_salesforce.simulator.api import root
from crocevia_salesforce.simulator.batches import QUERIES
from crocevia_salesforce.simulator.dml import saves
from crocevia_salesforce.simulator.errors import ApiError, refuse
from crocevia_salesforce.simulator.http import ASYNC_XML, Answer, Call, async_xml
from crocevia_salesforce.simulator.jobs import OPERATIONS
from crocevia_salesforce.simulator.org import Org

_BASE = "/services/async/{version}/job"
_MAX_RESULT = 1_000_000
_TIMES = {"totalProcessingTime": 0, "apiActiveProcessingTime": 0, "apexProcessingTime": 0}
_STATES = {"Closed", "Aborted"}


def _in_json(call: Call) -> bool:
    """Whether a job is told in JSON: it is what the client sends, or asks for."""
    return "json" in call.headers.get("content-type", "") or "json" in call.headers.get("accept", "")


def _given(call: Call) -> dict[str, Any]:
    """Return what a ``jobInfo`` says, in XML or JSON.

    Raises:
        ApiError: InvalidJob.
    """
    if "json" in call.headers.get("content-type", ""):
        return call.object()
    if b"<!DOCTYPE" in call.body or b"<!ENTITY" in call.body:
        raise refuse(400, "InvalidJob", "a document type is not accepted")
    try:
        parsed = ET.fromstring(call.body.strip())  # noqa: S314  # no entities: refused above
    except ET.ParseError as error:
        raise refuse(400, "InvalidJob", f"Unable to parse Job: {error}") from error
    return {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in parsed}


def _told(org: Org, job: Mapping[str, Any], call: Call, status: int = 200) -> Answer:
    batches = org.batches.of(job["id"])
    states = [batch["state"] for batch in batches]
    info: dict[str, Any] = {
        "id": job["id"],
        "operation": job["operation"],
        "object": job["object"],
        "createdById": job["createdById"],
        "createdDate": job["createdDate"],
        "systemModstamp": job["systemModstamp"],
        "state": job["state"],
        **({"externalIdFieldName": job["externalIdFieldName"]} if job["externalIdFieldName"] else {}),
        "concurrencyMode": job["concurrencyMode"],
        "contentType": job["contentType"],
        "numberBatchesQueued": states.count("Queued"),
        "numberBatchesInProgress": states.count("InProgress"),
        "numberBatchesCompleted": states.count("Completed"),
        "numberBatchesFailed": states.count("Failed"),
        "numberBatchesTotal": len(batches),
        "numberRecordsProcessed": sum(batch["processed"] for batch in batches),
        "numberRetries": 0,
        "apiVersion": job["apiVersion"],
        "numberRecordsFailed": sum(batch["failed"] for batch in batches),
        **_TIMES,
    }
    if _in_json(call):
        more = {"assignmentRuleId": None, "externalIdFieldName": job["externalIdFieldName"], "fastPathEnabled": False}
        return Answer(status, {**info, **more}, {}, "application/json")
    return Answer(status, async_xml("jobInfo", info), {}, ASYNC_XML)


@root.add("POST", _BASE, write=True)
def create(org: Org, call: Call, version: str) -> Answer:
    """Open a job."""
    body = _given(call)
    operation, content = str(body.get("operation")), str(body.get("contentType") or "XML")
    if operation not in OPERATIONS | QUERIES:
        raise refuse(400, "InvalidJob", f"Unable to parse Job: operation {operation}")
    if content not in {"CSV", "JSON"}:
        raise refuse(400, "InvalidJob", f"contentType {content} is not simulated; CSV and JSON are")
    sobject = org.visible.get(str(body.get("object")))
    if sobject is None or sobject.field("Id") is None:
        raise refuse(400, "InvalidEntity", f"Unable to find object: {body.get('object')}")
    key = None
    if operation == "upsert":
        try:
            key = saves.key_field(sobject, str(body.get("externalIdFieldName"))).name
        except ApiError as error:
            message = f"Field name provided, {body.get('externalIdFieldName')} does not match an External ID"
            raise refuse(400, "InvalidJob", message) from error
    info = {
        "operation": operation,
        "object": sobject.name,
        "externalIdFieldName": key,
        "concurrencyMode": str(body.get("concurrencyMode") or "Parallel"),
        "contentType": content,
        "apiVersion": float(version),
    }
    return _told(org, org.jobs.create("bulk1", "Open", info), call, 201)


def _job(org: Org, job_id: str) -> dict[str, Any]:
    job = org.jobs.get("bulk1", job_id)
    if job is None:
        raise refuse(400, "InvalidJob", "Unable to find job")
    return job


@root.add("GET", _BASE + "/{job_id}")
def status(org: Org, call: Call, version: str, job_id: str) -> Answer:
    """Tell how a job stands."""
    del version
    return _told(org, _job(org, job_id), call)


@root.add("POST", _BASE + "/{job_id}", write=True)
def change(org: Org, call: Call, version: str, job_id: str) -> Answer:
    """Close or abort a job."""
    del version
    job, state = _job(org, job_id), str(_given(call).get("state"))
    if state not in _STATES or job["state"] == "Aborted":
        raise refuse(400, "InvalidJobState", f"a job that is {job['state']} cannot become {state}")
    if state == "Aborted":
        org.batches.abort(job["id"])
    org.jobs.change(job["id"], state)
    return _told(org, _job(org, job_id), call)


def _batch_info(batch: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": batch["id"],
        "jobId": batch["job"],
        "state": batch["state"],
        "stateMessage": batch["message"],
        "createdDate": batch["at"],
        "systemModstamp": batch["done"],
        "numberRecordsProcessed": batch["processed"],
        "numberRecordsFailed": batch["failed"],
        **_TIMES,
    }


def _batch_answer(org: Org, job: Mapping[str, Any], batch_id: str, status_: int = 200) -> Answer:
    info = _batch_info(_batch(org, job, batch_id))
    if job["contentType"] == "JSON":
        return Answer(status_, info, {}, "application/json")
    return Answer(status_, async_xml("batchInfo", info), {}, ASYNC_XML)


def _batch(org: Org, job: Mapping[str, Any], batch_id: str) -> dict[str, Any]:
    batch = org.batches.get(job["id"], batch_id)
    if batch is None:
        raise refuse(400, "InvalidBatch", "Unable to find batch")
    return batch


@root.add("POST", _BASE + "/{job_id}/batch", write=True)
def add_batch(org: Org, call: Call, version: str, job_id: str) -> Answer:
    """Take a batch: rows, or the statement of a query."""
    del version
    job = _job(org, job_id)
    if job["state"] != "Open":
        raise refuse(400, "InvalidJobState", f"The job is {job['state']}")
    return _batch_answer(org, job, org.batches.add(job["id"], call.body), 201)


@root.add("GET", _BASE + "/{job_id}/batch")
def list_batches(org: Org, call: Call, version: str, job_id: str) -> Answer:
    """List the batches of a job."""
    del version, call
    job = _job(org, job_id)
    found = [_batch_info(batch) for batch in org.batches.of(job["id"])]
    if job["contentType"] == "JSON":
        return Answer(200, {"batchInfo": found}, {}, "application/json")
    return Answer(200, async_xml("batchInfoList", {"batchInfo": found}), {}, ASYNC_XML)


@root.add("GET", _BASE + "/{job_id}/batch/{batch_id}")
def batch_status(org: Org, call: Call, version: str, job_id: str, batch_id: str) -> Answer:
    """Tell how a batch stands."""
    del version, call
    return _batch_answer(org, _job(org, job_id), batch_id)


@root.add("GET", _BASE + "/{job_id}/batch/{batch_id}/request")
def request(org: Org, call: Call, version: str, job_id: str, batch_id: str) -> Answer:
    """Return a batch as it was uploaded."""
    del version, call
    job = _job(org, job_id)
    return Answer(200, bytes(_batch(org, job, batch_id)["data"]), {}, _content(job))


def _content(job: Mapping[str, Any]) -> str:
    return "application/json" if job["contentType"] == "JSON" else "text/csv"


def _completed(org: Org, job: Mapping[str, Any], batch_id: str) -> dict[str, Any]:
    batch = _batch(org, job, batch_id)
    if batch["state"] != "Completed":
        raise refuse(400, "InvalidBatch", f"Batch not completed: {batch['state']}")
    return batch


@root.add("GET", _BASE + "/{job_id}/batch/{batch_id}/result")
def result(org: Org, call: Call, version: str, job_id: str, batch_id: str) -> Answer:
    """Return what became of the rows of a batch, or the ids of a query's results."""
    del version, call
    job = _job(org, job_id)
    batch = _completed(org, job, batch_id)
    if job["operation"] in QUERIES:
        ids = ["752" + batch["id"][3:15]]
        if job["contentType"] == "JSON":
            return Answer(200, ids, {}, "application/json")
        return Answer(200, async_xml("result-list", {"result": ids}), {}, ASYNC_XML)
    rows = org.batches.results(batch["id"])
    if job["contentType"] == "JSON":
        return Answer(200, [_result(*row) for row in rows], {}, "application/json")
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["Id", "Success", "Created", "Error"])
    writer.writerows([record, str(ok).lower(), str(made).lower(), error] for record, ok, made, error in rows)
    return Answer(200, text.getvalue().encode(), {}, "text/csv")


def _result(record: str, ok: bool, made: bool, error: str) -> dict[str, Any]:  # noqa: FBT001  # columns of a row
    code, _, rest = error.partition(":")
    message, _, fields = rest.removesuffix(" --").rpartition(":")
    told = {"message": message, "fields": fields.split(), "statusCode": code, "extendedErrorDetails": None}
    return {"success": ok, "created": made, "id": record or None, "errors": [told] if error else []}


@root.add("GET", _BASE + "/{job_id}/batch/{batch_id}/result/{result_id}")
def query_result(org: Org, call: Call, version: str, job_id: str, batch_id: str, result_id: str) -> Answer:
    """Return the records of a query, all in one."""
    del call
    job = _job(org, job_id)
    batch = _completed(org, job, batch_id)
    if job["operation"] not in QUERIES or result_id[3:15] != batch["id"][3:15]:
        raise refuse(400, "InvalidBatch", "Unable to find the result")
    statement = batch["data"].decode("utf-8", "replace")
    plan = org.runner.plan(org.visible, statement, all_rows=job["operation"] == "queryAll")
    records = org.runner.rows(plan, batch["id"], 0, _MAX_RESULT, version)
    selected = dict(plan.projection.walk())
    if job["contentType"] == "JSON":
        times = {name for name, field in selected.items() if field.type == "datetime"}
        return Answer(200, [_in_ms(record, times) for record in records], {}, "application/json")
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(selected)
    for record in records:
        writer.writerow(values.to_csv(field, values.dig(record, name)) for name, field in selected.items())
    return Answer(200, text.getvalue().encode(), {}, "text/csv")


def _in_ms(record: Any, times: set[str], at: str = "") -> Any:
    """Return a record with its dateTimes as milliseconds, as Bulk 1 writes them in JSON (recorded, v62.0)."""
    if isinstance(record, dict):
        return {name: _in_ms(inner, times, f"{at}.{name}" if at else name) for name, inner in record.items()}
    if at in times and isinstance(record, str):
        return int(datetime.fromisoformat(record).timestamp() * 1000)
    return record
