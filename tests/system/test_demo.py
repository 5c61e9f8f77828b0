"""The demo day, whole: real processes, killed as they please, and the books recomputed from the simulators' ledgers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crocevia_demo.day import day

pytestmark = pytest.mark.xdist_group("demo")  # one at a time: each is four processes

_CROCEVIA = Path(sys.executable).with_name("crocevia")
ROADS = ["till", "whatsapp", "phone", "sms", "email", "site", "messenger", "instagram", "page"]
ANSWERED = ["email", "instagram", "messenger", "page", "site", "sms", "whatsapp"]
_TERMS = {
    "incoming": ("received", ("applied", "superseded", "ignored", "quarantined", "pending")),
    "outgoing": ("wanted", ("applied", "pending", "unknown", "review", "dead", "blocked")),
}


def play(folder: Path, *options: str, **environment: str) -> dict[str, Any]:
    """Play a day without a page; return its report, after the exit code was looked at."""
    report, ledger = folder / "report.json", folder / "ledger"
    done = subprocess.run(
        [_CROCEVIA, "demo", "--headless", "--report", report, "--ledger", ledger, *options],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    """A ledger."""
    return [json.loads(line) for line in (folder / "ledger" / name).read_text().splitlines()]


def recompute(folder: Path, report: dict[str, Any]) -> None:
    """Add everything up from the ledgers once more, in another way than the demo does."""
    for one in report["connections"].values():
        for part, (total, terms) in _TERMS.items():
            assert one[part][total] == sum(one[part][term] for term in terms)
    leaves = {line["id"]: line["kind"] for line in lines(folder, "vendor_sent.jsonl")}
    assert sum(not line["redelivery"] for line in lines(folder, "vendor_sent.jsonl")) == len(leaves)
    touched = {id_ for id_, kind in leaves.items() if kind not in ("edit", "removed", "status")}
    replies = lines(folder, "vendor_received.jsonl")
    mutations = [line for line in lines(folder, "crm_mutations.jsonl") if line["object"] == "Interaction__c"]
    carried = {line["id"]: line["values"]["Message_Id__c"] for line in mutations if line["values"].get("Message_Id__c")}
    assert sorted(carried.values()) == sorted(touched | {reply["id"] for reply in replies})
    assert [callback for callback, n in Counter(reply["callback"] for reply in replies).items() if n > 1] == []
    written = {line["id"] for line in mutations if line["values"].get("Status__c") == "To Send"}
    assert len(written) == len(replies) + len(report["replies"]["refused"]) + len(report["replies"]["unknown"])
    assert report["interactions"] == len(touched) + len(written)


@pytest.mark.campaign
def test_the_day_of_a_seed_balances(tmp_path: Path) -> None:
    """Nobody killed: about a hundred leaves, every answer sent but for the two that came too late."""
    report = play(tmp_path, "--seed", "1")
    recompute(tmp_path, report)
    told = [line for line in lines(tmp_path, "vendor_sent.jsonl") if "road" not in line]
    kinds = Counter(line["kind"] for line in told if not line["redelivery"])
    assert kinds.keys() == {"message", "edit", "reaction", "status", "removed", "system"}
    assert 80 <= kinds.total() <= 150
    assert any(line["redelivery"] for line in lines(tmp_path, "vendor_sent.jsonl"))
    assert {became: len(ids) for became, ids in report["replies"].items() if became != "sent"} == {
        "refused": 2,
        "unknown": 0,
        "lost": 0,
    }
    assert report["starts"] == 1


@pytest.mark.campaign
def test_five_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    """Kill -9 at random moments, and the daemon started again each time."""
    report = play(tmp_path, "--seed", "2", "--kills", "5")
    recompute(tmp_path, report)
    assert report["kills"] == 5
    assert report["starts"] > 1


@pytest.mark.campaign
def test_what_never_went_out_is_sent_by_hand(tmp_path: Path) -> None:
    """Killed each time between writing down that a message is sent and sending it: the worst moment there is."""
    report = play(tmp_path, "--seed", "4", CROCEVIA_FAULT="send.claimed:9")
    recompute(tmp_path, report)
    assert report["resent"] != []
    assert len(report["replies"]["sent"]) == len(lines(tmp_path, "vendor_received.jsonl"))


def test_the_same_seed_is_the_same_day() -> None:
    """And another one another day."""
    assert day(7) == day(7)
    assert day(7) != day(8)


def test_ledgers_of_another_day_are_not_mixed_in(tmp_path: Path) -> None:
    """It says so, and starts nothing."""
    (tmp_path / "vendor_sent.jsonl").touch()
    done = subprocess.run(
        [_CROCEVIA, "demo", "--headless", "--ledger", tmp_path], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, "another day" in done.stderr) == (2, True)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The demo with its page."""
    places = ["--dir", tmp_path / "demo", "--report", tmp_path / "report.json", "--ledger", tmp_path / "ledger"]
    command = [str(_CROCEVIA), "demo", "--no-browser", "--roads", *map(str, places)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        yield process
        if process.poll() is None:
            process.kill()


def children(pid: int) -> list[int]:
    """The processes that a process has started (Linux)."""
    path = Path(f"/proc/{pid}/task")
    if not path.is_dir():
        pytest.skip("there is no /proc to look at")
    return [int(child) for task in path.iterdir() for child in (task / "children").read_text().split()]


def test_one_customer_on_every_road_one_url_and_ctrl_c_ends_everything(
    page: subprocess.Popen[str], tmp_path: Path
) -> None:
    """One contact, one timeline in order, each touch once, every answer out on the road it was written for.

    One line on standard output, a page behind it on loopback, and no process left.
    """
    import requests  # noqa: PLC0415 - the other tests need none of it

    assert page.stdout is not None
    url = page.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")
    assert requests.get(url, timeout=10).status_code == 200
    report = json.loads((tmp_path / "report.json").read_text())
    recompute(tmp_path, report)
    assert report["passed"]
    assert report["checks"][-1]["roads"] == ROADS
    assert (report["profiles"], report["replies"]["refused"]) == (1, [])
    sent = lines(tmp_path, "vendor_received.jsonl")
    assert sorted(line.get("road", "whatsapp") for line in sent) == ANSWERED
    started = children(page.pid)
    assert len(started) == 5
    page.send_signal(signal.SIGINT)
    assert page.wait(30) == 130
    assert [child for child in started if Path(f"/proc/{child}").exists()] == []


def test_nothing_outlives_a_demo_that_was_killed(page: subprocess.Popen[str]) -> None:
    """Also kill -9 leaves no process behind."""
    deadline = time.monotonic() + 30
    while len(started := children(page.pid)) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(started) == 5
    page.kill()
    page.wait(10)
    while any(Path(f"/proc/{child}").exists() for child in started) and time.monotonic() < deadline + 30:
        time.sleep(0.05)
    assert [child for child in started if Path(f"/proc/{child}").exists()] == []
