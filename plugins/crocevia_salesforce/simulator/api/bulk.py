"""``/jobs/ingest`` and ``/jobs/query``: Bulk 2.0."""

from __future__ import annotations

import csv
import io
from typing import Any

from crocevia_salesforce.simulator import values
from crocevia_salesforce.simulator.api import router
from crocevia_salesforce.simulator.dml import saves
from crocevia_salesforce.simulator.errors import ApiError, not_found, refuse
from crocevia_salesforce.simulator.http import Answer, Call
from crocevia_salesforce.simulator.jobs import DELIMITERS, LINE_ENDINGS, OPERATIONS
from crocevia_salesforce.simulator.org import Org

_CSV = "text/csv"
_MAX_RECORDS = 50_000
_ENDED = frozenset({"JobComplete", "Aborted", "Failed"})
_TIMES = {"retries": 0, "totalProcessingTime": 0, "apiActiveProcessingTime": 0, "apexProcessingTime": 0}


def _told(job: dict[str, Any]) -> dict[str, Any]:
    """Return a job as it is told; what was asked in a query stays inside."""
    return {key: value for key, value in job.items() if key != "query" and value is not None}


def _shape(body: dict[str, Any], call: Call) -> dict[str, Any]:
    shape = {
        "concurrencyMode": "Parallel",
        "contentType": str(body.get("contentType") or "CSV"),
        "apiVersion": float(call.version),
        "lineEnding": str(body.get("lineEnding") or "LF"),
        "columnDelimiter": str(body.get("columnDelimiter") or "COMMA"),
    }
    if (
        shape["contentType"] != "CSV"
        or shape["lineEnding"] not in LINE_ENDINGS
        or shape["columnDelimiter"] not in DELIMITERS
    ):
        raise refuse(400, "INVALIDJOB", "InvalidJob : contentType, lineEnding or columnDelimiter is not supported")
    return shape


@router.add("POST", "jobs/ingest", write=True)
def create(org: Org, call: Call) -> Answer:
    """Open an ingest job."""
    body = call.object()
    operation = str(body.get("operation"))
    if operation not in OPERATIONS:
        raise refuse(400, "INVALIDJOB", f"InvalidJob : unknown operation {operation}")
    sobject = org.visible.get(str(body.get("object")))
    if sobject is None:
        raise refuse(400, "INVALIDENTITY", f"InvalidEntity : entity {body.get('object')} is not supported")
    key = None
    if operation == "upsert":
        try:
            key = saves.key_field(sobject, str(body.get("externalIdFieldName"))).name
        except ApiError as error:
            raise refuse(
                400, "INVALIDJOB", "InvalidJob : upsert needs an external id field: externalIdFieldName"
            ) from error
    info = {"operation": operation, "object": sobject.name, "externalIdFieldName": key, **_shape(body, call)}
    job = org.jobs.create("ingest", "Open", info)
    return Answer(200, {**_told(job), "contentUrl": f"services/data/v{call.version}/jobs/ingest/{job['id']}/batches"})


def _job(org: Org, kind: str, job_id: str) -> dict[str, Any]:
    job = org.jobs.get(kind, job_id)
    if job is None:
        raise not_found()
    return job


@router.add("PUT", "jobs/ingest/{job_id}/batches", write=True)
def upload(org: Org, call: Call, job_id: str) -> Answer:
    """Take the CSV of a job, all in one."""
    job = _job(org, "ingest", job_id)
    if job["state"] != "Open":
        raise refuse(400, "INVALIDJOBSTATE", "InvalidJobState : the job is not open")
    if not call.headers.get("content-type", "").startswith(_CSV):
        raise refuse(415, "UNSUPPORTED_MEDIA_TYPE", "the content type of job data is text/csv")
    org.jobs.upload(job["id"], call.body)
    return Answer(201)


@router.add("PATCH", "jobs/ingest/{job_id}", write=True)
@router.add("PATCH", "jobs/query/{job_id}", write=True)
def close(org: Org, call: Call, job_id: str) -> Answer:
    """Close a job for uploads, or abort it."""
    kind = "ingest" if "/ingest/" in call.path else "query"
    job = _job(org, kind, job_id)
    state = str(call.object().get("state"))
    allowed = {"UploadComplete", "Aborted"} if kind == "ingest" else {"Aborted"}
    if state not in allowed or job["state"] in _ENDED or (state == "UploadComplete" and job["state"] != "Open"):
        raise refuse(400, "INVALIDJOBSTATE", f"InvalidJobState : a job that is {job['state']} cannot become {state}")
    org.jobs.change(job["id"], state)
    return Answer(body=_told(_job(org, kind, job_id)))


@router.add("GET", "jobs/ingest/{job_id}")
@router.add("GET", "jobs/query/{job_id}")
def status(org: Org, call: Call, job_id: str) -> Answer:
    """Tell how a job stands."""
    kind, name = ("ingest", "V2Ingest") if "/ingest/" in call.path else ("query", "V2Query")
    job = {"numberRecordsProcessed": 0, **_job(org, kind, job_id), "jobType": name, **_TIMES}
    if kind == "ingest":
        job = {"numberRecordsFailed": 0, **job}
    return Answer(body=_told(job))


@router.add("DELETE", "jobs/ingest/{job_id}", write=True)
@router.add("DELETE", "jobs/query/{job_id}", write=True)
def delete(org: Org, call: Call, job_id: str) -> Answer:
    """Forget a job that has ended."""
    job = _job(org, "ingest" if "/ingest/" in call.path else "query", job_id)
    if job["state"] not in _ENDED:
        raise refuse(400, "INVALIDJOBSTATE", f"InvalidJobState : a job that is {job['state']} cannot be deleted")
    org.jobs.delete(job["id"])
    return Answer(204)


@router.add("GET", "jobs/ingest")
@router.add("GET", "jobs/query")
def list_jobs(org: Org, call: Call) -> Answer:
    """List the jobs."""
    kind, name = ("ingest", "V2Ingest") if call.path.endswith("/ingest") else ("query", "V2Query")
    records = [{**_told(job), "jobType": name} for job in org.jobs.all(kind)]
    return Answer(body={"done": True, "nextRecordsUrl": None, "records": records})


@router.add("GET", "jobs/ingest/{job_id}/successfulResults")
def successes(org: Org, call: Call, job_id: str) -> Answer:
    """Return the rows that were saved, as CSV."""
    return _results(org, _job(org, "ingest", job_id), ok=True)


@router.add("GET", "jobs/ingest/{job_id}/failedResults")
def failures(org: Org, call: Call, job_id: str) -> Answer:
    """Return the rows that failed, with their errors, as CSV."""
    return _results(org, _job(org, "ingest", job_id), ok=False)


def _results(org: Org, job: dict[str, Any], *, ok: bool) -> Answer:
    end, delimiter = LINE_ENDINGS[job["lineEnding"]], DELIMITERS[job["columnDelimiter"]]
    names = org.jobs.reader(job).fieldnames or []
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end, delimiter=delimiter)
    writer.writerow(["sf__Id", "sf__Created" if ok else "sf__Error", *names])
    for record_id, note, raw in org.jobs.results(job["id"], ok=ok):
        writer.writerow([record_id, note, *next(csv.reader([raw]))])
    return Answer(200, text.getvalue().encode(), {}, _CSV)


@router.add("GET", "jobs/ingest/{job_id}/unprocessedrecords")
def unprocessed(org: Org, call: Call, job_id: str) -> Answer:
    """Return the rows that no step has come to, as CSV."""
    job = _job(org, "ingest", job_id)
    reader = org.jobs.reader(job)
    text = io.StringIO()
    end, delimiter = LINE_ENDINGS[job["lineEnding"]], DELIMITERS[job["columnDelimiter"]]
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end, delimiter=delimiter)
    writer.writerow(reader.fieldnames or [])
    for number, row in enumerate(reader):
        if number >= job.get("numberRecordsProcessed", 0):
            writer.writerow(row.get(name) or "" for name in reader.fieldnames or [])
    return Answer(200, text.getvalue().encode(), {}, _CSV)


@router.add("POST", "jobs/query")
def create_query(org: Org, call: Call) -> Answer:
    """Open a query job; the statement is read at once, and run later."""
    body = call.object()
    operation = str(body.get("operation"))
    if operation not in {"query", "queryAll"}:
        raise refuse(400, "INVALIDJOB", f"InvalidJob : unknown operation {operation}")
    plan = org.runner.plan(org.visible, str(body.get("query")), all_rows=operation == "queryAll")
    if plan.is_aggregate or plan.children or plan.types or plan.query.offset:
        message = "Bulk queries take no aggregates, GROUP BY, OFFSET, TYPEOF and no child queries"
        raise refuse(400, "API_ERROR", message)
    info = {
        "operation": operation,
        "object": plan.source.sobject.name,
        "query": str(body["query"]),
        **_shape(body, call),
    }
    return Answer(200, _told(org.jobs.create("query", "UploadComplete", info)))


@router.add("GET", "jobs/query/{job_id}/results")
def results(org: Org, call: Call, job_id: str) -> Answer:
    """Return one page of a query's rows, as CSV; ``Sforce-Locator`` leads on, ``null`` ends it."""
    job = _job(org, "query", job_id)
    if job["state"] != "JobComplete":
        raise refuse(400, "INVALIDJOBSTATE", f"InvalidJobState : the job is {job['state']}")
    start = call.number("locator", 0)
    end = start + min(call.number("maxRecords", _MAX_RECORDS), _MAX_RECORDS)
    plan = org.runner.plan(org.visible, job["query"], all_rows=job["operation"] == "queryAll")
    records = org.runner.rows(plan, job["id"], start, end, call.version)
    text = io.StringIO()
    writer = csv.writer(
        text,
        quoting=csv.QUOTE_ALL,
        lineterminator=LINE_ENDINGS[job["lineEnding"]],
        delimiter=DELIMITERS[job["columnDelimiter"]],
    )
    selected = list(plan.projection.walk())
    writer.writerow(name for name, _ in selected)
    for record in records:
        writer.writerow(values.to_csv(field, values.dig(record, name)) for name, field in selected)
    more = str(end) if end < job.get("numberRecordsProcessed", 0) else "null"
    return Answer(
        200, text.getvalue().encode(), {"Sforce-Locator": more, "Sforce-NumberOfRecords": str(len(records))}, _CSV
    )
