"""How fast the simulated org takes Collections rows, and whether its memory stays flat.

The org runs as a process of its own, held to one core where the system can do that; the client and its JSON are on
another. Floor of the rate: the 50,000 rows a minute that a benchmark of a connector needs in order not to measure the
simulator. Floor of the memory: what the process holds after the first tenth of the records.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

ROWS = int(os.environ.get("CROCEVIA_BENCH_SIMULATOR_ROWS", "100000"))
"""Records to upsert; a million takes about a quarter of an hour."""
BATCH = 200
FLOOR_PER_MINUTE = 50_000
_ROOTS = os.pathsep.join(str(Path(__file__).parents[1] / name) for name in ("core", "plugins", "contrib"))
_PATH = "/services/data/v60.0/composite/sobjects/Interaction__c/Crocevia_Key__c"


def _start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    command = [
        sys.executable,
        "-m",
        "crocevia_salesforce.simulator",
        "--store",
        str(folder / "org.db"),
        "--ledger",
        str(folder),
    ]
    environment = {**os.environ, "PYTHONPATH": _ROOTS}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603  # our own program
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {0})
    return process, url


def _bodies(start: int) -> bytes:
    records = [
        {
            "attributes": {"type": "Interaction__c"},
            "Crocevia_Key__c": f"key-{number:09d}",
            "Channel__c": "whatsapp",
            "Direction__c": "Inbound",
            "Kind__c": "message",
            "Occurred_At__c": "2026-10-01T10:00:00Z",
            "Body__c": f"Message {number} of a customer who writes a sentence or two.",
            "Message_Id__c": f"wamid.{number:09d}",
            "Conversation__c": f"thread-{number % 1000}",
            "Status__c": "Received",
        }
        for number in range(start, start + BATCH)
    ]
    return json.dumps({"allOrNone": False, "records": records}).encode()


def run() -> dict[str, dict[str, float | str]]:
    """Return the rate in rows a minute and the growth of memory as a ratio."""
    with tempfile.TemporaryDirectory() as name, requests.Session() as session:
        process, url = _start(Path(name))
        try:
            form = {"grant_type": "client_credentials", "client_id": "crocevia", "client_secret": "simulated-secret"}
            token = session.post(f"{url}/services/oauth2/token", data=form, timeout=10).json()["access_token"]
            session.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
            return _measure(session, url, process.pid)
        finally:
            process.terminate()
            process.communicate(timeout=20)


def _resident_bytes(pid: int) -> int:
    """Return what a process holds in memory, as Linux tells it."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _measure(session: requests.Session, url: str, pid: int) -> dict[str, dict[str, float | str]]:
    early = 0
    spent = 0.0
    for start in range(0, ROWS, BATCH):
        body = _bodies(start)
        began = time.perf_counter()
        answer = session.patch(url + _PATH, data=body, timeout=60)
        spent += time.perf_counter() - began
        assert answer.content.count(b'"created":true') == BATCH, answer.text[:500]
        if start + BATCH == ROWS // 10:
            early = _resident_bytes(pid)
    rate = ROWS / spent * 60
    late = _resident_bytes(pid)
    ratio = rate / FLOOR_PER_MINUTE
    return {
        "simulator_rows": {"value": rate, "unit": "rows/min", "floor": FLOOR_PER_MINUTE, "ratio": ratio},
        "simulator_memory": {"value": late / 2**20, "unit": "MiB", "floor": early / 2**20, "ratio": late / early},
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
