"""Requests that no client means: every one is refused in the org's own words, none is stumbled over."""

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crocevia_salesforce.simulator.clock import stamp
from tests.plugins.salesforce_simulator.conftest import Api

PATIENT = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([10**30, 2**63, -1, 1e300, "", "nan", "Infinity", "1e400", "\0", "é" * 300, "9999-12-31", [], {}]),
    st.text(max_size=20).filter(lambda text: text.isprintable()),
    st.lists(st.none() | st.integers(), max_size=2),
)
NAMES = st.sampled_from(
    ["LastName", "Email", "Id", "Birthdate", "Account", "AccountId", "attributes", "DoNotCall", "Crocevia_Revision__c"]
)
RECORD = st.dictionaries(NAMES, ODD | st.dictionaries(NAMES, ODD, max_size=2), max_size=4)
ROUTES = st.sampled_from(
    [
        ("POST", "sobjects/Contact"),
        ("PATCH", "sobjects/Contact/Crocevia_Key__c/x"),
        ("PATCH", "sobjects/Contact/003Cv0000000001IAA"),
        ("POST", "composite/sobjects/Contact"),
        ("POST", "jobs/query"),
        ("POST", "jobs/ingest"),
        ("POST", "parameterizedSearch"),
    ]
)
LISTS = st.sampled_from(
    [
        ("POST", "composite/sobjects", "records"),
        ("PATCH", "composite/sobjects", "records"),
        ("PATCH", "composite/sobjects/Contact/Crocevia_Key__c", "records"),
        ("POST", "composite", "compositeRequest"),
        ("POST", "composite/batch", "batchRequests"),
        ("POST", "composite/graph", "graphs"),
    ]
)
PART = st.dictionaries(
    st.sampled_from(["method", "url", "referenceId", "body", "httpHeaders", "attributes", "compositeRequest"]),
    ODD | st.sampled_from(["GET", "/services/data/v60.0/limits", "http://[", "@{a.b}", "a"]),
    max_size=5,
)
_SOQL = """
SELECT FROM WHERE Contact Id LastName ( ) , = LIKE IN NOT AND OR 'a' null 1 1e400 LIMIT OFFSET ORDER BY GROUP
HAVING COUNT(Id) LAST_N_DAYS:999999999999 LAST_N_YEARS:9000 2020-13-01 0001-01-01T00:00:00+10:00 SystemModstamp
FIELDS(ALL) Account.Name a.b.c.d.e.f.g 99999999999999999999 é \0 ٣
"""
WORDS = st.sampled_from(_SOQL.split())


def check(api: Api, method: str, path: str, **more: Any) -> None:
    """Send a request; whatever the answer, it is no failure of the server, and refusals have the org's shape."""
    answer = api.call(method, path, **more)
    assert answer.status_code < 500, (method, path, more, answer.text)
    if answer.status_code >= 400:
        assert set(answer.json()[0]) >= {"errorCode", "message"}


@given(route=ROUTES, record=RECORD | ODD)
@PATIENT
def test_odd_records(api: Api, route: tuple[str, str], record: Any) -> None:
    """Values of no type, numbers without end, names that are none."""
    check(api, *route, json=record)


@given(route=LISTS, parts=st.lists(PART | RECORD | ODD, max_size=3) | ODD)
@PATIENT
def test_odd_batches(api: Api, route: tuple[str, str, str], parts: Any) -> None:
    """Batches whose parts are not what they should be."""
    method, path, name = route
    check(api, method, path, json={name: parts, "allOrNone": True})


@given(words=st.lists(WORDS, max_size=10), start=st.sampled_from(["", "SELECT Id FROM Contact WHERE "]))
@PATIENT
def test_odd_statements(api: Api, words: list[str], start: str) -> None:
    """Words of SOQL in any order."""
    check(api, "GET", "query", params={"q": start + " ".join(words)})
    check(api, "GET", "search", params={"q": "FIND {" + " ".join(words)})


@given(path=st.lists(st.text(max_size=12), max_size=5), method=st.sampled_from(["GET", "POST", "PUT", "OPTIONS"]))
@PATIENT
def test_odd_addresses(api: Api, path: list[str], method: str) -> None:
    """Addresses that lead nowhere."""
    check(api, method, "/".join(part.encode("utf-8", "replace").hex() for part in path) or "x", data=b"\xff")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "query?q=SELECT Id FROM Contact WHERE " + "(" * 3000),
        ("GET", "query?q=SELECT Id FROM Contact WHERE " + "NOT " * 3000 + "Id = null"),
        ("GET", "query/0r8Cv0000000001IAA-" + "9" * 40),
        ("GET", "jobs/query/750Cv0000000001IAA/results?locator=x"),
        ("GET", "sobjects/Contact/updated?start=0001-01-01T00:00:00%2B23:59&end=9999-12-31T23:59:59-23:59"),
        ("GET", "composite/sobjects/Contact?ids=%00&fields=%00"),
    ],
)
def test_depths_and_ends_of_time(api: Api, method: str, path: str) -> None:
    """What is deeper or later than can be counted is refused, too."""
    check(api, method, path)


def test_long_conditions_run(api: Api) -> None:
    """Two thousand alternatives are a long statement, not a deep one."""
    wanted = api.create("Contact", LastName="N1999")
    condition = " OR ".join(f"LastName = 'N{n}'" for n in range(2000))
    assert [row["Id"] for row in api.query(f"SELECT Id FROM Contact WHERE {condition}")] == [wanted]


@pytest.mark.parametrize("data", [b'{"a":' * 5000, b"[" * 5000, b"\xff\xfe", b'{"LastName":1e999}', b"{}x", b""])
def test_broken_json(api: Api, data: bytes) -> None:
    """Bodies that are no JSON, or only nearly."""
    check(api, "POST", "sobjects/Contact", data=data, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(
    "data",
    [
        b"LastName\na,b,c\n",
        b"LastName,LastName\na,b\n",
        b"Nothing\na\n",
        b'LastName\n"a',
        "LastName\né".encode("latin-1"),
        b"LastName\n" + b"x" * 200_000,
        b"",
        b"LastName,AnnualRevenue\na,nan\n",
    ],
)
def test_a_broken_job_does_not_stop_the_next(api: Api, data: bytes) -> None:
    """Each job ends, well or badly, and the one behind it is worked."""
    states = []
    for csv in (data, b"LastName\nGood\n"):
        job = api.call("POST", "jobs/ingest", json={"object": "Contact", "operation": "insert"}).json()["id"]
        api.call("PUT", f"jobs/ingest/{job}/batches", data=csv, headers={"Content-Type": "text/csv"})
        api.call("PATCH", f"jobs/ingest/{job}", json={"state": "UploadComplete"})
        until = time.monotonic() + 10
        while (state := api.call("GET", f"jobs/ingest/{job}").json()["state"]) not in {"JobComplete", "Failed"}:
            assert time.monotonic() < until, f"stuck in {state} since {stamp(api.sim.org.clock.now())}"
            time.sleep(0.02)
        states.append(state)
        for name in ("successfulResults", "failedResults", "unprocessedrecords"):
            assert api.call("GET", f"jobs/ingest/{job}/{name}").status_code == 200
    assert states[-1] == "JobComplete"
    assert api.query("SELECT COUNT(Id) n FROM Contact WHERE LastName = 'Good'")[0]["n"] == 1


def test_a_fault_of_the_simulator_itself_fails_one_job(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks while a job is worked, the job is told to have failed, and the worker lives on."""

    def broken(*_: Any) -> Any:
        raise RuntimeError("a defect")

    states = []
    for healthy in (False, True):
        with monkeypatch.context() as patch:
            if not healthy:
                patch.setattr("crocevia_salesforce.simulator.jobs.apply", broken)
            job = api.call("POST", "jobs/ingest", json={"object": "Contact", "operation": "insert"}).json()["id"]
            api.call("PUT", f"jobs/ingest/{job}/batches", data=b"LastName\nA\n", headers={"Content-Type": "text/csv"})
            api.call("PATCH", f"jobs/ingest/{job}", json={"state": "UploadComplete"})
            until = time.monotonic() + 10
            while (told := api.call("GET", f"jobs/ingest/{job}").json())["state"] not in {"JobComplete", "Failed"}:
                assert time.monotonic() < until, told
                time.sleep(0.02)
        states.append(told["state"])
    assert states == ["Failed", "JobComplete"]
