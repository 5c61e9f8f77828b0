"""jsforce, unmodified, over plain HTTP."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from crocevia_salesforce.simulator import Options, running_simulator

pytestmark = pytest.mark.peers
VERSION = "3.10.16"
SCRIPT = Path(__file__).with_name("salesforce_clients_jsforce.js")


@pytest.fixture(scope="module")
def modules() -> Path:
    """The folder of node modules with jsforce in it, installed once."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    folder = Path(__file__).parents[2] / ".cache" / "salesforce-peers"
    if not (folder / "node_modules" / "jsforce").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", f"jsforce@{VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            pytest.skip(f"jsforce cannot be installed: {done.stderr[-300:]}")
    return folder / "node_modules"


def test_jsforce(modules: Path) -> None:
    """Login, describe, records, Collections, pages and Bulk 2.0 give what is there."""
    with running_simulator(Options()) as sim:
        options = sim.org.options
        user = [options.client_id, options.client_secret, options.username, options.password + options.security_token]
        command = ["node", str(SCRIPT), sim.url, *user]
        environment = {"NODE_PATH": str(modules), "PATH": "/usr/local/bin:/usr/bin:/bin", "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        described = len(sim.org.schema.objects["contact"].fields)
        count = sim.admin.count("Contact")
    assert found == {
        "login": {"userId": sim.org.integration_user, "token": True},
        "identity": options.username,
        "describe": {"keyPrefix": "003", "fields": described, "named": True},
        "global": True,
        "retrieved": "Dr",
        "upserted": True,
        "destroyed": True,
        "refused": "REQUIRED_FIELD_MISSING",
        "collections": {"rows": 450, "created": 450},
        "partial": [True, False],
        "paged": {"rows": 450, "first": "N0000", "last": "N0449"},
        "found": ["N0009", "N0008", "N0007"],
        "bulk": {"ok": 299, "failed": 1, "error": "INVALID_EMAIL_ADDRESS:Email: invalid email address: bad:Email --"},
        "bulkQuery": 299,
        "bulk1": [True, False],
        "bulk1Query": 1,
        "searched": ["Old1"],
        "explained": 1,
        "who": options.username,
        "limit": 100_000,
    }
    assert count == 1 + 450 + 1 + 299 + 1
