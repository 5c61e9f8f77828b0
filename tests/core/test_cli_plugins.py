"""`crocevia plugins`: what was loaded, what was left out, and what may surprise."""

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner

from crocevia import cli

PLUGIN = """
from crocevia import hookimpl

@hookimpl
def crocevia_map_record(values):
    return None

@hookimpl
def crocevia_translate_evnt(event):
    return None
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a plugin of two hooks, one misspelled, and an installed plugin that cannot be imported."""
    entries = [EntryPoint("broken", "not_installed_at_all", "crocevia")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: entries)
    (tmp_path / "crocevia_plugin.py").write_text(PLUGIN)
    return tmp_path


def output(folder: Path, *options: str) -> str:
    """What is printed; the exit code is 0 whatever failed to load."""
    settings = str(folder / "crocevia.toml")
    result = CliRunner().invoke(cli.main, ["--settings", settings, "plugins", *options], catch_exceptions=False)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.output


def test_plugins_hooks_and_failures_are_listed(folder: Path) -> None:
    """Core's own parts are plugins too."""
    text = output(folder)
    assert "crocevia.identity.match  (built in)\n  hooks: match_profiles\n" in text
    assert f"crocevia_plugin  ({folder / 'crocevia_plugin.py'})\n  hooks: map_record\n" in text
    assert "Note: crocevia_plugin has crocevia_map_record without crocevia_read_record" in text
    assert "Failed (2):\n  broken (import): not_installed_at_all cannot be imported" in text
    assert "did you mean crocevia_translate_event?" in text


def test_the_same_for_programs(folder: Path) -> None:
    """One JSON object."""
    found = json.loads(output(folder, "--json"))
    assert [failure["plugin"] for failure in found["failures"]] == ["broken", "crocevia_plugin"]
    mine = {plugin["name"]: plugin for plugin in found["plugins"]}["crocevia_plugin"]
    assert (mine["hooks"], mine["connectors"], found["commands"]) == (["crocevia_map_record"], [], [])
