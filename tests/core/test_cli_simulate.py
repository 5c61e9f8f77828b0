"""`crocevia simulate`: simulators come from plugins."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crocevia.cli import main

PLUGIN = """
from crocevia import hookimpl

def serve(arguments):
    print("serving", *arguments)
    return 3 if "--fail" in arguments else None

@hookimpl
def crocevia_register_simulators():
    return {"acme": serve}
"""


@pytest.fixture(autouse=True)
def forget_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin beside the settings is a module of this test alone."""
    monkeypatch.setitem(sys.modules, "crocevia_plugin", sys)
    monkeypatch.delitem(sys.modules, "crocevia_plugin")


def simulate(folder: Path, *arguments: str) -> Result:
    """Run the command with a plugin beside the settings."""
    (folder / "crocevia_plugin.py").write_text(PLUGIN)
    return CliRunner().invoke(main, ["--settings", str(folder / "crocevia.toml"), "simulate", *arguments])


def test_without_a_name_the_simulators_are_listed(tmp_path: Path) -> None:
    """Those of installed plugins and of the file beside the settings."""
    names = simulate(tmp_path).output.split()[3:]

    assert {"acme", "salesforce", "whatsapp"} <= set(names)


def test_arguments_and_exit_code_are_the_simulators_own(tmp_path: Path) -> None:
    """Nothing of them is taken by the command itself, --help neither."""
    result = simulate(tmp_path, "acme", "--port", "0", "--help", "--fail")

    assert (result.output, result.exit_code) == ("serving --port 0 --help --fail\n", 3)


def test_an_unknown_simulator_is_named_with_those_there_are(tmp_path: Path) -> None:
    """A wrong name is an error of usage."""
    result = simulate(tmp_path, "acne")

    assert result.exit_code == 2
    assert "there is no simulator 'acne'; there are: acme" in result.output
