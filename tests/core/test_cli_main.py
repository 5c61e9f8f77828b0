"""The command itself: quick help, lazy commands, errors without tracebacks, commands of plugins."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from crocevia import __version__, cli


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only what a test puts beside the settings is a plugin."""
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CROCEVIA_SETTINGS", raising=False)


def run(*arguments: str) -> click.testing.Result:
    """Run `crocevia ARGUMENTS`."""
    return CliRunner().invoke(cli.main, arguments, catch_exceptions=False)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_of_the_table_exists_and_explains_itself(name: str) -> None:
    """A line in the table leads to a command with a help of its own."""
    result = run(name, "--help")
    assert (result.exit_code, result.output.startswith(f"Usage: main {name} ")) == (0, True)


def test_help_lists_every_command_and_imports_none() -> None:
    """`crocevia --help` is quick, however heavy a command is."""
    code = (
        "import sys, contextlib\nfrom crocevia.cli import main\n"
        "with contextlib.suppress(SystemExit):\n    main(['--help'])\n"
        "heavy = {'sqlalchemy', 'litestar', 'alembic', 'crocevia.plugins', 'crocevia.config.load'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "HEAVY []" in done.stdout
    assert [name for name in cli.COMMANDS if f"\n  {name} " not in done.stdout] == []
    assert "Plugins may give more commands: `crocevia plugins` lists them." in done.stdout


def test_version_is_told() -> None:
    """For reports of errors."""
    assert run("--version").output == f"crocevia, version {__version__}\n"


def test_misspelled_command_says_what_was_meant() -> None:
    """With the exit code of wrong usage."""
    result = run("transalte")
    assert (result.exit_code, "translate" in result.stderr) == (2, True)


COMMAND = """
import click
from crocevia import hookimpl
from crocevia.errors import ConfigError, StoreError

@click.command()
def {name}():
    '''A command of a plugin.'''
    {body}

@hookimpl
def crocevia_register_commands():
    return [{name}]
"""


def test_plugin_gives_a_command(tmp_path: Path) -> None:
    """It runs like one of core's."""
    (tmp_path / "crocevia_plugin.py").write_text(COMMAND.format(name="greet", body="click.echo('ciao')"))
    assert (run("greet").output, run("greet").exit_code) == ("ciao\n", 0)
    assert "Commands of plugins: greet" in run("plugins").output


def test_plugin_cannot_take_the_name_of_a_command(tmp_path: Path) -> None:
    """Core's own stays, and the failure is shown."""
    (tmp_path / "crocevia_plugin.py").write_text(COMMAND.format(name="check", body="click.echo('ciao')"))
    assert "there is a command 'check' already; this one is left out" in run("plugins").output


def test_what_is_no_command_is_left_out(tmp_path: Path) -> None:
    """A function that lacks its decorator."""
    (tmp_path / "crocevia_plugin.py").write_text(
        COMMAND.format(name="greet", body="pass").replace("@click.command()", "")
    )
    assert run("greet").exit_code == 2
    assert "is no click command with a name" in run("plugins").output


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (
            "raise ConfigError('a.b: expected x, got y', 'c: z')",
            2,
            "The settings are wrong (2):\n  a.b: expected x, got y\n",
        ),
        ("raise StoreError('the disk is full')", 1, "StoreError: the disk is full\n"),
    ],
)
def test_known_errors_are_texts_without_a_traceback(tmp_path: Path, body: str, code: int, says: str) -> None:
    """Each with its exit code."""
    (tmp_path / "crocevia_plugin.py").write_text(COMMAND.format(name="fail", body=body))
    result = run("fail")
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(says)


def test_settings_lie_where_the_option_or_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And `crocevia_plugin.py` beside them."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "crocevia_plugin.py").write_text(COMMAND.format(name="greet", body="click.echo('ciao')"))
    assert run("--settings", str(other / "crocevia.toml"), "greet").output == "ciao\n"
    monkeypatch.setenv("CROCEVIA_SETTINGS", str(other / "crocevia.toml"))
    assert run("greet").output == "ciao\n"
