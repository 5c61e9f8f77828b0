"""A shop whose web chat is served over real HTTP, with a CRM in memory behind it."""

import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
import sqlalchemy as sa
from attrs import define, evolve, field

from crocevia import FieldSchema, Secret
from crocevia.config.options import Options
from crocevia.identity import match, normalise
from crocevia.mapping import CODECS, Plain
from crocevia.plugins import load_plugins
from crocevia.store import Store, books, open_store
from crocevia.store.journal import GroupCommit
from crocevia.sync.lane import Lane
from crocevia.sync.world import World, live
from crocevia.testing import FakeClock, MemoryCRM
from crocevia.web.server import Served, serve
from crocevia.web.visitors import Visitors
from crocevia_webchat import Settings, WebChat

SECRET = "a secret of the shop, of 32 characters"
PAGE = "https://www.shop.example"


def make_settings(**changed: Any) -> Settings:
    """Settings as `crocevia.toml` would give them."""
    given: dict[str, Any] = {"site": "shop.example", "secret": Secret(SECRET), "origins": (PAGE,), "name": "The Shop"}
    return Settings(**{**given, **changed})


@define
class Caller:
    """A browser or an app: it has a token, and sees lines."""

    url: str
    origin: str | None = PAGE
    token: str | None = None
    visitor: str = ""
    cursor: str = ""

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """One call, with what the caller has."""
        headers = dict(more.pop("headers", {}))
        if self.origin is not None:
            headers["origin"] = self.origin
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        return requests.request(method, f"{self.url}/{path}", json=body, headers=headers, timeout=40, **more)

    def open(self, identity: str | None = None, **asked: Any) -> dict[str, Any]:
        """Open or renew the session."""
        told = {"token": self.token, **({} if identity is None else {"identity": identity}), **asked}
        answer = self.call("POST", "session", told)
        assert answer.status_code == 200, answer.text
        opened: dict[str, Any] = answer.json()
        self.token, self.visitor = opened["token"], opened["visitor"]
        return opened

    def write(self, text: str, key: str | None = None, **more: Any) -> requests.Response:
        """Write a message."""
        return self.call("POST", "messages", {"id": key or str(uuid.uuid4()), "text": text, **more})

    def look(self, wait_s: int = 0) -> list[dict[str, Any]]:
        """What is new, and go on from there."""
        answer = self.call("GET", f"messages?after={self.cursor}&wait={wait_s}")
        assert answer.status_code == 200, answer.text
        self.cursor = answer.json()["cursor"]
        found: list[dict[str, Any]] = answer.json()["lines"]
        return found

    def texts(self) -> list[tuple[str, str | None]]:
        """The whole history: who, what."""
        self.cursor = ""
        return [(line["from"], line["text"]) for line in self.look()]


@define(eq=False)
class Shop:
    """What a daemon serves to visitors, and its lanes, over one store; the lanes turn when the test says so."""

    store: Store
    clock: FakeClock
    crm: MemoryCRM
    settings: Settings = field(factory=make_settings)
    port: int = 0
    world: World = field(init=False)
    lanes: dict[str, Lane] = field(init=False)
    journal: GroupCommit = field(init=False)
    visitors: Visitors = field(init=False)
    served: Served = field(init=False)

    def __attrs_post_init__(self) -> None:
        touch = self.crm.schemas["Touch"]
        more = {"buttons": FieldSchema(name="buttons", type="text")}
        self.crm.schemas = {**self.crm.schemas, "Touch": evolve(touch, fields={**touch.fields, **more})}
        plugins = load_plugins(entry_points=(), builtin=(match, normalise))
        self.world = World(self.store, plugins.dispatcher, clock=self.clock, region="IT", alone=True)
        chat = WebChat(self.settings, connection="web", clock=self.clock)
        other = WebChat(make_settings(site="other.example"), connection="other", clock=self.clock)
        for name, connector in (("web", chat), ("other", other), ("crm", self.crm.connector("crm"))):
            self.world.lives[name] = live(name, connector, Options())
        mappings = self.world.lives["crm"].mappings
        choices = Plain(name="buttons", field="buttons", codec=CODECS["text"])
        mappings["Touch"] = evolve(mappings["Touch"], lenses=(*mappings["Touch"].lenses, choices))
        self.lanes = {name: Lane(self.world, self.world.lives[name], "test") for name in ("web", "crm")}
        self.journal = GroupCommit(self.store, lambda names: None)
        self.visitors = Visitors(self.world, self.journal)
        self.visitors.waiting.every_s = 0.02
        self.served = serve(self.visitors, port=self.port)

    def caller(self, connection: str = "web", **given: Any) -> Caller:
        """Somebody new."""
        return Caller(f"{self.served.url}/chat/{connection}", **given)

    def settle(self) -> None:
        """Every lane, until all is told."""
        for _ in range(2):
            for lane in self.lanes.values():
                lane.poll_now()
                while lane.turn() == 0:
                    pass
            self.clock.advance(31)

    def reply(self, text: str, person: str | None = None, **values: Any) -> str:
        """Somebody answers in the CRM, to the one customer there is."""
        person = person or next(iter(self.crm.records()))
        return self.crm.create("Touch", person=person, direction="outbound", status="to send", text=text, **values)

    def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        """Every row of a table."""
        with self.store.reading() as connection:
            return [dict(row._mapping) for row in connection.execute(sa.select(table))]  # noqa: SLF001 - SQLAlchemy's public name

    def books(self, name: str = "web") -> books.Books:
        """The books of a connection."""
        with self.store.reading() as connection:
            return books.read(connection, name)

    def identity(self, key: str = SECRET, **claims: Any) -> str:
        """As the shop's own server signs it."""
        now = int(self.clock.now().timestamp())
        told = {"sub": "user-7", "iat": now, "exp": now + 300, **claims}
        return jwt.encode({name: value for name, value in told.items() if value is not None}, key, algorithm="HS256")

    def close(self) -> None:
        """Stop everything."""
        self.served.stop()
        self.journal.close()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated store without rows, to be copied."""
    path = tmp_path_factory.mktemp("webchat") / "template.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def open_shop(tmp_path: Path, migrated: Path) -> Iterator[Callable[..., Shop]]:
    """Opens shops on one store, each of whose settings the test may change; the clock moves only when told."""
    path = tmp_path / "store.db"
    shutil.copy(migrated, path)
    store = Store(f"sqlite:///{path}")
    clock = FakeClock()
    crm = MemoryCRM(clock=clock)
    opened: list[Shop] = []

    def make(**changed: Any) -> Shop:
        opened.append(Shop(store, clock, crm, make_settings(**changed)))
        return opened[-1]

    yield make
    for shop in opened:
        shop.close()
    store.close()


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    """A shop that is always open."""
    return open_shop()


def eventually(holds: Callable[[], Any], seconds: float = 10.0) -> Any:
    """What a function gives as soon as that is true. Fails when it never is."""
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.005)
    return found
