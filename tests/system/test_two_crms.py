"""A channel, a simulated Salesforce and a real Tryton at once: each change reaches the other side, and then silence.

Nothing in core is shaped like one of the two: one has given and family name and fields for numbers, the other one name
and child rows; one holds 32,000 characters, the other any number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import requests
from attrs import define, field

from crocevia import Http, Raw, Secret
from crocevia.config.options import Options
from crocevia.identity import match, normalise
from crocevia.plugins import load_plugins
from crocevia.store import journal, open_store
from crocevia.sync.lane import Lane
from crocevia.sync.world import World, live
from crocevia.testing import MemoryChannel
from crocevia_salesforce import Salesforce
from crocevia_salesforce import Settings as SalesforceSettings
from crocevia_salesforce.simulator import Simulator, running_simulator
from crocevia_tryton.connector import Settings as TrytonSettings
from crocevia_tryton.connector import Tryton
from crocevia_tryton.rpc import Rpc
from crocevia_tryton.server import running_tryton

pytestmark = pytest.mark.skipif(find_spec("trytond") is None, reason="trytond is not installed")
_MOST_ROUNDS = 40
_WRITES = (".create", ".write", ".delete")


class Wire(requests.Session):
    """Keeps the methods that Tryton was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.methods: list[str] = []

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Note the method and send."""
        self.methods.append(json.loads(request.body or b"{}").get("method", ""))
        return super().send(request, **kwargs)


@define
class Company:
    """The three systems, and Crocevia between them."""

    world: World
    chat: MemoryChannel
    org: Simulator
    clerk: Rpc
    wire: Wire
    seen: int = field(default=0, init=False)

    def writes(self) -> int:
        """Write calls to both CRMs since the last time this was asked."""
        calls = [call for call in self.org.admin.calls(self.seen) if call["api"]]
        self.seen = max((call["seq"] for call in calls), default=self.seen)
        found = len([call for call in calls if call["write"]])
        found += len([name for name in self.wire.methods if name.endswith(_WRITES)])
        self.wire.methods.clear()
        return found

    def settle(self) -> None:
        """Every lane, round after round, until two rounds made no write call and sent nothing."""
        lanes = [Lane(self.world, found, "test") for found in self.world.lives.values()]
        quiet = 0
        self.writes()
        for _ in range(_MOST_ROUNDS):
            sent, news = len(self.chat.sent), self._webhooks()
            for lane in lanes:
                lane.poll_now()
                while lane.turn() == 0:
                    pass
                assert lane.unwell == ""
            quiet = 0 if news or self.writes() or sent != len(self.chat.sent) else quiet + 1
            if quiet == 2:
                break
        for lane in lanes:
            lane.release()
        assert quiet == 2, "it never comes to rest"

    def _webhooks(self) -> int:
        now = self.world.clock.now()
        raws = [
            Raw(connection="chat", kind="memory_channel", body=request.body, received_at=now)
            for request in self.chat.requests()
        ]
        if raws:
            journal.commit(self.world.store, raws)
        return len(raws)

    def contact(self) -> dict[str, Any]:
        """The one contact in Salesforce."""
        [found] = self.org.admin.query("SELECT Id, FirstName, LastName, MobilePhone, Email FROM Contact")
        return dict(found)

    def party(self) -> dict[str, Any]:
        """The one party in Tryton, with its numbers and addresses."""
        names = ["name", "contact_mechanisms.type", "contact_mechanisms.value"]
        [found] = self.clerk.call("model.party.party.search_read", [], 0, None, None, names)
        rows = sorted((row["type"], row["value"]) for row in found["contact_mechanisms."])
        return {"id": found["id"], "name": found["name"], "rows": rows}


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    """Both CRMs empty, the three connections in one world."""
    chat = MemoryChannel(reports=("sent", "delivered"))
    store = open_store(f"sqlite:///{tmp_path / 'crocevia.db'}")
    with running_simulator() as org, running_tryton(tmp_path / "tryton") as server, Wire() as wire:
        salesforce = Salesforce(
            SalesforceSettings(instance_url=org.url, client_id="crocevia", client_secret=Secret("simulated-secret")),
            connection="salesforce",
        )
        settings = TrytonSettings(
            base_url=server.url, database=server.database, user=server.user, password=Secret(server.password)
        )
        tryton = Tryton(settings, connection="tryton", http=Http("tryton", new_session=lambda: wire))
        world = World(store, load_plugins(entry_points=(), builtin=(match, normalise)).dispatcher, region="IT")
        for name, connector in (("chat", chat.connector("chat")), ("salesforce", salesforce), ("tryton", tryton)):
            world.lives[name] = live(name, connector, Options())
        yield Company(world, chat, org, server.person(), wire)
    store.close()


def test_a_change_in_either_crm_reaches_the_other_and_then_nobody_writes(company: Company) -> None:
    """A name and a number corrected in Salesforce, an address added in Tryton; each read back from the other side."""
    company.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    company.settle()
    company.org.admin.update(
        "Contact",
        company.contact()["Id"],
        {"FirstName": "Ada Maria", "LastName": "Rossi", "MobilePhone": "347 765 4321"},
    )
    company.settle()
    party = company.party()
    assert (party["name"], party["rows"]) == ("Ada Maria Rossi", [("mobile", "+39 347 765 4321")])

    company.clerk.call(
        "model.party.contact_mechanism.create", [{"party": party["id"], "type": "email", "value": "ada@example.com"}]
    )
    company.settle()

    contact = company.contact()
    assert (contact["FirstName"], contact["LastName"], contact["Email"]) == ("Ada Maria", "Rossi", "ada@example.com")


@pytest.mark.parametrize(
    ("given", "family", "typed", "expected"),
    [
        ("Maria del Carmen", "García López", "Maria del Carmen Ruiz", ("Maria del Carmen", "Ruiz")),
        ("Ada", "King", "Countess of Lovelace", (None, "Countess of Lovelace")),
        (None, "Madonna", "Madonna Ciccone", (None, "Madonna Ciccone")),
    ],
)
def test_names_that_one_field_cannot_split_go_both_ways(
    company: Company, given: str | None, family: str, typed: str, expected: tuple[str | None, str]
) -> None:
    """What a person types in Tryton's single field is what Salesforce shows, split only where that is certain."""
    company.chat.write("ada", "Hello", name="Ada", phone="+393471234567")
    company.settle()
    company.org.admin.update("Contact", company.contact()["Id"], {"FirstName": given, "LastName": family})
    company.settle()
    party = company.party()
    assert party["name"] == f"{given} {family}" if given else family

    company.clerk.call("model.party.party.write", [party["id"]], {"name": typed})
    company.settle()

    contact = company.contact()
    assert (contact["FirstName"], contact["LastName"]) == expected
    assert company.party()["name"] == typed


def test_a_text_longer_than_one_crm_holds_is_whole_in_the_other(company: Company) -> None:
    """Salesforce holds the first 32,000 characters and nobody takes that for an edit."""
    text = "A long story. " * 3000
    company.chat.write("ada", text, name="Ada", phone="+393471234567")
    company.settle()

    [here] = company.org.admin.query("SELECT Body__c FROM Interaction__c")
    [there] = company.clerk.call("model.crocevia.interaction.search_read", [], 0, None, None, ["body"])
    assert here["Body__c"] == text[:32_000].rstrip()
    assert there["body"] == text


def test_an_answer_from_either_crm_goes_out_once_and_is_told_to_both(company: Company) -> None:
    """Written in Salesforce, sent on the channel, its status on both records."""
    company.chat.write("ada", "Open today?", name="Ada", phone="+393471234567")
    company.settle()
    answer = {
        "Contact__c": company.contact()["Id"],
        "Direction__c": "Outbound",
        "Status__c": "To Send",
        "Body__c": "Yes",
    }
    company.org.admin.create("Interaction__c", answer)
    company.settle()

    [here] = company.org.admin.query("SELECT Status__c FROM Interaction__c WHERE Direction__c = 'Outbound'")
    domain = [["direction", "=", "outbound"]]
    [there] = company.clerk.call("model.crocevia.interaction.search_read", domain, 0, None, None, ["status", "body"])
    assert [message.text for message in company.chat.sent] == ["Yes"]
    assert (here["Status__c"], there["status"], there["body"]) == ("Delivered", "delivered", "Yes")
