"""Channels of the company's own, whichever connector serves them: addresses, limits, waiting, and a small one whole."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
import requests

from crocevia import (
    ContactPoint,
    InteractionSeen,
    Party,
    Request,
    ServesVisitors,
    Visit,
    VisitorReads,
    VisitorReply,
    VisitorSaid,
)
from crocevia.errors import SignatureError, StoreError
from crocevia.store.conversations import Mark
from crocevia.store.journal import GroupCommit
from crocevia.store.tables import interactions
from crocevia.sync.intake import take_in
from crocevia.sync.world import live
from crocevia.web.app import build_app, serve
from crocevia.web.caller import address
from crocevia.web.throttle import Throttle
from crocevia.web.waiting import Waiting
from tests.core.conftest import Script, ScriptSettings, scripted


class Guestbook(Script, ServesVisitors):
    """Whoever says his name may write and read under it."""

    kind = "guestbook"

    def origins(self) -> Sequence[str]:
        """No pages."""
        return ()

    def serve(self, request: Request, path: str, now: datetime) -> Visit | None:
        """`/chat/guestbook/<name>`."""
        if not path:
            raise SignatureError("say your name")
        if request.method == "GET":
            after = request.query.get("after", "")
            return VisitorReads(visitor=path, conversations=(path,), after=after, also={"welcome": True})
        author = Party([ContactPoint("guest", "", path)])
        count = request.query["n"]
        seen = InteractionSeen(key=f"{path}{count}", author=author, at=now, conversation=path, text=f"no. {count}")
        return VisitorSaid(visitor=path, body=scripted(seen), reply=VisitorReply.json("thanks"))


@pytest.fixture
def guestbook(crossroads: Any) -> Iterator[str]:
    """Its URL."""
    world = crossroads.world
    world.lives["book"] = live("book", Guestbook(ScriptSettings(), connection="book"), world.lives["chat"].options)
    journal = GroupCommit(crossroads.store, lambda names: None)
    served = serve(build_app(world, journal))
    yield f"{served.url}/chat/book"
    served.stop()
    journal.close()


def test_any_connector_may_serve_visitors(crossroads: Any, guestbook: str) -> None:
    """What is posted is in the journal before the 200, and in the log and his own conversation after a turn."""
    for path, count in (("ada", 1), ("bob", 1), ("ada", 2), ("ada", 2)):
        answer = requests.post(f"{guestbook}/{path}?n={count}", timeout=20)
        assert (answer.status_code, answer.json()) == (200, "thanks")
    take_in(crossroads.world, crossroads.world.lives["book"])
    found = requests.get(f"{guestbook}/ada", timeout=20).json()
    assert found["welcome"] is True
    assert [(line["from"], line["key"], line["text"]) for line in found["lines"]] == [
        ("visitor", "ada1", "no. 1"),
        ("visitor", "ada2", "no. 2"),
    ]
    assert requests.get(f"{guestbook}/ada?after={found['cursor']}", timeout=20).json()["lines"] == []
    assert requests.get(f"{guestbook}/", timeout=20).status_code == 401


def test_only_what_was_said_between_the_two_is_shown(crossroads: Any, guestbook: str) -> None:
    """Notes, what was never sent or has failed, and what is no message, stay in the log."""
    guest = Party([ContactPoint("guest", "", "ada")])
    told: list[dict[str, Any]] = [
        {"key": "1", "author": guest},
        {"key": "2", "author": Party(), "direction": "internal", "status": "read"},
        {"key": "3", "author": Party(), "direction": "outbound", "recipients": (guest,)},
        {"key": "4", "author": Party(), "direction": "outbound", "recipients": (guest,), "status": "failed"},
        {"key": "5", "author": Party(), "direction": "outbound", "recipients": (guest,), "status": "delivered"},
        {"key": "6", "author": guest, "kind": "call"},
    ]
    seen = [InteractionSeen(at=crossroads.clock.now(), conversation="ada", **one) for one in told]
    crossroads.post(scripted(*seen), connection="book")
    take_in(crossroads.world, crossroads.world.lives["book"])
    assert len(crossroads.rows(interactions)) == 6
    found = requests.get(f"{guestbook}/ada", timeout=20).json()
    assert [(line["key"], line["from"]) for line in found["lines"]] == [("1", "visitor"), ("5", "company")]


# --- addresses and limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "forwarded", "expected"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("::1", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.1", "", "198.51.100.1"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        (None, "", ""),
    ],
)
def test_a_client_cannot_say_that_it_is_another(client: str | None, forwarded: str, expected: str) -> None:
    """Only a proxy on this machine is believed, and only what it has added itself."""
    scope = {"client": None if client is None else (client, 1)}
    assert address(scope, {"x-forwarded-for": forwarded} if forwarded else {}) == expected


def test_a_bucket_fills_up_again_with_time() -> None:
    """A burst, then as many a minute as it says; it says how long to wait, and never grows over the burst."""
    throttle = Throttle(burst=2, per_minute=60)
    assert [throttle.wait_s("ada", 0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert throttle.wait_s("ada", 0.75) == 0.25
    assert throttle.wait_s("ada", 1.0) == 0.0
    assert [throttle.wait_s("ada", 1000.0) for _ in range(3)] == [0.0, 0.0, 1.0]


def test_a_million_strangers_take_no_memory() -> None:
    """Who was not heard of for longest is forgotten; who keeps calling is not."""
    throttle = Throttle(burst=1, per_minute=1, most=100)
    throttle.wait_s("ada", 0.0)
    for number in range(1000):
        throttle.wait_s(str(number), 0.0)
        assert throttle.wait_s("ada", 0.0) > 0
    assert len(throttle) == 100


# --- waiting --------------------------------------------------------------------------------------------------------


def wait_for(waiting: Waiting, *waits: tuple[tuple[str, ...], tuple[Mark | None, ...]], seconds: float = 5.0) -> float:
    """Wait for several at once; how long it took."""

    async def all_of() -> float:
        loop = asyncio.get_running_loop()
        began, gone = loop.time(), loop.create_future()
        await asyncio.gather(*(waiting.news(names, marks, seconds, gone) for names, marks in waits))
        return loop.time() - began

    return asyncio.run(all_of())


def test_one_look_serves_all_who_wait() -> None:
    """However many wait, and for whichever of their conversations; a store that fails for a while is asked again."""
    looks: list[set[str]] = []

    def look(wanted: Collection[str]) -> Mapping[str, Mark]:
        looks.append(set(wanted))
        if len(looks) == 1:
            raise StoreError("not now")
        return {"a": (1, 1), "b": (2, 2)}

    waits = [(("a",), (None,)), (("b", "a"), ((2, 2), None)), *[(("b",), ((1, 1),))] * 50]
    assert wait_for(Waiting(look, every_s=0.01), *waits) < 4
    assert looks == [{"a", "b"}, {"a", "b"}]


def test_without_news_the_wait_ends_in_time_and_a_full_house_waits_for_nobody() -> None:
    """Nothing else wakes him; who finds no place is answered at once."""
    waiting = Waiting(lambda wanted: {"a": (1, 1)}, every_s=0.01, most=1)
    assert 0.1 <= wait_for(waiting, (("a",), ((1, 1),)), seconds=0.1) < 3
    assert len(waiting) == 0
    full = Waiting(lambda wanted: {}, every_s=0.01, most=0)
    assert wait_for(full, (("a",), (None,)), seconds=60) < 3
