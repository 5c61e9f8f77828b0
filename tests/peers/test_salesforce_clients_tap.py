"""Singer's tap-salesforce, unmodified, with its login URL hard-coded: through a proxy to the simulated org over TLS."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from crocevia_salesforce.simulator import Options, Simulator, make_certificate, running_proxy, running_simulator

pytestmark = pytest.mark.peers
VERSION = "2.8.1"
STREAMS = ("Account", "Contact", "Interaction__c")
PEOPLE = 204


@pytest.fixture(scope="module")
def tap() -> Path:
    """The tap's program, in a virtual environment of its own: it pins what the project uses newer."""
    folder = Path(__file__).parents[2] / ".cache" / "salesforce-peers" / "tap"
    program = folder / "bin" / "tap-salesforce"
    if not program.exists():
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [f"{folder}/bin/pip", "install", "-q", f"tap-salesforce=={VERSION}"],
        ):
            done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
            if done.returncode:
                pytest.skip(f"tap-salesforce cannot be installed: {done.stderr[-300:]}")
    return program


@pytest.fixture
def org(tmp_path: Path) -> Iterator[tuple[Simulator, dict[str, str], Path]]:
    """An org with records, the environment that leads a client there, and the tap's configuration."""
    tls = make_certificate(tmp_path)
    with running_simulator(Options(), tls=tls) as sim, running_proxy(urlsplit(sim.url).port or 0) as proxy:
        (account,) = sim.admin.create("Account", {"Name": "Alfa", "NumberOfEmployees": 12})
        people = [{"LastName": f"N{n:03d}", "AccountId": account, "Birthdate": "2000-01-02"} for n in range(PEOPLE)]
        contacts = sim.admin.create("Contact", people)
        sim.admin.create("Interaction__c", [{"Contact__c": contacts[0], "Body__c": "ciao", "Duration_Seconds__c": 5}])
        options = sim.org.options
        client = {"client_id": options.client_id, "client_secret": options.client_secret}
        form = {**client, "grant_type": "password", "username": options.username, "password": options.password}
        token = requests.post(f"{sim.url}/services/oauth2/token", data=form, verify=str(tls[0]), timeout=10).json()
        config = {
            **client,
            "refresh_token": token["refresh_token"],
            "start_date": "2020-01-01T00:00:00Z",
            "api_type": "REST",
        }
        path = tmp_path / "config.json"
        path.write_text(json.dumps({**config, "select_fields_by_default": "true"}))
        environment = {**os.environ, "HTTPS_PROXY": proxy, "REQUESTS_CA_BUNDLE": str(tls[0]), "NO_PROXY": ""}
        yield sim, environment, path


def run(tap: Path, environment: dict[str, str], *arguments: str) -> str:
    """Run the tap and return what it prints."""
    done = subprocess.run(
        [str(tap), *arguments], capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def select(catalog: dict[str, Any]) -> None:
    """Select the streams in a catalog, with all of their fields."""
    for stream in catalog["streams"]:
        if stream["tap_stream_id"] in STREAMS:
            for entry in stream["metadata"]:
                if entry["metadata"].get("inclusion") != "unsupported":
                    entry["metadata"]["selected"] = True


def test_discover_and_sync(tap: Path, org: tuple[Simulator, dict[str, str], Path], tmp_path: Path) -> None:
    """The tap discovers the objects and brings every record of three of them, with its values."""
    sim, environment, config = org
    catalog = json.loads(run(tap, environment, "--config", str(config), "--discover"))
    assert {stream["tap_stream_id"] for stream in catalog["streams"]} >= set(STREAMS)
    select(catalog)
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    printed = run(tap, environment, "--config", str(config), "--properties", str(tmp_path / "catalog.json"))
    messages = [json.loads(line) for line in printed.splitlines()]
    records = [message for message in messages if message["type"] == "RECORD"]
    assert Counter(message["stream"] for message in records) == {"Account": 1, "Contact": PEOPLE, "Interaction__c": 1}
    by_stream = {message["stream"]: message["record"] for message in records}
    assert {message["record"]["LastName"] for message in records if message["stream"] == "Contact"} == {
        f"N{n:03d}" for n in range(PEOPLE)
    }
    assert (by_stream["Account"]["Name"], by_stream["Account"]["NumberOfEmployees"]) == ("Alfa", 12)
    assert by_stream["Contact"]["Birthdate"].startswith("2000-01-02")
    interaction = by_stream["Interaction__c"]
    (stored,) = sim.admin.query("SELECT Id, Contact__c FROM Interaction__c")
    assert (interaction["Id"], interaction["Contact__c"]) == (stored["Id"], stored["Contact__c"])
    assert (interaction["Body__c"], interaction["Duration_Seconds__c"]) == ("ciao", 5.0)
    assert [call["path"] for call in sim.admin.calls() if call["status"] >= 400] == []
