"""Bulk 2.0: jobs that are worked off beside the requests, and go on after a restart."""

import csv
import io
import time
from pathlib import Path
from typing import Any

import pytest

from crocevia_salesforce.simulator import Options, running_simulator
from crocevia_salesforce.simulator.org import Org
from tests.plugins.salesforce_simulator.conftest import Api

INGEST = {"object": "Contact", "operation": "upsert", "externalIdFieldName": "Crocevia_Key__c"}


def load(api: Api, text: str, **job: str) -> dict[str, Any]:
    """Run an ingest job to its end and return how it stands."""
    job_id = api.call("POST", "jobs/ingest", json={**INGEST, **job}).json()["id"]
    path = f"jobs/ingest/{job_id}"
    assert (
        api.call("PUT", f"{path}/batches", data=text.encode(), headers={"Content-Type": "text/csv"}).status_code == 201
    )
    assert api.call("PATCH", path, json={"state": "UploadComplete"}).json()["state"] == "UploadComplete"
    return wait(api, path)


def wait(api: Api, path: str) -> dict[str, Any]:
    """Wait until a job has ended."""
    for _ in range(400):
        job: dict[str, Any] = api.call("GET", path).json()
        if job["state"] in {"JobComplete", "Failed", "Aborted"}:
            return job
        time.sleep(0.02)
    raise AssertionError(job)


def read(api: Api, path: str) -> list[dict[str, str]]:
    """Return a CSV answer's rows."""
    return list(csv.DictReader(io.StringIO(api.call("GET", path).text)))


@pytest.mark.behaviour(
    "documented",
    "Bulk 2.0 ingest: states, counts, successfulResults and failedResults; empty cells say nothing, #N/A clears",
)
def test_ingest(api: Api) -> None:
    """Rows are saved or fail each for itself, and the results say which."""
    api.create("Contact", LastName="Old", Title="Dr", Phone="1", Crocevia_Key__c="k1")
    rows = "".join(f"n{n},N{n},,,\n" for n in range(450))
    job = load(api, "Crocevia_Key__c,LastName,Title,Phone,Email\nk1,,#N/A,,\nk2,,,,\nk3,A,,,bad\n" + rows)
    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == ("JobComplete", 453, 2)
    assert api.query("SELECT LastName, Title, Phone FROM Contact WHERE Crocevia_Key__c = 'k1'") == [
        {"LastName": "Old", "Title": None, "Phone": "1"},
    ]
    good = read(api, f"jobs/ingest/{job['id']}/successfulResults")
    assert [good[0]["sf__Created"], good[1]["sf__Created"], len(good)] == ["false", "true", 451]
    failed = read(api, f"jobs/ingest/{job['id']}/failedResults/")
    assert [row["sf__Error"] for row in failed] == [
        "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --",
        "INVALID_EMAIL_ADDRESS:Email: invalid email address: bad:Email --",
    ]
    assert read(api, f"jobs/ingest/{job['id']}/unprocessedrecords") == []


@pytest.mark.behaviour("documented", "Bulk 2.0: an unknown column fails the whole job; wrong jobs are refused at once")
def test_wrong_jobs(api: Api) -> None:
    """What cannot work is said when the job is opened, or fails as a whole."""
    job = load(api, "LastName,Foo\nA,1\n", operation="insert")
    assert (job["state"], job["errorMessage"]) == ("Failed", "InvalidBatch : Field name not found : Foo")
    assert api.error("POST", "jobs/ingest", json={**INGEST, "operation": "merge"})[1] == "INVALIDJOB"
    assert api.error("POST", "jobs/ingest", json={**INGEST, "object": "Nothing"})[1] == "INVALIDENTITY"
    assert api.error("POST", "jobs/ingest", json={**INGEST, "externalIdFieldName": "Phone"})[1] == "INVALIDJOB"
    assert api.error("PATCH", f"jobs/ingest/{job['id']}", json={"state": "Aborted"})[1] == "INVALIDJOBSTATE"
    grouped = {"operation": "query", "query": "SELECT COUNT(Id) FROM Contact"}
    assert api.error("POST", "jobs/query", json=grouped)[:2] == (400, "API_ERROR")


@pytest.mark.behaviour(
    "documented", "Bulk 2.0 query: pages by Sforce-Locator until null, parents by dotted columns, dateTimes end in Z"
)
def test_query(api: Api) -> None:
    """All rows come over pages, and the last page says so."""
    account = api.create("Account", Name="Alfa, Beta")
    api.sim.admin.create("Contact", [{"LastName": f"N{n:03d}", "AccountId": account} for n in range(250)])
    statement = "SELECT LastName, Account.Name, CreatedDate FROM Contact ORDER BY LastName"
    job = api.call("POST", "jobs/query", json={"operation": "query", "query": statement}).json()
    assert wait(api, f"jobs/query/{job['id']}")["numberRecordsProcessed"] == 250
    rows, locator = [], ""
    while locator != "null":
        page = api.call("GET", f"jobs/query/{job['id']}/results", params={"maxRecords": "100", "locator": locator})
        rows += list(csv.DictReader(io.StringIO(page.text)))
        locator = page.headers["Sforce-Locator"]
    assert [row["LastName"] for row in rows] == [f"N{n:03d}" for n in range(250)]
    assert rows[0]["Account.Name"] == "Alfa, Beta"
    assert rows[0]["CreatedDate"].endswith(".000Z")


def test_a_job_goes_on_after_a_restart(tmp_path: Path) -> None:
    """A job whose simulator was stopped half-way is finished by the next one, each row once."""
    options = Options(store=tmp_path / "org.db")
    org = Org(options)
    info = {"operation": "insert", "object": "Contact", "lineEnding": "LF", "columnDelimiter": "COMMA"}
    job = org.jobs.create("ingest", "UploadComplete", {**info, "contentType": "CSV"})
    org.jobs.upload(job["id"], ("LastName\n" + "".join(f"N{n:03d}\n" for n in range(500))).encode())
    assert org.jobs.step() is True
    org.close()
    with running_simulator(options) as sim:
        api = Api.of(sim)
        with api.session:
            assert wait(api, f"jobs/ingest/{job['id']}")["numberRecordsProcessed"] == 500
        names = [row["LastName"] for row in sim.admin.query("SELECT LastName FROM Contact ORDER BY LastName")]
    assert names == [f"N{n:03d}" for n in range(500)]
