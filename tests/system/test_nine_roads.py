"""One customer on nine roads, and two CRMs: one profile, one timeline, every touch once, answers out on their road."""

import json
import shutil
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from attrs import define, field

from crocevia import Raw, Secret
from crocevia.config.options import Options
from crocevia.identity import match, normalise
from crocevia.plugins import load_plugins
from crocevia.store import Store, books, journal, open_store, profiles
from crocevia.store.tables import interactions
from crocevia.store.tables import profiles as profile_table
from crocevia.sync.hand import by_hand
from crocevia.sync.lane import Lane
from crocevia.sync.merge import merge
from crocevia.sync.world import World, live
from crocevia.testing import FakeClock, MemoryCRM, Peer
from crocevia_asterisk import Asterisk
from crocevia_asterisk.settings import Settings as Exchange
from crocevia_email import Email
from crocevia_email import Settings as Mailbox
from crocevia_meta import FacebookPage, Instagram, Messenger, WhatsApp
from crocevia_meta.facebook_page.settings import Settings as Page
from crocevia_meta.instagram.settings import Settings as Account
from crocevia_meta.messenger.settings import Settings as Inbox
from crocevia_meta.whatsapp.settings import Settings as Number
from crocevia_twilio import TwilioSms
from crocevia_twilio.sms import SmsSettings
from crocevia_visits import Settings as Tills
from crocevia_visits import Visits
from crocevia_webchat import WebChat
from crocevia_webchat.settings import Settings as Site
from tests.plugins.asterisk.exchange_peer import ExchangePeer
from tests.plugins.email.mail_peer import MailPeer
from tests.plugins.meta.social_peer import InstagramPeer, PagePeer, SocialPeer
from tests.plugins.meta.whatsapp_peer import WhatsAppPeer
from tests.plugins.twilio.peers import SmsPeer
from tests.plugins.twilio.twilio_api import ACCOUNT, OURS
from tests.plugins.visits.till_peer import TillPeer
from tests.plugins.webchat.visitor_peer import VisitorPeer

NUMBER, EMAIL, VISITOR = "+393474820915", "sofia@ferraro.example", "v" + "0" * 32
CALL = Path(__file__).parents[1] / "plugins/asterisk/samples/inbound_answered.json"
META: Any = {name: Secret(name * 3) for name in ("app_secret", "access_token", "verify_token")}
MAIL: Any = {"imap_host": "127.0.0.1", "imap_security": "none", "smtp_host": "127.0.0.1", "smtp_security": "none"}
ROADS: Mapping[str, tuple[Any, type[Peer], Any]] = {
    "till": (Visits, TillPeer, Tills(secret=Secret("s" * 32), programme="p", trusts_contacts=True)),
    "whatsapp": (WhatsApp, WhatsAppPeer, Number(phone_number_id="106540352242922", **META)),
    "phone": (Asterisk, ExchangePeer, Exchange(user="u", secret=Secret("s"), trunks=("PJSIP/trunk-*",))),
    "sms": (
        TwilioSms,
        SmsPeer,
        SmsSettings(account_sid=ACCOUNT, auth_token=Secret("authtoken"), webhook_url="https://x.example/hooks/sms"),
    ),
    "email": (
        Email,
        MailPeer,
        Mailbox(
            username="info", password=Secret("p"), addresses=("info@shop.example",), authserv_id="mx.example", **MAIL
        ),
    ),
    "site": (WebChat, VisitorPeer, Site(site="shop.example", secret=Secret("s" * 32))),
    "messenger": (Messenger, SocialPeer, Inbox(page_id="1065000000000001", **META)),
    "instagram": (Instagram, InstagramPeer, Account(account_id="17841400000000001", **META)),
    "page": (FacebookPage, PagePeer, Page(page_id="1065000000000001", **META)),
}
ANSWERED = [road for road in ROADS if road not in ("till", "phone")]


@define(eq=False)
class Town:
    """A store, the nine roads to it, and two CRMs beyond."""

    store: Store
    clock: FakeClock
    world: World = field(init=False)
    peers: dict[str, Any] = field(factory=dict)
    crms: dict[str, MemoryCRM] = field(factory=dict)
    lanes: list[Lane] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        plugins = load_plugins(entry_points=(), builtin=(match, normalise))
        self.world = World(self.store, plugins.dispatcher, clock=self.clock, region="IT", alone=True)
        for name, (connector, peer, settings) in ROADS.items():
            self.peers[name] = peer(settings, self.clock)
            made = self.peers[name].connector(connector)
            made.connection = name
            self.world.lives[name] = live(name, made, Options(answers_in_public=name == "page"))
        for name in ("a", "b"):
            self.crms[name] = MemoryCRM(clock=self.clock)
            self.world.lives[name] = live(name, self.crms[name].connector(name), Options(merges=True))
        self.lanes = [Lane(self.world, found, "test") for found in self.world.lives.values()]

    def tell(self, road: str, body: bytes | str | dict[str, Any], headers: Mapping[str, str] = {}) -> None:
        """Something comes in by a road, twice, as vendors do."""
        text = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        kind, now = self.world.lives[road].kind, self.clock.now()
        raw = Raw(connection=road, kind=kind, body=text, received_at=now, headers=headers)
        journal.commit(self.store, [raw, raw])
        self.settle()

    def settle(self) -> None:
        """Every lane, until all is told; the books balance."""
        for _ in range(4):
            for lane in self.lanes:
                lane.poll_now()
                while lane.turn() == 0:
                    pass
            self.clock.advance(31)
        with self.store.reading() as connection:
            assert all(books.read(connection, name).balanced for name in self.world.lives)

    def ms(self) -> int:
        """Now, in Unix milliseconds."""
        return int(self.clock.now().timestamp() * 1000)

    def rows(self, table: sa.Table) -> list[Any]:
        """Rows of a table, by id."""
        with self.store.reading() as connection:
            return list(connection.execute(sa.select(table).order_by(table.c.id)))

    def are_one(self, road: str) -> None:
        """A person says that whoever wrote last by a road is the customer whom we know."""
        [first, *_], last = self.rows(interactions), self.rows(interactions)[-1]
        assert last.connection == road
        with by_hand(self.world) as batch:
            found = profiles.load_canonical(batch.transaction, [first.profile_id, last.profile_id])
            rows = batch.load_profiles([row.id for row in found.values()])
            one, other = rows[found[first.profile_id].id], rows[found[last.profile_id].id]
            merge(batch, one, other, by="person", reason="she said so")
        self.settle()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Everything, on an empty store."""
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    made = Town(store, FakeClock())
    yield made
    for peer in made.peers.values():
        peer.close()
    store.close()
    shutil.rmtree(tmp_path, ignore_errors=True)


def _called(town: Town) -> dict[str, Any]:
    """A call of hers that was answered, as the exchange told it, begun now."""
    told = CALL.read_text().replace("+393331112233", NUMBER).replace('"1795300', '"x')
    story: dict[str, Any] = json.loads(told)
    events = [event for leaf in story["calls"] for event in leaf["events"]]
    began = min(event["at"] for event in events)
    for event in events:
        event["at"] += town.clock.now().timestamp() - began
    return story


def _mail(town: Town) -> bytes:
    mail = EmailMessage()
    mail["Authentication-Results"] = "mx.example; dmarc=pass header.from=ferraro.example"
    mail["From"], mail["To"] = f"Sofia Ferraro <{EMAIL}>", "info@shop.example"
    mail["Subject"], mail["Message-ID"] = "Preventivo", "<m1@ferraro.example>"
    mail["Date"] = format_datetime(town.clock.now())
    mail.set_content("Mi mandate un preventivo?")
    return mail.as_bytes()


def _social(town: Town, road: str) -> bytes:
    """What she wrote in private to the page or the account."""
    peer = town.peers[road]
    peer.world.waiting.clear()
    peer.world.message(peer.place, "Sofia", {"text": "Due foto?"})
    [body] = peer.world.due()
    told = json.loads(body)
    told["entry"][0]["messaging"][0]["timestamp"] = town.ms()
    return json.dumps(told).encode()


def _comment(town: Town) -> bytes:
    peer = town.peers["page"]
    peer.world.waiting.clear()
    peer.world.comment("page", "Sofia", "Bravissimi!")
    [body] = peer.world.due()
    told = json.loads(body)
    told["entry"][0]["changes"][0]["value"]["created_time"] = town.ms() // 1000
    return json.dumps(told).encode()


def _walk(town: Town) -> None:
    """Sofia takes every road, one after the other."""
    at = town.clock.now().isoformat()
    town.tell("till", {"receipt": "1", "shop": "Torino", "till": "1", "amount": "9.00", "loyalty": "C1", "at": at})
    known = {"loyalty": "C1", "phone": NUMBER, "email": EMAIL, "name": "Sofia Ferraro"}
    town.tell("till", {"type": "link", **known, "at": town.clock.now().isoformat()})
    number, at_s = NUMBER.removeprefix("+"), str(town.ms() // 1000)
    message = {"from": number, "id": "wamid.1", "timestamp": at_s, "type": "text", "text": {"body": "Aperti?"}}
    contact = {"wa_id": number, "profile": {"name": "Sofia"}}
    town.peers["whatsapp"].vendor.write(number, {"type": "text", "text": {"body": "Aperti?"}}, name="Sofia")
    town.tell("whatsapp", town.peers["whatsapp"]._delivery({"contacts": [contact], "messages": [message]}))  # noqa: SLF001
    town.tell("phone", _called(town))
    text = {"MessageSid": "SM" + "1" * 32, "From": NUMBER, "To": OURS, "Body": "Sabato?", "SmsStatus": "received"}
    town.tell("sms", urlencode(text))
    town.tell("email", _mail(town), {"imap-folder": "INBOX"})
    visitor = {"site": "shop.example", "visitor": VISITOR}
    identity = {"subject": "88", "name": "Sofia Ferraro", "email": EMAIL, "email_verified": True}
    town.tell("site", {"events": [{"type": "identified", "id": "i", **visitor, "at": town.ms(), "identity": identity}]})
    said = {"type": "message", "id": "1", "text": "Con carta?"}
    town.tell("site", {"events": [{**said, **visitor, "at": town.ms()}]})
    for road in ("messenger", "instagram"):
        town.tell(road, _social(town, road))
        town.are_one(road)
    town.tell("page", _comment(town))


def test_one_customer_on_nine_roads(town: Town) -> None:
    """Each road told twice: one profile, one record and one timeline in each CRM; each answer on its road, once."""
    _walk(town)

    assert [row.connection for row in sorted(town.rows(interactions), key=lambda row: row.at)] == list(ROADS)
    assert len({row.profile_id for row in town.rows(interactions)}) == 1
    assert len([row for row in town.rows(profile_table) if row.merged_into is None]) == 1
    for crm in town.crms.values():
        [person] = crm.records()
        touches = sorted(crm.records("Touch").values(), key=lambda touch: touch["at"])
        assert [touch["connection"] for touch in touches] == list(ROADS)
        assert {touch["person"] for touch in touches} == {person}

    [person] = town.crms["a"].records()
    for road in ANSWERED:
        words = f"Certo, {road}"
        asked: Any = {"person": person, "connection": road, "direction": "outbound", "status": "to send", "text": words}
        town.crms["a"].create("Touch", **asked)
    town.settle()

    for road in ANSWERED:
        if road != "site":  # nothing leaves there: the visitor reads it in the log
            assert [taken.text for taken in town.peers[road].taken] == [f"Certo, {road}"]
    for crm in town.crms.values():
        touches = list(crm.records("Touch").values())
        sent = {touch["text"]: touch["status"] for touch in touches if touch["direction"] == "outbound"}
        assert sent == {f"Certo, {road}": "sent" for road in ANSWERED}
        assert len(touches) == len(ROADS) + len(ANSWERED)
