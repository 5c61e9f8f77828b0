"""One subscription, three channels: all come to one URL, and answers go out where each was said.

A simulated page and account deliver over HTTP to the real web server; a CRM in memory stands behind it.
"""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import define, field

from crocevia import Connector, Secret
from crocevia.config.options import Options
from crocevia.identity import match, normalise
from crocevia.plugins import load_plugins
from crocevia.store import Store, books
from crocevia.store.journal import GroupCommit
from crocevia.store.tables import commands, interactions
from crocevia.store.tables import journal as raws
from crocevia.sync.lane import Lane
from crocevia.sync.world import World, live
from crocevia.testing import FakeClock, MemoryCRM
from crocevia.web.app import build_app, serve
from crocevia_meta import FacebookPage, Instagram, Messenger
from crocevia_meta.facebook_page import Settings as PageSettings
from crocevia_meta.instagram import Settings as InstagramSettings
from crocevia_meta.messenger import Settings as MessengerSettings
from crocevia_meta.simulator.social import People, RunningSocial, SocialSettings, running_social
from tests.plugins.road import empty_store

__all__ = ["empty_store"]
SECRETS: dict[str, Any] = {name: Secret(name) for name in ("app_secret", "access_token", "verify_token")}
PAGE, ACCOUNT = "1065000000000001", "17841400000000001"
CHANNELS = ("messenger", "facebook_page", "instagram")


@define(eq=False)
class Shop:
    """A store, three channels that share the URL of the first, and a CRM.

    Attributes:
        answers_in_public: Whether what was said in public is answered so, where nobody says.
    """

    store: Store
    social: RunningSocial
    answers_in_public: bool = True
    clock: FakeClock = field(factory=lambda: FakeClock(datetime.now(UTC)))
    crm: MemoryCRM = field(init=False)
    world: World = field(init=False)
    lanes: list[Lane] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.crm = MemoryCRM(clock=self.clock)
        plugins = load_plugins(entry_points=(), builtin=(match, normalise))
        self.world = World(self.store, plugins.dispatcher, clock=self.clock, region="IT", alone=True)
        known: dict[str, Any] = {"base_url": self.social.url, **SECRETS}
        made: dict[str, Connector[Any]] = {
            "messenger": Messenger(MessengerSettings(page_id=PAGE, **known), connection="messenger", clock=self.clock),
            "facebook_page": FacebookPage(
                PageSettings(page_id=PAGE, **known), connection="facebook_page", clock=self.clock
            ),
            "instagram": Instagram(
                InstagramSettings(account_id=ACCOUNT, **known), connection="instagram", clock=self.clock
            ),
            "crm": self.crm.connector("crm"),
        }
        for name, connector in made.items():
            shared = CHANNELS[1:] if name == "messenger" else ()
            options = Options(webhooks_for=shared, answers_in_public=self.answers_in_public)
            self.world.lives[name] = live(name, connector, options)
        self.lanes = [Lane(self.world, found, "test") for found in self.world.lives.values()]

    @property
    def people(self) -> People:
        """Who writes."""
        return self.social.people

    def settle(self) -> None:
        """Every delivery and every lane, until all is told; the books of each connection balance."""
        for _ in range(3):
            assert self.people.wait_idle()
            for lane in self.lanes:
                lane.poll_now()
                while lane.turn() == 0:
                    pass
            self.clock.advance(31)
        with self.store.reading() as connection:
            for name in CHANNELS:
                found = books.read(connection, name)
                assert (found.balanced, found.incoming.quarantined) == (True, 0), (name, found)

    def answer(self, text: str, **more: Any) -> None:
        """Somebody answers the one customer who wrote in private, in the CRM, on a road of his choice."""
        [person] = self.crm.records()
        self.crm.create("Touch", person=person, direction="outbound", status="to send", text=text, **more)
        self.settle()

    def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        """Rows of a table, by id."""
        with self.store.reading() as connection:
            return list(map(dict, connection.execute(sa.select(table).order_by(table.c.id)).mappings()))

    def touches(self, connection: str) -> list[tuple[Any, ...]]:
        """`(direction, kind, text, status)` of a connection's interactions that left a key, oldest first."""
        return [
            (row["direction"], row["kind"], row["text"], row["status"])
            for row in self.rows(interactions)
            if row["connection"] == connection
        ]


@pytest.fixture
def shop(empty_store: Path, tmp_path: Path) -> Iterator[Shop]:
    """Everything running; what happens on the page is told to `/hooks/messenger`."""
    shutil.copy(empty_store, tmp_path / "store.db")
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    settings = SocialSettings(app_secret=SECRETS["app_secret"], access_token=SECRETS["access_token"], backoff_s=0.02)
    with running_social(settings) as social:
        made = Shop(store, social)
        journal = GroupCommit(store, lambda names: None)
        served = serve(build_app(made.world, journal))
        social.people.webhook(f"{served.url}/hooks/messenger")
        yield made
        social.world.webhook = None
        served.stop()
        journal.close()
    store.close()


def test_each_channel_takes_its_own_from_the_one_url(shop: Shop) -> None:
    """Everything once, in the channel where it was said; who comments and who writes on the page is one customer."""
    shop.people.message("Anna", "Avete la taglia M?")
    shop.people.comment("Anna", "Bella!")
    shop.people.direct("anna_neri", "E la 54?")
    shop.people.comment_on_instagram("bea", "Che colori")
    shop.settle()
    assert shop.touches("messenger") == [("inbound", "message", "Avete la taglia M?", None)]
    assert shop.touches("facebook_page") == [("inbound", "comment", "Bella!", None)]
    assert sorted(shop.touches("instagram")) == [
        ("inbound", "comment", "Che colori", None),
        ("inbound", "message", "E la 54?", None),
    ]
    whose = {row["text"]: row["profile_id"] for row in shop.rows(interactions)}
    assert whose["Avete la taglia M?"] == whose["Bella!"]
    assert len(set(whose.values())) == 3
    kept = {name: [bytes(row["body"]) for row in shop.rows(raws) if row["connection"] == name] for name in CHANNELS}
    assert kept["messenger"] == kept["facebook_page"] == kept["instagram"] != []
    assert len(shop.crm.records()) == 2, "a passer-by's public comment alone makes no record"


def test_answers_go_out_where_each_was_said(shop: Shop) -> None:
    """On Messenger as a message, under the comment as a comment; their echoes are no touches of their own."""
    shop.people.message("Anna", "Avete la taglia M?")
    comment = shop.people.comment("Anna", "Bella!")
    shop.settle()
    shop.answer("Sì, venga", connection="messenger")
    shop.answer("Grazie!", connection="facebook_page")
    assert [(said["place"], said["public"], said["text"]) for said in shop.people.said()] == [
        ("page", False, "Sì, venga"),
        ("page", True, "Grazie!"),
    ]
    assert shop.people.said()[1]["to"] == comment
    assert [row["state"] for row in shop.rows(commands)] == ["done", "done"]
    assert len(shop.rows(interactions)) == 4
    assert sorted(
        (row["text"], row["status"]) for row in shop.rows(interactions) if row["direction"] == "outbound"
    ) == [("Grazie!", "sent"), ("Sì, venga", "delivered")]


def test_what_is_private_is_told_to_nobody_else(shop: Shop) -> None:
    """An answer to a comment that nobody marked as public goes in private, and its echo is no second touch."""
    shop.world.lives["facebook_page"].options = Options()
    shop.people.message("Anna", "Ciao")
    shop.people.comment("Bea", "Anch'io")
    shop.people.comment("Anna", "Quanto costa?")
    shop.settle()
    shop.answer("390 euro", connection="facebook_page")
    [said] = shop.people.said()
    assert (said["public"], said["to"]) == (False, shop.people.person("page", "Anna"))
    assert [row["text"] for row in shop.rows(interactions)].count("390 euro") == 1


def test_edits_removals_and_the_pages_own_words_find_whom_they_are_about(shop: Shop) -> None:
    """A colleague answers in the page's own app: it is of the customer whose comment it answers."""
    shop.people.message("Anna", "Ciao")
    first = shop.people.comment("Anna", "Quanto cossta?")
    shop.settle()
    shop.people.edit(first, "Quanto costa?")
    with shop.social.world.lock:
        shop.social.world.answered(shop.social.world.comments[first], "390 euro")
    second = shop.people.comment("Anna", "Troppo")
    shop.people.remove(second)
    shop.settle()
    found = {row["key"]: row for row in shop.rows(interactions)}
    assert found[first]["text"] == "Quanto costa?"
    assert (found[second]["text"], bool(found[second]["removed"])) == (None, True)
    [ours] = [row for row in found.values() if row["direction"] == "outbound"]
    assert (ours["text"], ours["profile_id"]) == ("390 euro", found[first]["profile_id"])


@pytest.mark.parametrize("road", ["messenger", "facebook_page"])
def test_a_send_whose_answer_was_lost_is_settled_by_its_echo(shop: Shop, road: str) -> None:
    """The echo hands our id back, of a private answer to a comment too: nothing is sent twice, and nobody is asked."""
    shop.world.lives["facebook_page"].options = Options()
    shop.people.message("Anna", "Ciao")
    shop.people.comment("Anna", "Quanto costa?")
    shop.settle()
    shop.people.lose_answers()
    shop.answer("Eccomi", connection=road)
    assert [row["state"] for row in shop.rows(commands)] == ["done"]
    assert len(shop.people.said()) == 1
    [ours] = [row for row in shop.rows(interactions) if row["direction"] == "outbound"]
    assert (ours["text"], ours["status"]) == ("Eccomi", "delivered" if road == "messenger" else "sent")
