"""kill -9 around the commit of a webhook: acknowledged means kept, and a redelivery makes no second interaction."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from crocevia.store.tables import interactions, journal

SERVER = """
import sys
from crocevia.config.options import Options
from crocevia.plugins import load_plugins
from crocevia.store import open_store
from crocevia.store.journal import GroupCommit
from crocevia.sync.world import World, live
from crocevia.testing import MemoryChannel
from crocevia.web.app import build_app, serve

store = open_store(sys.argv[1])
world = World(store, load_plugins(entry_points=(), builtin=()).dispatcher)
world.lives["chat"] = live("chat", MemoryChannel().connector("chat"), Options())
journal = GroupCommit(store, lambda names: None)
served = serve(build_app(world, journal))
print(served.url, flush=True)
sys.stdin.read()
served.stop()
journal.close()
store.close()
"""


@contextmanager
def process(url: str, fault: str = "") -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server in a process of its own; its URL."""
    roots = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": roots, "CROCEVIA_FAULT": fault}
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, url],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        try:
            assert started.stdout is not None
            yield started.stdout.readline().strip(), started
        finally:
            if started.stdin is not None:
                started.stdin.close()
            try:
                started.wait(30)
            except subprocess.TimeoutExpired:
                started.kill()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("fault", "kept"), [("journal.before_commit:1", 0), ("journal.committed:1", 1)])
def test_killed_before_the_answer_the_vendor_sends_again_and_there_is_one_interaction(
    crossroads: Any, tmp_path: Path, fault: str, kept: int
) -> None:
    """Before the commit nothing is kept, after it the raw is; in both cases nobody was acknowledged."""
    crossroads.chat.write("ada", "Hello", name="Ada")
    request = crossroads.chat.request()
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with process(url, fault) as (base, killed):
        with pytest.raises(requests.ConnectionError):
            requests.post(f"{base}/hooks/chat", data=request.body, headers=request.headers, timeout=20)
        assert killed.wait(20) == -9
    assert len(crossroads.rows(journal)) == kept
    with process(url) as (base, _):
        again = requests.post(f"{base}/hooks/chat", data=request.body, headers=request.headers, timeout=20)
        assert again.status_code == 200
    assert len(crossroads.rows(journal)) == kept + 1
    crossroads.turn("chat")
    assert [row["text"] for row in crossroads.rows(interactions)] == ["Hello"]
    assert crossroads.books("chat").balanced
