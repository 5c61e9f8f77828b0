"""Normal forms that change with a version: the same subscriber written in two ways is one customer."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from crocevia.identity.normalise import VERSION, phone
from crocevia.store import Store, cursors
from crocevia.store import profiles as profile_store
from crocevia.store.tables import claim_aliases, claims, profiles, reviews
from crocevia.sync.hand import by_hand
from crocevia.sync.merge import merge
from crocevia.sync.renormalise import STREAM, renormalise
from tests.core.conftest import Crossroads, Script
from tests.core.test_identity_resolve import mail, said
from tests.core.test_identity_resolve import phone as number
from tests.core.test_sync_merge import SQLITE, living, loaded, owners, take_back, take_in


@pytest.fixture
def crossroads(crossroads: Crossroads) -> Crossroads:
    """With a channel that says what it is told to."""
    crossroads.more["script"] = lambda: Script(Script.settings_type()(), connection="script")
    return crossroads


@pytest.mark.parametrize(
    ("text", "region", "normal"),
    [
        ("+55 11 98123-4567", None, "+5511981234567"),
        ("+55 11 8123-4567", None, "+5511981234567"),
        ("11 8123-4567", "BR", "+5511981234567"),
        ("+55 31 9123-4567", None, "+5531991234567"),
        ("+55 11 3123-4567", None, "+551131234567"),
        ("+55 11 5123-4567", None, "+551151234567"),
        ("+55 11 7123-4567", None, "+551171234567"),
        ("+52 1 55 1234 5678", None, "+525512345678"),
        ("+52 55 1234 5678", None, "+525512345678"),
        ("11 15 2345-6789", "AR", "+5491123456789"),
        ("+54 11 2345-6789", None, "+541123456789"),
    ],
)
def test_one_subscriber_has_one_form(text: str, region: str | None, normal: str) -> None:
    """Brazilian mobiles with and without the ninth digit; landlines, and what is valid as it is, stay."""
    assert phone(text, region) == normal


def breaking(function: Callable[..., Any], *, after: int) -> Callable[..., Any]:
    """A function that works so many times."""
    left = [None] * after

    def called(*arguments: Any) -> Any:
        if not left:
            raise ConnectionError
        left.pop()
        return function(*arguments)

    return called


def as_before(store: Store, addresses: dict[str, str]) -> None:
    """Let claims be as an older version wrote them: `{new: old}`; the store does not know of this version."""
    with store.writing() as connection:
        for new, old in addresses.items():
            connection.execute(sa.update(claims).where(claims.c.address == new).values(address=old))
        connection.execute(sa.text("DELETE FROM cursors WHERE connection = ''"))


@SQLITE
def test_both_ways_of_writing_are_one_customer(crossroads: Crossroads) -> None:
    """The ninth digit, both ways round."""
    take_in(crossroads, said("1", number("+55 11 8123-4567")), said("2", number("+55 11 98123-4567")))
    take_in(crossroads, said("3", number("+55 11 8123-4567")))
    assert len(living(crossroads)) == 1


def test_an_upgrade_makes_no_second_profile(crossroads: Crossroads, monkeypatch: pytest.MonkeyPatch) -> None:
    """In small steps, one of which is interrupted; the old forms are kept, and found."""
    ways = [f"+55 11 8123-45{n:02d}" for n in range(5)]
    take_in(crossroads, *(said(way, number(way)) for way in ways), said("mail", mail()))
    before = living(crossroads)
    as_before(crossroads.store, {f"phone||+55119812345{n:02d}": f"phone||+5511812345{n:02d}" for n in range(5)})
    with monkeypatch.context() as patch:
        patch.setattr(profile_store, "phones_and_mails", breaking(profile_store.phones_and_mails, after=2))
        with pytest.raises(ConnectionError):
            renormalise(crossroads.world, most=2)
    assert renormalise(crossroads.world, most=2) == 1
    assert renormalise(crossroads.world, most=2) == 0
    assert sorted(row["address"] for row in crossroads.rows(claim_aliases)) == [
        f"phone||+5511812345{n:02d}" for n in range(5)
    ]
    take_in(crossroads, *(said(f"again {way}", number(way)) for way in ways))
    assert living(crossroads) == before
    with crossroads.store.reading() as connection:
        found = cursors.read(connection, "", STREAM)
    assert (found.text or "").startswith(f"{VERSION}:")
    crossroads.settle()
    crossroads.check()


@SQLITE
def test_what_only_the_form_told_apart_is_asked_about(crossroads: Crossroads) -> None:
    """Two profiles with one number are compared by a person; one profile that held both forms holds one."""
    old, new = "phone||+551181234567", "phone||+5511981234567"
    take_in(crossroads, said("1", number("+55 11 98123-4567")), said("2", number("+55 11 98123-0000")))
    take_in(crossroads, said("3", number("+55 11 98123-0000"), number("+55 11 98123-1111")))
    as_before(
        crossroads.store,
        {new: old, "phone||+5511981230000": new, "phone||+5511981231111": old},
    )
    assert renormalise(crossroads.world) == 2
    assert sorted(row["address"] for row in crossroads.rows(claims)) == [new, new]
    [asked] = crossroads.rows(reviews)
    data = json.loads(asked["data"])
    assert {data["profile"], *data["others"]} == {row["uid"] for row in crossroads.rows(profiles)}


@SQLITE
def test_a_merge_of_before_is_taken_back_after_an_upgrade(crossroads: Crossroads) -> None:
    """Its snapshot speaks of addresses in their old form."""
    take_in(crossroads, said("1", number("+55 11 98123-4567")), said("2", mail()))
    first, second = living(crossroads)
    as_before(crossroads.store, {"phone||+5511981234567": "phone||+551181234567"})
    with by_hand(crossroads.world) as batch:
        one, other = loaded(batch, first, second)
        merge(batch, other, one, by="person", reason="the same person")
    renormalise(crossroads.world)
    take_in(crossroads, said("3", number("+55 11 8123-4567")))
    take_back(crossroads, first)
    assert owners(crossroads) == {"1": first, "2": second, "3": first}
    take_in(crossroads, said("4", number("+55 11 8123-4567")))
    assert owners(crossroads)["4"] == first
