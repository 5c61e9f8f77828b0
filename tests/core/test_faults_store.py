"""Faults of the store that nothing else shows: a held lock, a migration cut short, damage, a disk that fails."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from click.testing import CliRunner

from crocevia.cli import main
from crocevia.engine.alone import lock
from crocevia.store import Store, database, migrate, open_store
from crocevia.store.tables import metadata
from tests.core.test_web_ingress import Web, message
from tests.core.test_web_killed import process

SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

_MIGRATION = """
import os, signal, sys
import sqlalchemy as sa
from crocevia.store import open_store
left = int(sys.argv[2])

@sa.event.listens_for(sa.engine.Engine, "after_cursor_execute")
def count(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

open_store(sys.argv[1]).close()
print("whole")
"""


def migrated(url: str, kill_at: int) -> bool:
    """Migrate in a process that is killed after so many statements; whether it came to its end all the same."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", _MIGRATION, url, str(kill_at)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == (0 if done.stdout == "whole\n" else -signal.SIGKILL), done.stderr
    return done.returncode == 0


def empty_postgres(postgres_url: str) -> str:
    """A database of its own beside the given one."""
    url = sa.make_url(postgres_url)
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    name = f"{url.database}_killed"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_a_migration_that_is_killed_is_whole_or_undone_and_done_at_the_next_start(
    request: pytest.FixtureRequest, tmp_path: Path, where: str
) -> None:
    """Kill -9 after a few, some and many statements; each time nothing is left of it, and at last all is there."""
    sqlite = where == "sqlite"
    url = f"sqlite:///{tmp_path}/store.db" if sqlite else empty_postgres(request.getfixturevalue("postgres_url"))
    for kill_at in (12, 40) if sqlite else (25,):
        assert not migrated(url, kill_at)
        with closing(Store(url)) as store:
            assert migrate.version(store) is None
            assert sa.inspect(store.engine).get_table_names() == []
    with closing(open_store(url)) as store:
        assert migrate.version(store) == migrate.HEAD
        assert set(metadata.tables) <= set(sa.inspect(store.engine).get_table_names())


@SQLITE
def test_a_writer_that_keeps_its_lock_costs_a_503_in_bounded_time(
    crossroads: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the write lock: the vendor is asked to come again, and the next webhook is taken."""
    pragmas = [one for one in database._SQLITE_PRAGMAS if "busy" not in one]  # noqa: SLF001 - ten seconds would be long here
    monkeypatch.setattr(database, "_SQLITE_PRAGMAS", (*pragmas, "PRAGMA busy_timeout = 300"))
    crossroads.store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    web = Web(crossroads)
    body = message(web)
    with closing(database.sqlite_module().connect(str(tmp_path / "store.db"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        refused = web.post(body)
        took_s = time.monotonic() - began
        other.execute("ROLLBACK")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert took_s < 5
    assert web.kept() == []
    assert web.post(body).status_code == 200
    web.close()
    crossroads.store.close()


def flipped(path: Path, start: int, length: int) -> None:
    """Turn bytes round."""
    with path.open("r+b") as file:
        file.seek(start)
        given = file.read(length)
        file.seek(start)
        file.write(bytes(byte ^ 0xFF for byte in given))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: flipped(path, 0, 16), id="magic"),
        pytest.param(lambda path: flipped(path, 100, 60), id="schema page"),
        pytest.param(lambda path: os.truncate(path, 4096 * 2 + 100), id="cut short"),
        pytest.param(lambda path: path.write_bytes(b"not a database" * 1000), id="another file"),
    ],
)
def test_the_daemon_does_not_start_on_a_damaged_store_and_a_restored_copy_starts(
    tmp_path: Path, migrated_sqlite: Path, damage: Callable[[Path], None]
) -> None:
    """Exit code 1, one line, no traceback; the backup put in its place is opened."""
    settings, path, backup = tmp_path / "crocevia.toml", tmp_path / "crocevia.db", tmp_path / "backup.db"
    settings.write_text('[crocevia]\nlisten = "127.0.0.1:0"\n')
    shutil.copy(migrated_sqlite, path)
    shutil.copy(path, backup)
    damage(path)
    done = CliRunner().invoke(main, ["--settings", str(settings), "run"])
    assert (done.exit_code, "cannot be used" in done.stderr, "Traceback" in done.stderr) == (1, True, False)

    for companion in tmp_path.glob("crocevia.db-*"):
        companion.unlink()
    shutil.copy(backup, path)
    with closing(open_store(f"sqlite:///{path}")) as store:
        assert migrate.version(store) == migrate.HEAD


def test_a_second_daemon_on_an_sqlite_store_refuses_and_names_the_first(tmp_path: Path, migrated_sqlite: Path) -> None:
    """Exit code 2; once the first is gone, nothing is in the way."""
    settings = tmp_path / "crocevia.toml"
    settings.write_text('[crocevia]\nlisten = "127.0.0.1:0"\n')
    shutil.copy(migrated_sqlite, tmp_path / "crocevia.db")
    url = f"sqlite:///{tmp_path}/crocevia.db"
    held = lock(url)
    assert held is not None
    done = CliRunner().invoke(main, ["--settings", str(settings), "run"])
    held.close()
    assert (done.exit_code, f"another daemon (process {os.getpid()})" in done.stderr) == (2, True)
    again = lock(url)
    assert again is not None
    again.close()


@SQLITE
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: it makes fsync fail")
def test_an_fsync_that_fails_acknowledges_nothing_and_what_was_acknowledged_stays(
    crossroads: Any, tmp_path: Path
) -> None:
    """EIO from the disk at a commit: 503; after the disk is well the webhook is taken; nothing is there twice."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    requests_ = [crossroads.chat.write("ada", text) and crossroads.chat.request() for text in ("one", "two", "three")]
    told = tmp_path / "strace.log"
    with process(url) as (base, served):

        def post(number: int) -> requests.Response:
            webhook = requests_[number]
            return requests.post(f"{base}/hooks/chat", data=webhook.body, headers=webhook.headers, timeout=20)

        assert post(0).status_code == 200
        command = ["strace", "-f", "-qq", "-o", str(told), "-p", str(served.pid), "-e", "trace=fsync,fdatasync"]
        tracing = subprocess.Popen(
            [*command, "-e", "inject=fsync,fdatasync:error=EIO"], stderr=subprocess.PIPE, text=True
        )
        try:
            time.sleep(0.5)  # until it is attached
            refused = [post(1).status_code for _ in range(2)]
        finally:
            tracing.terminate()
            complaint = tracing.communicate(timeout=10)[1]
        if "not permitted" in complaint:
            pytest.skip("this user may not trace another process")
        assert "INJECTED" in told.read_text()
        assert refused[-1] == 503
        assert [post(1).status_code, post(2).status_code] == [200, 200]
    crossroads.turn("chat")
    assert (
        sorted(text for _, text, _ in crossroads.touches(crossroads.a)) == []
    )  # nothing is written before a turn there
    crossroads.settle()
    assert sorted(text for _, text, _ in crossroads.touches(crossroads.a)) == ["one", "three", "two"]
    assert crossroads.books("chat").balanced
