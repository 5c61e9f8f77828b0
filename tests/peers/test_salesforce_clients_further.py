"""Further clients, unmodified, each in a virtual environment of its own: Bulk API 1, and Airbyte's source."""

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

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("salesforce-further")]
HERE = Path(__file__).parent


def installed(name: str, requirement: str) -> Path:
    """Return the programs of a client's environment, made once; skip where it cannot be had."""
    folder = HERE.parents[1] / ".cache" / "salesforce-peers" / name
    if not (folder / "installed").exists():
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [f"{folder}/bin/pip", "install", "-q", requirement],
        ):
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
            except subprocess.TimeoutExpired:
                pytest.skip(f"{requirement} cannot be installed in 400 seconds")
            if done.returncode:
                pytest.skip(f"{requirement} cannot be installed: {done.stderr[-300:]}")
        (folder / "installed").touch()
    return folder / "bin"


@pytest.fixture
def org(tmp_path: Path) -> Iterator[tuple[Simulator, dict[str, str], Path]]:
    """An org over TLS, the environment that leads a client there, and its certificate."""
    tls = make_certificate(tmp_path)
    with running_simulator(Options(), tls=tls) as sim, running_proxy(urlsplit(sim.url).port or 0) as proxy:
        yield sim, {**os.environ, "HTTPS_PROXY": proxy, "REQUESTS_CA_BUNDLE": str(tls[0]), "NO_PROXY": ""}, tls[0]


def run(environment: dict[str, str], *command: str | Path) -> str:
    """Run a client's program and return what it prints."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=150, check=False, env=environment
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def test_salesforce_bulk(org: tuple[Simulator, dict[str, str], Path]) -> None:
    """salesforce-bulk inserts in CSV, reads its results, closes the job and queries in JSON."""
    sim, environment, _ = org
    options = sim.org.options
    program = installed("bulk1", "salesforce-bulk==2.2.0") / "python"
    user = (options.username, options.password, options.security_token)
    found = json.loads(run(environment, program, HERE / "salesforce_clients_bulk.py", *user))
    assert found == {"saved": [299, 1], "error": "INVALID_EMAIL_ADDRESS", "state": "Closed", "names": ["N0", "N1"]}
    assert sim.admin.count("Contact") == 299


def configuration(sim: Simulator, certificate: Path) -> dict[str, Any]:
    """Return Airbyte's configuration with a refresh token of its own: it is good once."""
    options = sim.org.options
    client = {"client_id": options.client_id, "client_secret": options.client_secret}
    form = {**client, "grant_type": "password", "username": options.username, "password": options.password}
    token = requests.post(f"{sim.url}/services/oauth2/token", data=form, verify=str(certificate), timeout=10).json()
    return {
        **client,
        "refresh_token": token["refresh_token"],
        "auth_type": "Client",
        "start_date": "2020-01-01T00:00:00Z",
        "is_sandbox": False,
        "streams_criteria": [],
    }


def messages(printed: str, kind: str) -> list[dict[str, Any]]:
    """Return the messages of one kind."""
    found = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return [message for message in found if message["type"] == kind]


def test_airbyte(org: tuple[Simulator, dict[str, str], Path], tmp_path: Path) -> None:
    """Airbyte's source checks, discovers, and reads two objects: one whole, one since a date."""
    sim, environment, certificate = org
    program = installed("airbyte", "airbyte-source-salesforce==2.10.3") / "source-salesforce"
    (account,) = sim.admin.create("Account", {"Name": "Alfa"})
    sim.admin.create("Contact", [{"LastName": f"N{n:03d}", "AccountId": account} for n in range(120)])
    config, catalog = tmp_path / "config.json", tmp_path / "catalog.json"

    def source(command: str, *more: str) -> str:
        config.write_text(json.dumps(configuration(sim, certificate)))
        return run(environment, program, command, "--config", str(config), *more)

    assert messages(source("check"), "CONNECTION_STATUS")[0]["connectionStatus"]["status"] == "SUCCEEDED"
    (discovered,) = messages(source("discover"), "CATALOG")
    streams = {stream["name"]: stream for stream in discovered["catalog"]["streams"]}
    modes = {"Account": "full_refresh", "Contact": "incremental"}
    chosen = [
        {
            "stream": streams[name],
            "sync_mode": mode,
            "destination_sync_mode": "append",
            "cursor_field": ["SystemModstamp"],
        }
        for name, mode in modes.items()
    ]
    catalog.write_text(json.dumps({"streams": chosen}))
    records = [message["record"] for message in messages(source("read", "--catalog", str(catalog)), "RECORD")]
    assert Counter(record["stream"] for record in records) == {"Account": 1, "Contact": 120}
    names = {record["data"]["LastName"] for record in records if record["stream"] == "Contact"}
    assert names == {f"N{n:03d}" for n in range(120)}
    assert [call["path"] for call in sim.admin.calls() if call["status"] >= 400] == []
