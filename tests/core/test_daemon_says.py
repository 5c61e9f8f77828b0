"""What the daemon tells when something around it is wrong: a text and an exit code, never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from crocevia import Ignored, Raw
from crocevia.cli import main
from crocevia.config import load_settings
from crocevia.daemon import running
from crocevia.model import EPOCH
from crocevia.plugins import load_plugins

_FAILING = """\
from crocevia import hookimpl
@hookimpl
def crocevia_translate_event(event):
    event.reason.strip()
    raise ValueError("Ada")
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A file of settings without any connection."""
    path = tmp_path / "crocevia.toml"
    path.write_text('[crocevia]\nlisten = "127.0.0.1:0"\n')
    return path


def test_an_engine_that_nobody_gives_is_a_wrong_setting(settings: Path) -> None:
    """Exit code 2, as for every other wrong setting: a supervisor need not start it again."""
    settings.write_text('[crocevia]\nlisten = "127.0.0.1:0"\nengine = "celery"\n')
    done = CliRunner().invoke(main, ["--settings", str(settings), "run"])
    expected = "crocevia.engine: expected one of embedded, got 'celery'; is its plugin installed?"
    assert (done.exit_code, expected in done.output) == (2, True)


def test_a_folder_that_cannot_be_made_is_said(settings: Path) -> None:
    """The store's folder lies under a file: no user, not even root, can make it."""
    settings.write_text('[crocevia]\nlisten = "127.0.0.1:0"\nstore = "sqlite:///crocevia.toml/deep/crocevia.db"\n')
    done = CliRunner().invoke(main, ["--settings", str(settings), "run"])
    assert (done.exit_code, "cannot be written by this user" in done.output) == (1, True)


def test_a_hook_that_fails_is_logged_once_a_minute_without_its_text(settings: Path) -> None:
    """An operator sees which plugin, which hook and where; never what the error quotes."""
    settings.with_name("crocevia_plugin.py").write_text(_FAILING)
    plugins = load_plugins(entry_points=[], beside=settings, builtin=[_embedded()])
    raw = Raw(connection="chat", kind="chat", body=b"{}", received_at=EPOCH)
    with running(load_settings(settings, plugins), plugins), capture_logs() as told:
        for _ in range(3):
            plugins.dispatcher.translate("crocevia_translate_event", Ignored(reason="a test"), raw=raw)
    failed = [one for one in told if one["event"] == "hook failed"]
    assert [(one["plugin"], one["hook"], one["error"], one["at"]) for one in failed] == [
        ("crocevia_plugin", "crocevia_translate_event", "ValueError", "crocevia_plugin.py:5")
    ]
    assert "Ada" not in str(told)


def _embedded() -> object:
    from crocevia.engine import embedded  # noqa: PLC0415 - the module itself is the plugin

    return embedded


def test_a_traceback_in_the_log_shows_no_variable() -> None:
    """A library that logs an exception of its own logs no secret that happened to be at hand."""
    code = (
        "import logging, sys; from crocevia import logs; logs.configure('console')\n"
        "def failing(token):\n"
        "    try: 1 / 0\n"
        "    except ZeroDivisionError: logging.getLogger('library').warning('odd', exc_info=True)\n"
        "failing(sys.argv[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, "s3cret"], capture_output=True, text=True, check=True)
    assert "ZeroDivisionError" in done.stderr
    assert "s3cret" not in done.stderr
