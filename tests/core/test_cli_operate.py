"""`plan`, `backfill`, `audit`, `dead`, `status`, `pause` and `resume`, as an operator types them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from crocevia.cli.status import _print
from crocevia.store import connections, leases, open_store
from crocevia.testing import FakeClock, MemoryChannel, MemoryCRM
from tests.core.conftest import Crossroads, Script, ScriptSettings, scripted
from tests.core.test_cli_operations import forget_the_plugin, run

__all__ = ["forget_the_plugin"]

PLUGIN = """
from crocevia import hookimpl
from crocevia.testing import MemoryChannel, MemoryCRM
from tests.core.conftest import Script

FULL = MemoryCRM()
ID = FULL.create(first="Ada", last="King", mobile="+39 333 123 4567")
LATE = MemoryCRM()

@hookimpl
def crocevia_register_connectors():
    late = LATE.connector_class(kind="late_crm")
    return [MemoryChannel().connector_class(), FULL.connector_class(), late, Script]
"""
SETTINGS = """
[crocevia]
region = "IT"
[connections.chat]
kind = "memory_channel"
secret = "memory secret"
account = "shop"
[connections.a]
kind = "memory_crm"
[connections.late]
kind = "late_crm"
placeholders.Person.last = "(no name)"
records = "contacts"
[connections.script]
kind = "script"
"""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ada wrote on a channel with a CRM; then another CRM came, and a raw that nobody understands."""
    folder = tmp_path_factory.mktemp("operate")
    (folder / "crocevia_plugin.py").write_text(PLUGIN)
    (folder / "crocevia.toml").write_text(SETTINGS)
    clock = FakeClock()
    store = open_store(f"sqlite:///{folder}/crocevia.db")
    crm = MemoryCRM(clock=clock)
    road = Crossroads(store=store, clock=clock, chat=MemoryChannel(clock=clock), a=crm, b=MemoryCRM(clock=clock))
    road.more["script"] = lambda: Script(ScriptSettings(), connection="script")
    road.chat.write("ada", "Hello", name="Ada", phone="+393331234567")
    road.settle()
    road.post(scripted("raise"), scripted("raise"), connection="script")
    road.settle()
    store.close()
    return folder


@pytest.fixture
def folder(day: Path, tmp_path: Path) -> Path:
    """A copy of that day."""
    return Path(shutil.copytree(day, tmp_path / "day"))


def test_plan_lists_what_would_change_and_says_it_by_its_exit_code(folder: Path) -> None:
    """2 when something would; the same again afterwards: nothing was done."""
    write(folder, "bob", "Good morning", name="Bob")
    results = [run(folder, "plan", "--limit", "2") for _ in range(2)]

    assert {result.exit_code for result in results} == {2}
    assert results[0].output == results[1].output
    assert results[0].output.splitlines()[:4] == [
        "+ a: create Person (a new customer)",
        '    crocevia_key: "(a new id of ours)"',
        "    crocevia_revision: 1",
        '    last: "Bob"',
    ]
    assert "... and 2 more (--limit)" in results[0].output
    assert "late: create 1 Person\n" in results[0].output
    told = json.loads(run(folder, "plan", "--json", "--connection", "late").output)
    assert [(one["object"], one["operation"], one["count"]) for one in told["summary"]] == [
        ("Person", "create", 1),
        ("Touch", "create", 1),
    ]
    assert told["changes"][0]["fields"]["last"] == {"now": None, "then": "Bob"}


def test_plan_says_when_nothing_would_change(folder: Path) -> None:
    """Exit code 0; the channel alone has nothing to do."""
    result = run(folder, "plan", "--connection", "chat")

    assert (result.exit_code, result.output) == (0, "nothing would change\n")
    assert run(folder, "plan", "--connection", "zzz").exit_code == 2


def test_backfill_forecasts_asks_and_tells_how_far_it_is(folder: Path) -> None:
    """A dry run asks for nothing; a second run finds nothing more."""
    assert run(folder, "backfill", "late", "--dry-run").output.splitlines() == [
        "late: customers: 1 looked at, 1 records to ask for: about 2 calls",
        "late: interactions: 1 looked at, 1 records to ask for: about 1 calls",
        "nothing was asked for",
    ]
    assert "late: customers: no backfill" in run(folder, "backfill", "late", "--status").output
    assert "late: customers: 1 looked at, 1 records asked for" in run(folder, "backfill", "late").output
    assert "1 of them still to be written" in run(folder, "backfill", "late", "--status").output
    assert "late: customers: 1 looked at, 0 records asked for" in run(folder, "backfill", "late").output
    assert "there is nothing to backfill" in run(folder, "backfill", "chat").stderr


def test_audit_tells_by_ids_and_exits_with_one(folder: Path) -> None:
    """The CRM of the settings is another than that of the day: the record differs; no value is shown."""
    result = run(folder, "audit")

    assert result.exit_code == 1
    assert "a: differs: Person P000001 (p" in result.output or "a: missing: " in result.output
    assert "King" not in result.output
    assert "chat: 0 records looked at, books balance" in result.output
    assert run(folder, "audit", "--connection", "chat").exit_code == 0
    assert json.loads(run(folder, "audit", "--json").output)["late"]["clean"] is True


LEFT = "1 letters; nothing was queued"


def test_dead_letters_are_grouped_previewed_and_not_replayed_for_ever(folder: Path) -> None:
    """One cause however many raws; after five failures a replay leaves them out until it is forced."""
    listed = run(folder, "dead", "list").output.splitlines()
    assert listed[0].startswith("script: 2 x leaf: LookupError: ")
    assert listed[1] == "    script: parse failed (LookupError) on raw *; mend the connector, then replay"
    [first, second] = listed[0].rpartition(": ")[2].split()
    only = run(folder, "dead", "replay", "--all", "--preview", "--limit", "1").output
    assert [line.split(":")[0] for line in only.splitlines() if not line.startswith(" ")] == [first, LEFT]
    previewed = run(folder, "dead", "replay", first, "--preview").output
    assert "would fail as before: LookupError" in previewed
    assert "nothing was queued" in previewed
    assert "quotes" not in previewed
    for _ in range(5):
        assert run(folder, "dead", "replay", "--all", "--limit", "1", "--yes").output.startswith(
            "1 queued again, 1 left"
        )
        take_in(folder)
        [first, second] = sorted((second, newest(folder)), key=int)
    worn_out = run(folder, "dead", "show", newest(folder)).output
    assert "before: letter " in worn_out
    for _ in range(9):
        run(folder, "dead", "replay", "--all", "--yes")
        take_in(folder)
    result = run(folder, "dead", "replay", "--all", "--yes")
    assert "as they were replayed 5 times and failed each time" in result.stderr
    assert result.stderr.startswith("2 left out, ")
    assert result.stdout == "0 queued again\n"
    named = run(folder, "dead", "replay", newest(folder), "--yes")
    assert (named.stderr.startswith("1 left out, "), named.stdout) == (True, "0 queued again\n")
    assert run(folder, "dead", "replay", "--all", "--force", "--yes").output == "2 queued again\n"


def write(folder: Path, sender: str, text: str, name: str) -> None:
    """A webhook that waits to be taken in."""
    store = open_store(f"sqlite:///{folder}/crocevia.db")
    clock = FakeClock()
    crm = MemoryCRM(clock=clock)
    road = Crossroads(store=store, clock=clock, chat=MemoryChannel(clock=clock), a=crm, b=crm)
    road.start()
    road.chat.write("nobody", "so that its key is another")
    list(road.chat.requests(1))
    road.chat.write(sender, text, name=name)
    road.deliver()
    store.close()


def take_in(folder: Path) -> None:
    """The daemon takes up what was queued, and fails again."""
    store = open_store(f"sqlite:///{folder}/crocevia.db")
    clock = FakeClock()
    crm = MemoryCRM(clock=clock)
    road = Crossroads(store=store, clock=clock, chat=MemoryChannel(clock=clock), a=crm, b=crm)
    road.more["script"] = lambda: Script(ScriptSettings(), connection="script")
    road.start()
    road.turn("script")
    road.lanes["script"].release()
    store.close()


def newest(folder: Path) -> str:
    """The id of the newest open letter."""
    return str(max(one["id"] for one in json.loads(run(folder, "dead", "list", "--json").output)))


def test_status_says_that_no_daemon_runs_and_that_one_does(folder: Path) -> None:
    """As its leases tell."""
    assert "no daemon runs: nothing is read" in run(folder, "status").output
    assert json.loads(run(folder, "status", "--json").output)["daemon"] is False
    store = open_store(f"sqlite:///{folder}/crocevia.db")
    leases.acquire(store, "a", "somebody", 0, 4 * 10**15, alone=True)
    store.close()
    assert "no daemon runs" not in run(folder, "status").output


def test_status_fits_a_narrow_terminal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines instead of a table, none longer than the terminal, without what is nought."""
    found = json.loads(run(folder, "status", "--json").output)
    monkeypatch.setattr("crocevia.cli.status._WIDE", 80)
    _print(found)
    lines = capsys.readouterr().out.splitlines()

    assert "chat: running" in lines
    assert "  1 received, 0 wanted; books balance" in lines
    assert max(len(line) for line in lines) <= 80


def test_pause_and_resume_say_what_they_did_and_what_waits(folder: Path) -> None:
    """Also when there was nothing to do."""
    run(folder, "backfill", "late")
    told = [
        run(folder, "pause", "late", "--reason", "a move").output,
        run(folder, "pause", "late", "--reason", "still").output,
        run(folder, "resume", "late").output,
        run(folder, "resume", "late").output,
    ]
    waits = "2 records and 0 messages wait to go out, and no daemon runs"

    assert told == [
        f"late: paused; {waits}; `crocevia resume late` goes on\n",
        f"late: paused (it was already: a move); {waits}; `crocevia resume late` goes on\n",
        f"late: running again, after a pause (still); {waits}\n",
        f"late: running; it was not paused; {waits}\n",
    ]


def test_resume_does_not_call_a_sick_connection_well(folder: Path) -> None:
    """Its health is for the daemon to say."""
    store = open_store(f"sqlite:///{folder}/crocevia.db")
    with store.writing() as connection:
        connections.write(store, connection, "late", state="unhealthy", reason="down")
    run(folder, "resume", "late")
    with store.reading() as connection:
        assert connections.read(connection, "late").state == "unhealthy"
    store.close()


def test_a_placeholder_or_object_that_cannot_be_is_told_with_the_other_faults(folder: Path) -> None:
    """With the path and what was expected."""
    settings = folder / "crocevia.toml"
    more = 'record_as = "Leed"\nplaceholders.Person.last = "x"\nplaceholders.Persn.last = "x"'
    settings.write_text(SETTINGS.replace('placeholders.Person.last = "(no name)"', more))
    result = run(folder, "plan")

    assert result.exit_code == 2
    assert "connections.late.record_as: expected one of Person, got 'Leed'" in result.stderr
    assert "connections.late.placeholders.Persn: expected one of Person, Touch, got 'Persn'" in result.stderr
