"""The commands an operator uses beside the daemon, on a store with a day's work in it."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crocevia.cli import main
from crocevia.store import connections, open_store
from crocevia.testing import FakeClock, MemoryChannel, MemoryCRM
from tests.core.conftest import Crossroads

PLUGIN = """
from crocevia import hookimpl
from crocevia.testing import MemoryChannel, MemoryCRM

@hookimpl
def crocevia_register_connectors():
    return [MemoryChannel().connector_class(), MemoryCRM().connector_class()]
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
[connections.b]
kind = "memory_crm"
"""


@pytest.fixture(autouse=True)
def forget_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin beside the settings is a module of this test alone."""
    monkeypatch.setitem(sys.modules, "crocevia_plugin", sys)
    monkeypatch.delitem(sys.modules, "crocevia_plugin")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings, a plugin and a store in which Ada wrote, was renamed in `a`, and answered from `b`."""
    folder = tmp_path_factory.mktemp("day")
    (folder / "crocevia_plugin.py").write_text(PLUGIN)
    (folder / "crocevia.toml").write_text(SETTINGS)
    clock = FakeClock()
    store = open_store(f"sqlite:///{folder}/crocevia.db")
    road = Crossroads(
        store=store, clock=clock, chat=MemoryChannel(clock=clock), a=MemoryCRM(clock=clock), b=MemoryCRM(clock=clock)
    )
    road.chat.write("ada", "Hello", name="Ada Lovelace", phone="+393331234567")
    road.settle()
    clock.advance(60)
    road.a.edit(road.person_id(road.a), first="Ada", last="King")
    road.b.create("Touch", person=road.person_id(road.b), direction="outbound", status="to send", text="Hi Ada")
    road.settle()
    store.close()
    return folder


@pytest.fixture
def folder(day: Path, tmp_path: Path) -> Path:
    """A copy of that day."""
    return Path(shutil.copytree(day, tmp_path / "day"))


def run(folder: Path, *arguments: str, **kwargs: str) -> Result:
    """Run `crocevia ARGUMENTS` on the folder's settings."""
    return CliRunner().invoke(main, ["--settings", str(folder / "crocevia.toml"), *arguments], **kwargs)  # type: ignore[arg-type]  # click's own


@pytest.mark.parametrize("address", ["333 123 4567", "+393331234567", "memory|shop|ada", "ada"])
def test_show_finds_a_customer_however_the_address_is_written(folder: Path, address: str) -> None:
    """One customer, her records and the one timeline."""
    result = run(folder, "show", address, "--json")
    [customer] = json.loads(result.output)

    assert (customer["fields"]["given_name"], customer["fields"]["family_name"]) == ("Ada", "King")
    assert [(one["direction"], one["text"]) for one in customer["timeline"]] == [
        ("inbound", "Hello"),
        ("outbound", "Hi Ada"),
    ]
    assert sorted(record["connection"] for record in customer["records"]) == ["a", "b"]


def test_show_of_nobody_says_so(folder: Path) -> None:
    """Exit code 1, and nothing on standard output."""
    result = run(folder, "show", "+390000000000")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "nobody holds +390000000000\n"


def test_show_for_people_has_the_texts(folder: Path) -> None:
    """Name, address and what was said."""
    output = run(folder, "show", "ada").output

    assert "Ada King" in output
    assert "Hello" in output


def test_status_tells_the_books(folder: Path) -> None:
    """Every term of each connection, and that they balance."""
    found = json.loads(run(folder, "status", "--json").output)

    assert (found["profiles"], found["interactions"], found["quiet"]) == (1, 2, True)
    assert {name: one["balanced"] for name, one in found["connections"].items()} == {"a": True, "b": True, "chat": True}
    assert found["connections"]["chat"]["commands"]["applied"] == 1
    assert "balance" in run(folder, "status").output


def test_why_tells_who_gave_a_value_and_what_was_decided(folder: Path) -> None:
    """The origin, and the decision with both sides."""
    output = run(folder, "why", "ada", "family_name").output

    assert 'family_name: "King"' in output
    assert "given by a, " in output


def test_pause_and_resume_are_kept_in_the_store(folder: Path) -> None:
    """And the daemon reads them from there."""
    run(folder, "pause", "a", "--reason", "the CRM is being moved")
    store = open_store(f"sqlite:///{folder}/crocevia.db")
    with store.reading() as connection:
        paused = connections.read(connection, "a")
    run(folder, "resume", "a")
    with store.reading() as connection:
        running = connections.read(connection, "a")
    store.close()

    assert (paused.state, paused.reason, running.state, running.reason) == (
        "paused",
        "the CRM is being moved",
        "running",
        "",
    )


def test_pausing_what_is_not_there_names_what_is(folder: Path) -> None:
    """A wrong name is an error of usage."""
    result = run(folder, "pause", "c")

    assert result.exit_code == 2
    assert "there is no connection 'c'; there are: a, b, chat" in result.stderr


def test_a_paused_connection_makes_no_call_and_loses_nothing(crossroads: Crossroads) -> None:
    """What comes meanwhile is done after the resume."""
    crossroads.start()
    with crossroads.store.writing() as connection:
        connections.write(crossroads.store, connection, "a", state="paused", reason="by hand")
    calls = len(crossroads.a.calls)
    crossroads.chat.write("ada", "Hello", name="Ada")
    for _ in range(3):
        crossroads.round()
        crossroads.clock.advance(timedelta(seconds=61).total_seconds())
    silent = len(crossroads.a.calls) - calls
    with crossroads.store.writing() as connection:
        connections.write(crossroads.store, connection, "a", state="running", reason="")
    crossroads.settle()

    assert silent == 0
    assert crossroads.touches(crossroads.a) == [("inbound", "Hello", "received")]
    crossroads.check()


def test_without_dead_letters_and_reviews_the_lists_say_so(folder: Path) -> None:
    """An empty list is an answer."""
    assert run(folder, "dead", "list").output == "no dead letters\n"
    assert run(folder, "review", "list").output == "nothing to review\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dead", "list", "--connection", "zzz"), "there is no connection 'zzz'; there are: a, b, chat"),
        (("dead", "replay", "--connection", "zzz"), "there is no connection 'zzz'"),
        (("dead", "replay", "999"), "not among the open dead letters: 999"),
    ],
)
def test_what_is_not_there_is_said(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    """A wrong name or number is an error of usage, not an empty answer."""
    result = run(folder, *arguments)

    assert result.exit_code == 2
    assert said in result.stderr


def test_a_damaged_store_is_said_without_a_traceback(folder: Path) -> None:
    """Exit code 1 and one line."""
    for companion in folder.glob("crocevia.db-*"):
        companion.unlink()
    (folder / "crocevia.db").write_bytes(b"this is no database, however hard one looks" * 100)
    result = run(folder, "status")

    assert result.exit_code == 1
    assert result.stderr == "StoreError: the store cannot be used now: DatabaseError: file is not a database\n"


def test_the_store_is_readable_for_its_owner_alone(tmp_path: Path) -> None:
    """It holds what customers wrote; its companions take its mode."""
    store = open_store(f"sqlite:///{tmp_path}/new/crocevia.db")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    store.close()

    assert set(modes.values()) == {0o600}
    assert "crocevia.db-wal" in modes
