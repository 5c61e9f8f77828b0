"""Bulk API 1: jobs in XML or JSON, batches in CSV or JSON."""

import csv
import io
import time
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import requests

from tests.plugins.salesforce_simulator.conftest import Api

ASYNC = "/services/async/60.0"
NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"


def parse(body: bytes) -> ET.Element:
    """Read the XML of an answer."""
    return ET.fromstring(body)  # noqa: S314  # the simulated org's own


def send(api: Api, method: str, path: str, content: str = "application/json", **more: Any) -> requests.Response:
    """Send a Bulk 1 request with the session in the header that is its own."""
    token = str(api.session.headers["Authorization"]).split()[1]
    headers = {"X-SFDC-Session": token, "Content-Type": content}
    return requests.request(method, f"{api.sim.url}{ASYNC}/{path}", headers=headers, timeout=30, **more)


def open_job(api: Api, **job: str) -> str:
    """Open a job in JSON and return its id."""
    made = send(api, "POST", "job", json={"object": "Contact", "contentType": "JSON", **job})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def ended(api: Api, job: str, batch: str) -> dict[str, Any]:
    """Wait until a batch has ended, for ten seconds at most."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        found: dict[str, Any] = send(api, "GET", f"job/{job}/batch/{batch}").json()
        if found["state"] in {"Completed", "Failed", "NotProcessed"}:
            return found
        time.sleep(0.02)
    raise AssertionError("the batch did not end")


def work(api: Api, rows: Any, **job: str) -> tuple[dict[str, Any], list[Any]]:
    """Send one batch of a JSON job; return how it ended and its results."""
    job_id = open_job(api, **job)
    batch = send(api, "POST", f"job/{job_id}/batch", json=rows).json()["id"]
    state = ended(api, job_id, batch)
    return state, send(api, "GET", f"job/{job_id}/batch/{batch}/result").json()


@pytest.mark.behaviour("recorded", "Bulk 1: jobs and batches with their states and counts; a result a row")
def test_rows_in_json(api: Api) -> None:
    """Insert, upsert and delete, with a row that fails for itself."""
    state, results = work(api, [{"LastName": "A"}, {"LastName": "B", "Email": "bad"}], operation="insert")
    assert (state["state"], state["numberRecordsProcessed"], state["numberRecordsFailed"]) == ("Completed", 2, 1)
    assert [(row["success"], row["created"], bool(row["id"])) for row in results] == [
        (True, True, True),
        (False, False, False),
    ]
    assert (results[1]["errors"][0]["statusCode"], results[1]["errors"][0]["fields"]) == (
        "INVALID_EMAIL_ADDRESS",
        ["Email"],
    )
    upsert = {"operation": "upsert", "externalIdFieldName": "Crocevia_Key__c"}
    for created in (True, False):
        _, (row,) = work(api, [{"LastName": "C", "Crocevia_Key__c": "k"}], **upsert)
        assert row["created"] is created
    _, (gone,) = work(api, [{"Id": results[0]["id"]}], operation="delete")
    assert (gone["success"], api.sim.admin.count("Contact")) == (True, 1)


@pytest.mark.behaviour("recorded", "Bulk 1 in XML and CSV; a closed job takes no more batches")
def test_xml_job_with_csv(api: Api) -> None:
    """The oldest way: jobInfo in XML, rows and results in CSV."""
    info = f'<jobInfo xmlns="{NAMESPACE}"><operation>insert</operation><object>Contact</object>'
    made = send(api, "POST", "job", "application/xml", data=f"{info}<contentType>CSV</contentType></jobInfo>")
    job = parse(made.content)
    assert (made.status_code, job.tag, job.findtext(f"{{{NAMESPACE}}}state")) == (
        201,
        f"{{{NAMESPACE}}}jobInfo",
        "Open",
    )
    path = f"job/{job.findtext(f'{{{NAMESPACE}}}id')}"
    batch = send(api, "POST", f"{path}/batch", "text/csv", data="LastName,Email\nA,#N/A\n,a@example.com\n")
    batch_id = parse(batch.content).findtext(f"{{{NAMESPACE}}}id")
    until = time.monotonic() + 10
    state = ""
    while state != "Completed" and time.monotonic() < until:
        told = parse(send(api, "GET", f"{path}/batch/{batch_id}", "application/xml").content)
        state = told.findtext(f"{{{NAMESPACE}}}state") or ""
    rows = list(csv.DictReader(io.StringIO(send(api, "GET", f"{path}/batch/{batch_id}/result").text)))
    assert [(row["Success"], row["Created"], row["Error"][:23]) for row in rows] == [
        ("true", "true", ""),
        ("false", "false", "REQUIRED_FIELD_MISSING:"),
    ]
    close = f'<jobInfo xmlns="{NAMESPACE}"><state>Closed</state></jobInfo>'
    send(api, "POST", path, "application/xml", data=close)
    refused = send(api, "POST", f"{path}/batch", "text/csv", data="LastName\nB\n")
    assert (refused.status_code, parse(refused.content)[0].text) == (400, "InvalidJobState")


@pytest.mark.behaviour("recorded", "Bulk 1 query: a list of results, dateTimes of JSON in milliseconds")
def test_query(api: Api) -> None:
    """A query is a batch whose rows are its statement."""
    api.create("Contact", LastName="A")
    job = open_job(api, operation="query")
    batch = send(api, "POST", f"job/{job}/batch", data="SELECT Id, LastName, CreatedDate FROM Contact").json()["id"]
    assert ended(api, job, batch)["state"] == "Completed"
    (result,) = send(api, "GET", f"job/{job}/batch/{batch}/result").json()
    (record,) = send(api, "GET", f"job/{job}/batch/{batch}/result/{result}").json()
    assert (record["LastName"], isinstance(record["CreatedDate"], int)) == ("A", True)


@pytest.mark.behaviour("documented", "Bulk 1 refuses in its own shape: exceptionCode and exceptionMessage, HTTP 400")
def test_what_is_wrong_is_refused(api: Api) -> None:
    """Wrong jobs at once, wrong batches when they are worked; no session in the words of Bulk 1."""
    wrong = [
        ({"operation": "explode", "object": "Contact", "contentType": "CSV"}, "InvalidJob"),
        ({"operation": "insert", "object": "Nothing", "contentType": "CSV"}, "InvalidEntity"),
        ({"operation": "upsert", "object": "Contact", "contentType": "CSV"}, "InvalidJob"),
        ({"operation": "insert", "object": "Contact", "contentType": "XML"}, "InvalidJob"),
    ]
    for body, code in wrong:
        answer = send(api, "POST", "job", json=body)
        assert (answer.status_code, answer.json()["exceptionCode"]) == (400, code)
    for rows in ("{", "[1]", "x"):
        job = open_job(api, operation="insert")
        batch = send(api, "POST", f"job/{job}/batch", data=rows).json()["id"]
        assert ended(api, job, batch)["state"] == "Failed"
    answer = requests.get(f"{api.sim.url}{ASYNC}/job/x", headers={"X-SFDC-Session": "gone"}, timeout=10)
    assert (answer.status_code, "<exceptionCode>InvalidSessionId<" in answer.text) == (400, True)


def test_an_aborted_job_leaves_the_rest_undone(api: Api) -> None:
    """Batches that have not begun are not worked after an abort."""
    with api.sim.org.lock:
        job = api.sim.org.jobs.create(
            "bulk1",
            "Open",
            {"operation": "insert", "object": "Contact", "externalIdFieldName": None, "contentType": "JSON"},
        )
        batch = api.sim.org.batches.add(job["id"], b'[{"LastName": "A"}]')
        api.sim.org.batches.abort(job["id"])
    assert ended(api, job["id"], batch)["state"] == "NotProcessed"
    assert api.sim.admin.count("Contact") == 0
