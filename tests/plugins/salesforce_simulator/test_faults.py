"""Faults on demand, and a ledger that misses nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from crocevia_salesforce.simulator import Options, running_simulator
from tests.plugins.salesforce_simulator.conftest import Api

ROOTS = os.pathsep.join(str(Path(__file__).parents[3] / name) for name in ("core", "plugins", "contrib"))


@pytest.mark.behaviour("documented", "Faults of the edge: 503 HTML, 406 and 420 without JSON, 500; nothing is done")
@pytest.mark.parametrize(
    ("kind", "status"), [("unavailable", 503), ("not_acceptable", 406), ("enhance_calm", 420), ("server_error", 500)]
)
def test_faults_of_the_edge(api: Api, kind: str, status: int) -> None:
    """The edge answers without JSON, and nothing has happened behind it."""
    api.sim.admin.fault(kind, "POST", times=1)
    answer = api.call("POST", "sobjects/Contact", json={"LastName": "A"})
    assert (answer.status_code, "json" in answer.headers["Content-Type"]) == (status, False)
    assert api.sim.admin.count("Contact") == 0
    api.create("Contact", LastName="A")


@pytest.mark.behaviour(
    "documented", "A cut connection: before anything is done, after the commit, or half-way through the answer"
)
def test_cut_connections(api: Api) -> None:
    """Three cuts look alike to a client; the ledger knows which of them did something."""
    for kind, done in (("drop_before", 0), ("commit_then_drop", 1), ("truncate", 2)):
        api.sim.admin.fault(kind, "POST", times=1)
        with pytest.raises(requests.exceptions.RequestException):
            api.call("POST", "sobjects/Contact", json={"LastName": kind}, headers={"Connection": "close"})
        assert api.sim.admin.count("Contact") == done
        assert len(api.sim.admin.mutations()) == done
    assert [call["sent"] for call in api.sim.admin.calls()[-2:]] == ["dropped", "truncated"]


@pytest.mark.behaviour("assumed", "Row locks: UNABLE_TO_LOCK_ROW on single rows, seeded; 500 for a whole request")
def test_row_locks_are_seeded() -> None:
    """The same seed locks the same rows again."""
    records = [{"LastName": f"N{n}"} for n in range(40)]
    outcomes = []
    for _ in range(2):
        with running_simulator(Options(seed=5)) as sim:
            api = Api.of(sim)
            with api.session:
                sim.admin.fault("row_lock", "create Contact", probability=0.3)
                rows = api.rows("POST", "composite/sobjects", "Contact", records)
                outcomes.append([row["success"] for row in rows])
                codes = {row["errors"][0]["statusCode"] for row in rows if not row["success"]}
                assert codes == {"UNABLE_TO_LOCK_ROW"}
                assert sim.admin.count("Contact") == sum(outcomes[-1])
    assert outcomes[0] == outcomes[1]
    assert 0 < sum(outcomes[0]) < 40


@pytest.mark.behaviour("documented", "An ended session: 401 INVALID_SESSION_ID until a new token")
def test_sessions_end(api: Api) -> None:
    """A session that has ended is refused, a new one is not."""
    api.sim.admin.fault("expire_session", "GET", times=1)
    assert api.error("GET", "limits") == (401, "INVALID_SESSION_ID", "Session expired or invalid")
    assert api.error("GET", "limits")[0] == 401
    again = Api.of(api.sim)
    with again.session:
        assert again.call("GET", "limits").status_code == 200


@pytest.mark.behaviour("documented", "The limit header can be missing or stale")
def test_limit_header_faults(api: Api) -> None:
    """A header that is not there, or stands still, is a gauge's way."""
    api.sim.admin.fault("no_limit_header", "GET", times=1)
    assert "Sforce-Limit-Info" not in api.call("GET", "limits").headers
    api.sim.admin.set_faults([{"kind": "stale_limit_header"}])
    assert len({api.call("GET", "limits").headers["Sforce-Limit-Info"] for _ in range(5)}) == 1


def test_a_wrong_fault_is_refused(api: Api) -> None:
    """A rule that is not understood is not taken for no rule."""
    answer = requests.post(f"{api.sim.url}/_simulator/faults", json={"kind": "earthquake"}, timeout=10)
    assert answer.status_code == 400
    with pytest.raises(ValueError, match="unknown keys wen"):
        api.sim.admin.fault("lock", wen="now")


def start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start a simulator as a process of its own; return it and its URL."""
    command = [
        sys.executable,
        "-m",
        "crocevia_salesforce.simulator",
        "--store",
        f"{folder}/org.db",
        "--ledger",
        str(folder),
        "--connection",
        "crm",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": ROOTS})
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_the_org_and_its_ledger_outlive_a_kill(tmp_path: Path) -> None:
    """After kill -9 the org has its records and sessions, and the ledger every committed mutation, once."""
    process, url = start(tmp_path)
    form = {"grant_type": "client_credentials", "client_id": "crocevia", "client_secret": "simulated-secret"}
    token = requests.post(f"{url}/services/oauth2/token", data=form, timeout=10).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    for number in range(20):
        made = requests.post(
            f"{url}/services/data/v60.0/sobjects/Contact", json={"LastName": f"N{number}"}, headers=headers, timeout=10
        )
        assert made.status_code == 201
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    lines = (tmp_path / "crm_mutations.jsonl").read_text().splitlines()
    assert [json.loads(line)["values"]["LastName"] for line in lines] == [f"N{n}" for n in range(20)]
    # a line that was cut by the kill, and one that was never written, are made good at the next start
    (tmp_path / "crm_mutations.jsonl").write_text("\n".join(lines[:18]) + "\n" + lines[18][:30])
    process, url = start(tmp_path)
    found = requests.get(
        f"{url}/services/data/v60.0/query?q=SELECT COUNT() FROM Contact", headers=headers, timeout=10
    ).json()
    process.terminate()
    process.communicate(timeout=10)
    assert found["totalSize"] == 20
    assert (tmp_path / "crm_mutations.jsonl").read_text().splitlines() == lines
    calls = [json.loads(line) for line in (tmp_path / "crm_calls.jsonl").read_text().splitlines()]
    assert [(call["method"], call["write"], call["api"]) for call in calls[1:]] == [("POST", True, True)] * 20 + [
        ("GET", False, True)
    ]
    assert {call["connection"] for call in calls} == {"crm"}


def test_a_composite_of_reads_is_no_write(api: Api) -> None:
    """The ledger says of a Composite whether any part of it could change a record."""
    url = "/services/data/v60.0/query?q=SELECT Id FROM Contact"
    part = {"method": "GET", "url": url, "referenceId": "a"}
    api.call("POST", "composite", json={"compositeRequest": [part]})
    assert [(call["write"], call["subrequests"]) for call in api.sim.admin.calls()[-1:]] == [(False, 1)]


@pytest.mark.behaviour("assumed", "A slow answer comes late and is whole; a fault meets only the routes it names")
def test_slow_answers(api: Api) -> None:
    """The record is made, the answer waits; other routes do not."""
    api.sim.admin.fault("slow", "POST .*Contact", times=1, seconds=0.4)
    assert api.call("GET", "limits").elapsed.total_seconds() < 0.4
    answer = api.call("POST", "sobjects/Contact", json={"LastName": "A"})
    assert (answer.status_code, answer.elapsed.total_seconds() >= 0.4) == (201, True)


def test_faults_of_a_whole_request_and_of_a_row(api: Api) -> None:
    """A lock and either limit refuse a request before anything is done; a row's error has the code that was planned."""
    for kind, status, code in (
        ("lock", 500, "UNABLE_TO_LOCK_ROW"),
        ("total_limit", 403, "REQUEST_LIMIT_EXCEEDED"),
        ("concurrent_limit", 403, "REQUEST_LIMIT_EXCEEDED"),
    ):
        api.sim.admin.fault(kind, "POST", times=1)
        assert api.error("POST", "sobjects/Contact", json={"LastName": "A"})[:2] == (status, code)
    api.sim.admin.fault(
        "row_error", "create Contact", after=1, times=1, code="CANNOT_EXECUTE_FLOW_TRIGGER", message="m"
    )
    rows = api.rows("POST", "composite/sobjects", "Contact", [{"LastName": name} for name in "ABC"])
    assert [row["success"] for row in rows] == [True, False, True]
    assert [(error["statusCode"], error["message"]) for error in rows[1]["errors"]] == [
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "m")
    ]
    assert api.sim.admin.count("Contact") == 2


def test_a_request_can_be_refused_for_any_reason(api: Api) -> None:
    """With the code, the words and the status that a test wants; a login in the two words of OAuth."""
    api.sim.admin.fault("refused", "GET .*limits", code="API_DISABLED_FOR_ORG", message="no", status=403)
    api.sim.admin.fault("refused", "oauth2/token", code="invalid_grant", message="ip restricted")

    refused = requests.post(f"{api.sim.url}/services/oauth2/token", data={}, timeout=10)

    assert api.error("GET", "limits") == (403, "API_DISABLED_FOR_ORG", "no")
    assert refused.json() == {"error": "invalid_grant", "error_description": "ip restricted"}
