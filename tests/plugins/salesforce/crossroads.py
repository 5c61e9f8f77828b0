"""The whole way in a test: a channel, Salesforce and a second CRM on one store, worked by hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define

from crocevia import Raw
from crocevia.config.options import Options
from crocevia.identity import match, normalise
from crocevia.plugins import load_plugins
from crocevia.store import journal, open_store
from crocevia.sync.lane import Lane
from crocevia.sync.world import World, live
from crocevia.testing import MemoryChannel, MemoryCRM
from crocevia_salesforce.simulator import Simulator
from tests.plugins.salesforce.conftest import Connect

_MOST_ROUNDS = 40


@define
class Crossroads:
    """A channel, Salesforce and a second CRM, worked by hand."""

    world: World
    chat: MemoryChannel
    crm: MemoryCRM
    org: Simulator

    def settle(self) -> list[str]:
        """Run every lane until two rounds had nothing to write; return the calls of the last one."""
        lanes = [Lane(self.world, found, "test") for found in self.world.lives.values()]
        quiet = 0
        calls: list[dict[str, Any]] = []
        for _ in range(_MOST_ROUNDS):
            before = len(self.crm.mutations), len(self.chat.sent)
            seen = max((call["seq"] for call in self.org.admin.calls()), default=0)
            news = self._webhooks()
            for lane in lanes:
                lane.poll_now()
                while lane.turn() == 0:
                    pass
                assert lane.unwell == ""
            calls = [call for call in self.org.admin.calls(seen) if call["api"]]
            changed = news or any(call["write"] for call in calls)
            quiet = 0 if changed or before != (len(self.crm.mutations), len(self.chat.sent)) else quiet + 1
            if quiet == 2:
                break
        for lane in lanes:
            lane.release()
        assert quiet == 2, "it never comes to rest"
        return [f"{call['method']} {call['path']}".replace("/services/data/v62.0/", "") for call in calls]

    def take_in(self) -> None:
        """What was written on the channel is known, and asked for of the CRMs."""
        self._webhooks()
        lane = Lane(self.world, self.world.lives["chat"], "test")
        while lane.turn() == 0:
            pass
        lane.release()

    def _webhooks(self) -> int:
        raws = [
            Raw(connection="chat", kind="memory_channel", body=request.body, received_at=self.world.clock.now())
            for request in self.chat.requests()
        ]
        if raws:
            with self.world.store.writing() as connection:
                journal.append(connection, raws)
        return len(raws)


@pytest.fixture
def crossroads(
    org: Simulator, connect: Connect, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Crossroads]:
    """One store, three connections; a parameter is the settings of Salesforce's."""
    chat, second = MemoryChannel(reports=("sent", "delivered")), MemoryCRM()
    store = open_store(f"sqlite:///{tmp_path / 'crocevia.db'}")
    world = World(store, load_plugins(entry_points=(), builtin=(match, normalise)).dispatcher, region="IT")
    for name, connector in (
        ("chat", chat.connector("chat")),
        ("crm", connect(**getattr(request, "param", {}))),
        ("second", second.connector("second")),
    ):
        world.lives[name] = live(name, connector, Options())
    yield Crossroads(world, chat, second, org)
    store.close()


def contacts(org: Simulator) -> list[dict[str, Any]]:
    """Every living contact, oldest first."""
    rows = org.admin.query("SELECT Id, FirstName, LastName, MobilePhone, Email FROM Contact ORDER BY CreatedDate, Id")
    return [{name: value for name, value in row.items() if name != "attributes"} for row in rows]


def interactions(org: Simulator) -> list[dict[str, Any]]:
    """Every interaction, oldest first."""
    names = "Id, Contact__c, Direction__c, Body__c, Status__c, Message_Id__c, Crocevia_Key__c"
    return list(org.admin.query(f"SELECT {names} FROM Interaction__c ORDER BY CreatedDate, Id"))
