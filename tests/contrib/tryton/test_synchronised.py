"""The whole way: a customer writes on a channel, somebody works in Tryton, and a second CRM follows."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from attrs import define

from crocevia import Http, Raw, Secret
from crocevia.config.options import Options
from crocevia.identity import match, normalise
from crocevia.plugins import load_plugins
from crocevia.store import journal, open_store
from crocevia.sync.lane import Lane
from crocevia.sync.world import World, live
from crocevia.testing import FakeClock, MemoryChannel, MemoryCRM
from crocevia_tryton.connector import Settings, Tryton
from crocevia_tryton.rows import contact_rows
from crocevia_tryton.rpc import Rpc
from crocevia_tryton.server import TrytonServer, running_tryton

_MOST_ROUNDS = 40


@define
class Crossroads:
    """A channel, Tryton and a second CRM, worked by hand."""

    world: World
    chat: MemoryChannel
    crm: MemoryCRM
    wire: Any

    def settle(self) -> list[str]:
        """Run every lane until two rounds had nothing to write; return the methods called in Tryton's last one."""
        lanes = [Lane(self.world, found, "test") for found in self.world.lives.values()]
        quiet = 0
        for _ in range(_MOST_ROUNDS):
            before = len(self.crm.mutations), len(self.chat.sent)
            news = self._webhooks()
            self.wire.sent.clear()
            for lane in lanes:
                lane.poll_now()
                while lane.turn() == 0:
                    pass
                assert lane.unwell == ""
            wrote = [method for method in self.wire.methods if method.endswith((".create", ".write", ".delete"))]
            changed = wrote or news or before != (len(self.crm.mutations), len(self.chat.sent))
            quiet = 0 if changed else quiet + 1
            # What one lane learns in a round, a lane that had its turn before writes in the next.
            if quiet == 2:
                break
        for lane in lanes:
            lane.release()
        assert quiet == 2, "it never comes to rest"
        return list(self.wire.methods)

    def _webhooks(self) -> int:
        requests = self.chat.requests()
        raws = [
            Raw(connection="chat", kind="memory_channel", body=request.body, received_at=self.world.clock.now())
            for request in requests
        ]
        if raws:
            with self.world.store.writing() as connection:
                journal.append(connection, raws)
        return len(raws)


@pytest.fixture
def tryton_server(tmp_path: Path) -> Iterator[TrytonServer]:
    """A Tryton of its own: what other tests left would be customers too."""
    with running_tryton(tmp_path / "tryton") as server:
        yield server


@pytest.fixture
def clerk(tryton_server: TrytonServer) -> Rpc:
    """Somebody who works in Tryton."""
    return tryton_server.person()


@pytest.fixture
def crossroads(tryton_server: TrytonServer, wire: Any, tmp_path: Path) -> Iterator[Crossroads]:
    """One store, three connections."""
    settings = Settings(
        base_url=tryton_server.url,
        database=tryton_server.database,
        user=tryton_server.user,
        password=Secret(tryton_server.password),
    )
    tryton = Tryton(settings, connection="crm", http=Http("crm", new_session=lambda: wire))
    chat, second = MemoryChannel(reports=("sent", "delivered")), MemoryCRM()
    store = open_store(f"sqlite:///{tmp_path / 'crocevia.db'}")
    world = World(store, load_plugins(entry_points=(), builtin=(match, normalise)).dispatcher, region="IT")
    for name, connector in (("chat", chat.connector("chat")), ("crm", tryton), ("second", second.connector("second"))):
        world.lives[name] = live(name, connector, Options())
    yield Crossroads(world, chat, second, wire)
    store.close()


def parties(clerk: Rpc) -> list[dict[str, Any]]:
    """Name and active contact mechanisms of every active party, by id."""
    names = ["name", "contact_mechanisms.type", "contact_mechanisms.value_compact"]
    rows = clerk.call("model.party.party.search_read", [], 0, None, [["id", "ASC"]], names)
    return [
        {"id": row["id"], "name": row["name"], "contacts": contact_rows(row["contact_mechanisms."])} for row in rows
    ]


def interactions(clerk: Rpc) -> list[dict[str, Any]]:
    """Every interaction, oldest first."""
    names = ["party", "direction", "body", "status", "message_id", "key", "channel", "connection"]
    found = clerk.call("model.crocevia.interaction.search_read", [], 0, None, [["id", "ASC"]], names)
    return list(found)


def test_a_customer_who_writes_is_a_party_with_an_interaction(crossroads: Crossroads, clerk: Rpc) -> None:
    """Once each, and then there is nothing left to write."""
    crossroads.chat.write("ada", "Open today?\n🙂", name="Ada Rossi", phone="+393471234567")
    last = crossroads.settle()

    [party] = parties(clerk)
    [interaction] = interactions(clerk)
    assert (party["name"], party["contacts"]) == ("Ada Rossi", [["mobile", "+393471234567"]])
    assert interaction["party"] == party["id"]
    assert (interaction["direction"], interaction["body"], interaction["status"]) == (
        "inbound",
        "Open today?\n🙂",
        "received",
    )
    assert [method for method in last if not method.endswith("search_read")] == []


def test_what_a_person_corrects_in_tryton_reaches_the_other_crm(crossroads: Crossroads, clerk: Rpc) -> None:
    """A name that Tryton cannot split, a number, and a new address; nothing is written back."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [party] = parties(clerk)
    [row] = clerk.call("model.party.contact_mechanism.search", [["party", "=", party["id"]]])

    clerk.call("model.party.party.write", [party["id"]], {"name": "Ada Maria Rossi Bianchi"})
    clerk.call("model.party.contact_mechanism.write", [row], {"value": "+39 347 765 4321"})
    clerk.call(
        "model.party.contact_mechanism.create", [{"party": party["id"], "type": "email", "value": "Ada@Example.com"}]
    )
    crossroads.settle()

    [person] = crossroads.crm.records("Person").values()
    shown = {name: value for name, value in person.items() if name in ("first", "last", "mobile", "email")}
    assert shown == {
        "first": None,
        "last": "Ada Maria Rossi Bianchi",
        "mobile": "+393477654321",
        "email": "Ada@example.com",
    }
    assert parties(clerk) == [
        {
            "id": party["id"],
            "name": "Ada Maria Rossi Bianchi",
            "contacts": [["email", "Ada@example.com"], ["mobile", "+393477654321"]],
        }
    ]


def test_what_the_other_crm_corrects_reaches_tryton(crossroads: Crossroads, clerk: Rpc) -> None:
    """And leaves alone what only Tryton knows."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [party] = parties(clerk)
    clerk.call(
        "model.party.contact_mechanism.create", [{"party": party["id"], "type": "website", "value": "https://a.it"}]
    )
    [person] = crossroads.crm.records("Person")

    crossroads.crm.edit(person, first="Ada", last="Rossi Verdi", email="ada@example.com")
    crossroads.settle()

    [party] = parties(clerk)
    assert (party["name"], party["contacts"]) == (
        "Ada Rossi Verdi",
        [["email", "ada@example.com"], ["mobile", "+393471234567"]],
    )
    assert clerk.call("model.party.contact_mechanism.search_count", [["type", "=", "website"]]) == 1


def test_an_answer_written_in_tryton_is_sent_once(crossroads: Crossroads, clerk: Rpc) -> None:
    """Its record is the one the person wrote, and then says how the message fares."""
    asked_on_chat = crossroads.chat.write("ada", "Open today?", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [asked] = interactions(clerk)

    clerk.call("model.crocevia.interaction.create", [{"reply_to": asked["id"], "body": "Until seven."}])
    crossroads.settle()

    [message] = crossroads.chat.sent
    _, answer = interactions(clerk)
    assert (message.text, message.to.value, message.in_reply_to) == ("Until seven.", "ada", asked_on_chat)
    assert (answer["status"], answer["message_id"], answer["body"]) == ("delivered", "o2", "Until seven.")
    assert answer["key"]
    [sent] = [touch for touch in crossroads.crm.records("Touch").values() if touch["direction"] == "outbound"]
    assert (sent["text"], sent["status"]) == ("Until seven.", "delivered")


def test_a_party_deleted_in_tryton_is_not_revived(crossroads: Crossroads, clerk: Rpc) -> None:
    """The profile lives on in the other CRM."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [party] = parties(clerk)

    clerk.call("model.party.party.delete", [party["id"]])
    crossroads.settle()
    crossroads.chat.write("ada", "Still there?", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()

    assert parties(clerk) == []
    assert len(crossroads.crm.records("Person")) == 1
    assert len(crossroads.crm.records("Touch")) == 2


def test_parties_that_are_there_already_are_adopted(crossroads: Crossroads, clerk: Rpc) -> None:
    """By their number, before anything is created; an archived one is nobody's."""
    contacts = [["create", [{"type": "mobile", "value": "+39 347 123 4567"}]]]
    [ada, old] = clerk.call(
        "model.party.party.create", [{"name": "A. Rossi", "contact_mechanisms": contacts}, {"name": "Closed"}]
    )
    clerk.call("model.party.party.write", [old], {"active": False})
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()

    assert [party["id"] for party in parties(clerk)] == [ada]
    assert [interaction["party"] for interaction in interactions(clerk)] == [ada]
    assert len(crossroads.crm.records("Person")) == 1


def test_a_party_merged_in_tryton_goes_on_as_its_survivor(crossroads: Crossroads, clerk: Rpc) -> None:
    """Nothing is doubled: what comes later goes to the survivor, which has our key now."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [party] = parties(clerk)
    [kept] = clerk.call("model.party.party.create", [{"name": "Ada Rossi"}])
    session, _, _ = clerk.call("wizard.party.replace.create")
    clerk.call(
        "wizard.party.replace.execute", session, {"ask": {"source": party["id"], "destination": kept}}, "replace"
    )
    crossroads.settle()
    crossroads.chat.write("ada", "Are you there?", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()

    assert parties(clerk) == [{"id": kept, "name": "Ada Rossi", "contacts": [["mobile", "+393471234567"]]}]
    assert [interaction["party"] for interaction in interactions(clerk)] == [kept, kept]
    assert len(crossroads.crm.records("Person")) == 1


def test_a_create_whose_answer_was_lost_is_looked_up_before_it_is_made_again(
    crossroads: Crossroads, clerk: Rpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our key finds the party, and what a clerk has typed into it meanwhile stays and goes to the other CRM."""
    crossroads.settle()
    clock = crossroads.world.clock = FakeClock(datetime.now(UTC))
    send, creates = crossroads.wire.send, []

    def lose(request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        answer: requests.Response = send(request, **kwargs)
        method = json.loads(request.body or b"")["method"]
        if method in ("model.party.party.create", "model.crocevia.interaction.create"):
            creates.append(method)
            [party] = parties(clerk)
            clerk.call("model.party.party.write", [party["id"]], {"name": "Ada Lovelace"})
            raise requests.ConnectionError("reset by peer")
        return answer

    monkeypatch.setattr(crossroads.wire, "send", lose)
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads._webhooks()  # noqa: SLF001 - lane by lane
    for name in ("chat", "crm"):
        lane = Lane(crossroads.world, crossroads.world.lives[name], "by hand")
        for _ in range(8):
            lane.turn()
            clock.advance(2)
        lane.release()
    monkeypatch.undo()
    crossroads.settle()

    assert creates == ["model.party.party.create", "model.crocevia.interaction.create"]
    assert [party["name"] for party in parties(clerk)] == ["Ada Lovelace"]
    [person] = crossroads.crm.records("Person").values()
    assert person["last"] == "Ada Lovelace"
    assert len(interactions(clerk)) == 1
