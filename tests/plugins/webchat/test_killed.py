"""kill -9 around a visitor's message: what was answered 200 is there, and what was not is sent again, once."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import requests

from crocevia.store import Store, open_store
from crocevia.store.tables import interactions
from crocevia.sync.intake import take_in
from crocevia.testing import FakeClock, MemoryCRM

from .conftest import SECRET, Caller, Shop

SERVER = f"""
import sys
from crocevia import Secret
from crocevia.config.options import Options
from crocevia.plugins import load_plugins
from crocevia.store import Store
from crocevia.store.journal import GroupCommit
from crocevia.sync.world import World, live
from crocevia.web.app import build_app, serve
from crocevia_webchat import Settings, WebChat

store = Store(sys.argv[1])
world = World(store, load_plugins(entry_points=(), builtin=()).dispatcher)
settings = Settings(site="shop.example", secret=Secret({SECRET!r}))
world.lives["web"] = live("web", WebChat(settings, connection="web"), Options())
print(serve(build_app(world, GroupCommit(store, lambda names: None))).url, flush=True)
sys.stdin.read()
"""


def test_a_daemon_that_is_killed_has_kept_what_it_answered(tmp_path: Path) -> None:
    """The first message was answered 200; at the second it dies between commit and answer, so that comes again."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    open_store(url).close()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment["CROCEVIA_FAULT"] = "journal.committed:2"
    command = [sys.executable, "-c", SERVER, url]
    keys = [str(uuid.uuid4()), str(uuid.uuid4())]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as killed:  # type: ignore[call-overload]  # as named
        ada = Caller(f"{killed.stdout.readline().strip()}/chat/web", origin=None)
        ada.open()
        assert ada.write("One", keys[0]).status_code == 200
        with pytest.raises(requests.ConnectionError):
            ada.write("Two", keys[1])
        assert killed.wait(20) == -9
    store = Store(url)
    shop = Shop(store, FakeClock(), MemoryCRM())
    ada.url = f"{shop.served.url}/chat/web"
    assert ada.write("Two", keys[1]).status_code == 200
    take_in(shop.world, shop.world.lives["web"])
    assert [row["text"] for row in shop.rows(interactions)] == ["One", "Two"]
    shop.close()
    store.close()
