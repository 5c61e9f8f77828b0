"""Twilio's connectors, an API to speak with, and a core that they are connected to."""

import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha1
from hmac import new
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from attrs import define, field

from crocevia import Connector, Event, ParseContext, Raw, Request, Secret
from crocevia.config.options import Options
from crocevia.identity import match, normalise
from crocevia.plugins import load_plugins
from crocevia.store import Store, books, journal, open_store
from crocevia.sync.lane import Lane
from crocevia.sync.world import World, live
from crocevia.testing import FakeClock, MemoryCRM
from crocevia_twilio import TwilioSms, TwilioVoice
from crocevia_twilio.form import pairs
from crocevia_twilio.sms import SmsSettings
from crocevia_twilio.voice import VoiceSettings
from tests.plugins.twilio.twilio_api import ACCOUNT, OURS, TwilioApi, served

HOOK = "https://crossroads.example/hooks/sms"
Parse = Callable[..., list[Event]]


def sms_settings(**changed: Any) -> SmsSettings:
    """Settings of a messaging connection, as `crocevia.toml` would give them."""
    given: dict[str, Any] = {"account_sid": ACCOUNT, "auth_token": Secret("authtoken"), "sender": OURS}
    return SmsSettings(**{**given, "webhook_url": HOOK, **changed})


def voice_settings(**changed: Any) -> VoiceSettings:
    """Settings of a connection for calls."""
    return VoiceSettings(**{"account_sid": ACCOUNT, "auth_token": Secret("authtoken"), **changed})


def signature(url: str, body: bytes, key: bytes = b"authtoken") -> str:
    """As Twilio signs a form."""
    signed = url.encode() + b"".join(name + value for name, value in sorted(set(pairs(body))))
    return b64encode(new(key, signed, sha1).digest()).decode()


def signed(url: str, body: bytes, key: bytes = b"authtoken") -> Request:
    """A webhook as Twilio sends it."""
    return Request(method="POST", url=url, headers={"x-twilio-signature": signature(url, body, key)}, body=body)


def form(**said: str) -> bytes:
    """A form of Twilio's."""
    return urlencode({"AccountSid": ACCOUNT, **said}).encode()


def parsed(connector: Connector[Any], body: bytes, query: str = "", clock: FakeClock | None = None) -> list[Event]:
    """What a connector makes of a body; every leaf is exactly one event."""
    now = (clock or FakeClock()).now()
    headers = {":query": query} if query else {}
    raw = Raw(connection="x", kind=connector.kind, body=body, received_at=now, headers=headers)
    events = list(connector.parse(raw, ParseContext(now=now, region="IT")))
    assert sorted(event.leaf for event in events) == sorted(connector.leaves(raw) or [])
    return events


@pytest.fixture
def api() -> Iterator[TwilioApi]:
    """A running API."""
    with served(TwilioApi()) as running:
        yield running


@define(eq=False)
class Hub:
    """One store, the connection under test (`road`) and a CRM in memory."""

    store: Store
    clock: FakeClock
    connector: Connector[Any]
    crm: MemoryCRM = field(init=False)
    world: World = field(init=False)
    lanes: list[Lane] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.crm = MemoryCRM(clock=self.clock)
        plugins = load_plugins(entry_points=(), builtin=(match, normalise))
        self.world = World(self.store, plugins.dispatcher, clock=self.clock, region="IT", alone=True)
        self.world.lives["road"] = live("road", self.connector, Options())
        self.world.lives["crm"] = live("crm", self.crm.connector("crm"), Options())
        self.lanes = [Lane(self.world, found, "test") for found in self.world.lives.values()]

    def post(self, *bodies: bytes, query: str = "") -> None:
        """Keep webhooks as the daemon does after it has verified them."""
        headers = {":query": query} if query else {}
        now = self.clock.now()
        kind = self.connector.kind
        journal.commit(
            self.store,
            [Raw(connection="road", kind=kind, body=body, received_at=now, headers=headers) for body in bodies],
        )

    def settle(self) -> None:
        """Every lane, until all is told; the books balance."""
        for _ in range(3):
            for lane in self.lanes:
                lane.poll_now()
                while lane.turn() == 0:
                    pass
            self.clock.advance(31)
        with self.store.reading() as connection:
            assert books.read(connection, "road").balanced

    def rows(self, table: sa.Table, **equal: Any) -> list[dict[str, Any]]:
        """Rows of a table, by id."""
        statement = sa.select(table).where(*(table.c[name] == value for name, value in equal.items()))
        with self.store.reading() as connection:
            return list(map(dict, connection.execute(statement.order_by(table.c.id)).mappings()))


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated store without rows, to be copied."""
    path = tmp_path_factory.mktemp("twilio") / "empty.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def hub(empty_store: Path, tmp_path: Path) -> Iterator[Callable[[Connector[Any]], Hub]]:
    """Makes a core with a connector plugged in."""
    shutil.copy(empty_store, tmp_path / "store.db")
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    yield lambda connector: Hub(store, connector.clock, connector)  # type: ignore[arg-type]  # tests give a FakeClock
    store.close()


@pytest.fixture
def sms() -> TwilioSms:
    """Messages."""
    return TwilioSms(sms_settings())


@pytest.fixture
def voice() -> TwilioVoice:
    """Calls that nobody is dialled for."""
    return TwilioVoice(voice_settings())
