"""One URL for several connections: each webhook is verified once, and kept for all of them or for none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from attrs import evolve

from crocevia.config import load_settings
from crocevia.errors import ConfigError, StoreError
from crocevia.plugins import load_plugins
from crocevia.store.journal import GroupCommit
from crocevia.store.tables import journal as table
from crocevia.sync.lane import Lane
from crocevia.sync.world import live
from crocevia.testing import FaultPoints
from crocevia.web.app import Served, build_app, serve
from crocevia.web.pressure import Pressure


class Shared:
    """A web server where `chat` takes webhooks for `desk` as well, which is another account of the same vendor."""

    def __init__(self, crossroads: Any) -> None:
        self.crossroads = crossroads
        self.news: list[set[str]] = []
        lives = crossroads.world.lives
        chat = lives["chat"]
        desk = type(chat.connector)(chat.connector.settings, connection="desk", clock=crossroads.clock)
        lives["desk"] = live("desk", desk, chat.options)
        lives["chat"] = live("chat", chat.connector, evolve(chat.options, webhooks_for=("desk",)))
        self.journal = GroupCommit(crossroads.store, self.news.append)
        self.served: Served = serve(build_app(crossroads.world, self.journal))

    def serve(self, pressure: Pressure) -> None:
        """Serve anew, with something that may stand in the way."""
        self.served.stop()
        self.served = serve(build_app(self.crossroads.world, self.journal, pressure=pressure))

    def post(self, body: bytes | None = None) -> int:
        """Post a signed webhook with one message to the shared URL; return the status."""
        self.crossroads.chat.write("ada", "Hello", name="Ada")
        request = self.crossroads.chat.request()
        headers = dict(request.headers) if body is None else {}
        answer = requests.post(f"{self.served.url}/hooks/chat", data=body or request.body, headers=headers, timeout=20)
        return answer.status_code

    def kept(self) -> list[str]:
        """For whom something is in the journal."""
        return sorted(row["connection"] for row in self.crossroads.rows(table))


@pytest.fixture
def shared(crossroads: Any) -> Iterator[Shared]:
    """A server on a free port."""
    started = Shared(crossroads)
    yield started
    started.served.stop()
    started.journal.close()


def test_a_webhook_is_kept_for_every_connection_that_shares_the_url(shared: Shared) -> None:
    """In one commit, byte for byte; each takes in its own, wakes for it, and has books that balance."""
    assert shared.post() == 200
    assert shared.kept() == ["chat", "desk"]
    assert shared.news == [{"chat", "desk"}]
    assert len({bytes(row["body"]) for row in shared.crossroads.rows(table)}) == 1
    for name in ("chat", "desk"):
        Lane(shared.crossroads.world, shared.crossroads.world.lives[name], "test").turn()
        found = shared.crossroads.books(name)
        assert (found.incoming.applied, found.balanced) == (1, True)


def test_a_webhook_that_cannot_be_kept_is_kept_for_nobody(shared: Shared) -> None:
    """The vendor comes again, and then it is there for all."""
    with FaultPoints() as points:
        points.fail("journal.before_commit", StoreError("the disk is full"))
        assert shared.post() == 503
    assert shared.kept() == []
    assert shared.post() == 200
    assert shared.kept() == ["chat", "desk"]


def test_a_connection_that_is_behind_lets_the_vendor_come_again_for_all(shared: Shared) -> None:
    """Taken for one alone, it would be lost for the other: the vendor does not come again after a 200."""
    pressure = Pressure(shared.crossroads.world, free_mb=lambda: None)
    shared.serve(pressure)
    lives = shared.crossroads.world.lives
    assert shared.post() == 200
    lives["desk"].options = evolve(lives["desk"].options, most_waiting=1)
    pressure.look()
    assert shared.post() == 503
    assert shared.kept() == ["chat", "desk"]


def test_a_webhook_of_a_stranger_is_kept_for_nobody(shared: Shared) -> None:
    """One signature speaks for all: the other connection is no way around it."""
    assert shared.post(b'{"events": []}') == 401
    assert shared.kept() == []


TOML = """
[connections.a]
kind = "whatsapp"
phone_number_id = "1"
app_secret = "s"
access_token = "t"
verify_token = "v"
{more}

[connections.b]
kind = "whatsapp"
phone_number_id = "2"
app_secret = "s"
access_token = "t"
verify_token = "v"

[connections.off]
enabled = false
"""


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        (["b"], None),
        (["b", "off"], None),
        (["c"], "expected other connections that take webhooks (b), each once, got 'c'"),
        (["a"], "expected other connections that take webhooks (b), each once, got 'a'"),
        (["b", "b"], "expected other connections that take webhooks (b), each once, got one of them twice"),
    ],
)
def test_whose_webhooks_come_is_checked_in_the_settings(named: list[str], problem: str | None, tmp_path: Path) -> None:
    """A name that is wrong would be webhooks that nobody reads."""
    path = tmp_path / "crocevia.toml"
    path.write_text(TOML.replace("{more}", f"webhooks_for = {named}"))
    if problem is None:
        assert load_settings(path, load_plugins()).connections["a"].options.webhooks_for == tuple(named)
        return
    with pytest.raises(ConfigError) as raised:
        load_settings(path, load_plugins())
    assert any(line.startswith(f"connections.a.webhooks_for: {problem}") for line in raised.value.problems)
