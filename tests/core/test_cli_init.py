"""`crocevia init`: a commented file that the loader understands."""

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crocevia import cli
from crocevia.config import CoreSettings, Options, load_settings
from crocevia.errors import ConfigError
from crocevia.plugins import load_plugins

PLUGIN = '''
from collections.abc import Mapping
from typing import Literal
from attrs import Factory, field, frozen
from crocevia import Connector, Secret, hookimpl

@frozen(kw_only=True)
class Limits:
    per_second: float = 5.0

@frozen(kw_only=True)
class Settings:
    """Settings of a chat.

    Attributes:
        token: Of the bot, from
            the dashboard.
        room: Where it listens.
    """
    token: Secret
    room: str
    mode: Literal["fast", "slow"]
    ports: tuple[int, ...]
    quote: str = 'a "b" \\\\'
    backup: Secret | None = None
    labels: Mapping[str, str] = field(factory=dict)
    limits: Limits = Factory(Limits)
    tries: int = 3
    ratio: float = 0.5
    loud: bool = True

class Chat(Connector[Settings]):
    """Acme Chat,
    API v3.

    More about it.
    """
    kind = "chat"
    def parse(self, raw, context):
        return ()

@hookimpl
def crocevia_register_connectors():
    return [Chat]
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a connector in `crocevia_plugin.py`."""
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crocevia_plugin.py").write_text(PLUGIN)
    return tmp_path


def run(*arguments: str) -> Result:
    """Run `crocevia init ARGUMENTS`."""
    return CliRunner().invoke(cli.main, ["init", *arguments], catch_exceptions=False)


def test_new_file_is_right_as_it_is(folder: Path) -> None:
    """All defaults, no connections: `check` has nothing to complain of."""
    assert run().exit_code == 0
    settings = load_settings(folder / "crocevia.toml", load_plugins(beside=folder))
    assert (settings.core.listen, settings.connections) == (CoreSettings().listen, {})


def test_every_setting_is_explained(folder: Path) -> None:
    """Core's, each connector's from its docstring, and those of core for each connection."""
    text = run("--stdout").output
    for line in (
        "# Acme Chat, API v3.",
        "# [connections.chat]",
        "# Of the bot, from the dashboard.",
        '# token = { env = "CHAT_TOKEN" }  # needed',
        '# room = ""  # needed',
        '# mode = "fast"  # needed',
        '# backup = { env = "CHAT_BACKUP" }  # not set',
        "# tries = 3",
        "# loud = true",
        '# listen = "127.0.0.1:8700"',
        "# poll_seconds = 30.0",
        '# policy = "latest"',
    ):
        assert line in text.splitlines()


def test_named_kind_is_ready_to_be_filled_in(folder: Path) -> None:
    """What is missing is exactly what the user must say."""
    run("chat")
    with pytest.raises(ConfigError) as raised:
        load_settings(folder / "crocevia.toml", load_plugins(beside=folder), environ={"CHAT_TOKEN": "x"})
    assert raised.value.problems == ("connections.chat.room: expected a text, got an empty one",)


def test_commented_lines_are_right_when_they_are_taken_in(folder: Path) -> None:
    """Every example and default, uncommented, is what the loader takes."""
    text = run("chat", "--stdout").output.replace('room = ""', 'room = "r"')
    text = re.sub(r'^# (?=(public_url|region) = "")', "## ", text, flags=re.MULTILINE)
    core, _, rest = text.partition("# Each connection may also say")
    options = "".join(line + "\n" for line in rest.splitlines() if line.startswith("# ") and " = " in line)
    options = options.partition("# language")[0]
    live = re.sub(r"^# (?=\w+ = |\[)", "", core + options, flags=re.MULTILINE)
    tomllib.loads(live)
    (folder / "crocevia.toml").write_text(live)
    environ = {"CHAT_TOKEN": "x", "CHAT_BACKUP": "y"}
    settings = load_settings(folder / "crocevia.toml", load_plugins(beside=folder), environ=environ)
    chat = settings.connections["chat"]
    assert (chat.settings.quote, chat.settings.tries, chat.settings.loud) == ('a "b" \\', 3, True)
    assert (chat.options.poll_s, chat.options.guard, chat.options.policy("x")) == (
        Options().poll_s,
        "none",
        "latest",
    )


def test_file_that_is_there_stays(folder: Path) -> None:
    """Unless it is said to write over it."""
    (folder / "crocevia.toml").write_text("mine")
    result = run()
    assert (result.exit_code, (folder / "crocevia.toml").read_text()) == (1, "mine")
    assert "--force writes over it" in result.stderr
    assert (run("--force").exit_code, (folder / "crocevia.toml").read_text() == "mine") == (0, False)


def test_unknown_kind_and_unwritable_folder_are_told(folder: Path) -> None:
    """Without a traceback."""
    assert "No connector of kind 'x' is installed, only chat." in run("x").stderr
    result = CliRunner().invoke(cli.main, ["--settings", "none/crocevia.toml", "init"], catch_exceptions=False)
    assert (result.exit_code, "cannot be written: No such file or directory" in result.stderr) == (1, True)
