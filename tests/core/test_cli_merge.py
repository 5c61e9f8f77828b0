"""`crocevia merge` and `crocevia unmerge`: a preview, a question, the deed, and what it says."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crocevia.cli import main
from crocevia.store import open_store
from crocevia.store.tables import announcements, merges, profiles
from crocevia.testing import FakeClock, MemoryChannel, MemoryCRM
from tests.core.conftest import Crossroads
from tests.core.test_cli_operations import PLUGIN, SETTINGS

LISTENER = """
@hookimpl
def crocevia_profiles_merged(survivor, merged):
    pass
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings, a plugin that listens, and a store in which Ada has written from two numbers."""
    monkeypatch.setitem(sys.modules, "crocevia_plugin", sys)
    monkeypatch.delitem(sys.modules, "crocevia_plugin")
    (tmp_path / "crocevia_plugin.py").write_text(PLUGIN + LISTENER)
    (tmp_path / "crocevia.toml").write_text(SETTINGS)
    road = opened(tmp_path)
    road.chat.write("ada", "Hello", name="Ada", phone="+393331234567")
    road.chat.write("countess", "Good day", name="A. Lovelace", phone="+393330000002")
    road.settle()
    road.store.close()
    return tmp_path


def opened(folder: Path) -> Crossroads:
    """The store of the folder, in hands of its own."""
    clock = FakeClock()
    store = open_store(f"sqlite:///{folder}/crocevia.db")
    return Crossroads(store, clock, MemoryChannel(clock=clock), MemoryCRM(clock=clock), MemoryCRM(clock=clock))


def run(folder: Path, *arguments: str, answer: str = "") -> Result:
    """The command, on the folder's settings."""
    return CliRunner().invoke(main, ["--settings", str(folder / "crocevia.toml"), *arguments], input=answer)


def test_it_asks_with_what_it_would_do(folder: Path) -> None:
    """A no changes nothing; a yes does what was said, and plugins are told."""
    asked = run(folder, "merge", "333 1234567", "+393330000002", answer="n\n")
    assert (asked.exit_code, "would be a part of" in asked.output, " is a part of" in asked.output) == (1, True, False)
    assert "a: Person P000002 is a second one of the customer there" in asked.output
    road = opened(folder)
    assert (road.rows(merges), road.rows(announcements)) == ([], [])
    done = run(folder, "merge", "333 1234567", "+393330000002", answer="y\n")
    assert done.exit_code == 0, done.output
    assert asked.output.splitlines()[1:6] == done.output.splitlines()[1:6]
    assert [row["hook"] for row in road.rows(announcements)] == ["crocevia_profiles_merged"]
    again = run(folder, "merge", "333 1234567", "+393330000002", "--yes")
    assert (again.exit_code, "one customer already" in again.output) == (1, True)
    road.store.close()


def test_it_takes_back_what_it_did(folder: Path) -> None:
    """By the id of either; twice is refused, and so is who was never merged."""
    road = opened(folder)
    ada, countess = (row["uid"] for row in road.rows(profiles))
    assert run(folder, "merge", ada, countess, "--yes").exit_code == 0
    back = run(folder, "unmerge", ada, answer="y\n")
    assert back.exit_code == 0, back.output
    assert f"{countess} is a customer apart from {ada} again" in back.output
    assert [row["merged_into"] for row in road.rows(profiles)] == [None, None]
    twice = run(folder, "unmerge", countess, "--yes")
    assert (twice.exit_code, "nothing was merged into" in twice.output) == (1, True)
    nobody = run(folder, "unmerge", "+39 333 9999999", "--yes")
    assert (nobody.exit_code, "nobody holds" in nobody.output) == (1, True)
    road.store.close()
