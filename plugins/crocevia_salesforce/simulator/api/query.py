"""``/query``, ``/queryAll``, their further pages, ``/limits`` and ``/limits/recordCount``."""

from __future__ import annotations

import re

from crocevia_salesforce.simulator.api import router
from crocevia_salesforce.simulator.errors import refuse
from crocevia_salesforce.simulator.http import Answer, Call
from crocevia_salesforce.simulator.org import Org

_MIN_BATCH, _MAX_BATCH = 200, 2_000
"""Records a page. Source: REST API guide, "Query Options Header", v60.0."""


def _batch(call: Call) -> int:
    match = re.search(r"batchSize\s*=\s*(\d+)", call.headers.get("sforce-query-options", ""), re.IGNORECASE)
    return min(max(int(match.group(1)), _MIN_BATCH), _MAX_BATCH) if match else _MAX_BATCH


def _explain(org: Org, statement: str) -> Answer:
    """Return the plan of a statement: keys are indexed here, too, and all else is a table scan."""
    plan = org.runner.plan(org.visible, statement, all_rows=False)
    name = plan.source.sobject.name
    rows = int(org.database.one(f'SELECT COUNT(*) FROM "{name}" WHERE "IsDeleted" = 0')[0])
    sql, parameters = plan.rows_sql("1")
    found = int(org.database.one(f"SELECT COUNT(*) FROM ({sql})", parameters)[0])
    told = {
        "cardinality": found,
        "fields": [],
        "leadingOperationType": "TableScan",
        "notes": [],
        "relativeCost": 1.0,
        "sobjectCardinality": rows,
        "sobjectType": name,
    }
    return Answer(body={"plans": [told], "sourceQuery": statement})


def _run(org: Org, call: Call, resource: str) -> Answer:
    if "explain" in call.params:
        return _explain(org, call.params["explain"])
    soql = call.params.get("q")
    if soql is None:
        raise refuse(400, "MALFORMED_QUERY", "A query string has to be specified")
    all_rows = resource == "queryAll"
    page = org.runner.query(org.visible, soql, call.version, all_rows=all_rows, batch=_batch(call))
    return Answer(body=page.body(call.version))


@router.add("GET", "query")
def query(org: Org, call: Call) -> Answer:
    """Run SOQL on living records."""
    return _run(org, call, "query")


@router.add("GET", "queryAll")
def query_all(org: Org, call: Call) -> Answer:
    """Run SOQL on all records, those in the recycle bin too."""
    return _run(org, call, "queryAll")


@router.add("GET", "query/{locator}")
@router.add("GET", "queryAll/{locator}")
def more(org: Org, call: Call, locator: str) -> Answer:
    """Return the next page."""
    page = org.runner.more(org.visible, locator, call.version, batch=_batch(call))
    return Answer(body=page.body(call.version))


@router.add("GET", "limits")
def limits(org: Org, call: Call) -> Answer:
    """Return the org's limits; those that the simulator does not use up are whole."""
    del call
    daily = org.options.daily_limit
    whole = {
        "ConcurrentAsyncGetReportInstances": 200,
        "DailyAsyncApexExecutions": 250_000,
        "DailyBulkApiBatches": 15_000,
        "DailyBulkV2QueryJobs": 10_000,
        "DailyBulkV2QueryFileStorageMB": 976_562,
        "DailyStreamingApiEvents": 10_000,
        "DataStorageMB": 5,
        "FileStorageMB": 20,
        "HourlyODataCallout": 1_000,
        "MassEmail": 10,
        "SingleEmail": 15,
    }
    body = {"DailyApiRequests": {"Max": daily, "Remaining": max(0, daily - org.usage.used())}}
    return Answer(body=body | {name: {"Max": size, "Remaining": size} for name, size in whole.items()})


@router.add("GET", "limits/recordCount")
def record_count(org: Org, call: Call) -> Answer:
    """Return how many records objects have; unknown ones and those that never had any are left out (recorded)."""
    names = [name for name in call.params.get("sObjects", "").split(",") if name]
    objects = [org.visible.get(name.strip()) for name in names] if names else list(org.visible.objects.values())
    counts = []
    for sobject in objects:
        if sobject is None or sobject.field("Id") is None:
            continue
        sql = f'SELECT COUNT(*), IFNULL(SUM("IsDeleted" = 0), 0) FROM "{sobject.name}"'
        ever, count = org.database.one(sql)
        if ever:
            counts.append({"count": count, "name": sobject.name})
    return Answer(body={"sObjects": counts})
