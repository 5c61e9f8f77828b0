"""A further client, unmodified, in a virtual environment of its own: Bulk API 1."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

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
                done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
            except subprocess.TimeoutExpired:
                pytest.skip(f"{requirement} cannot be installed in 200 seconds")
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
