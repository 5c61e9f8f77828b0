"""Parties to profiles, end to end: in one batch or over many, two databases, no profile for two people."""

from collections import Counter
from typing import Any

import pytest

from crocevia import ContactPoint, Event, InteractionSeen, Party, hookimpl
from crocevia.model.decision import Match
from crocevia.store.tables import claims, interactions, profiles, reviews
from crocevia.testing.clock import START
from tests.core.conftest import Crossroads, Script, scripted


@pytest.fixture(autouse=True)
def _script(crossroads: Crossroads) -> None:
    for name in ("script", "mail"):
        crossroads.more[name] = lambda name=name: Script(Script.settings_type()(), connection=name)  # type: ignore[misc]  # a default binds it


def phone(number: str = "+39 333 123 4567", *, verified: bool = True) -> ContactPoint:
    """A number."""
    return ContactPoint("phone", "", number, verified=verified)


def mail(address: str = "ada@example.com", *, verified: bool = True) -> ContactPoint:
    """An e-mail address."""
    return ContactPoint("email", "", address, verified=verified)


def said(key: str, *points: ContactPoint, name: str | None = None) -> InteractionSeen:
    """Somebody with these addresses writes."""
    return InteractionSeen(key=key, author=Party(points, name=name), at=START, text=key)


def take_in(crossroads: Crossroads, *events: Event, connection: str = "script", together: bool = True) -> None:
    """In one batch, or each in a batch of its own."""
    crossroads.world  # noqa: B018 - started
    for body in [scripted(*events)] if together else [scripted(event) for event in events]:
        crossroads.post(body, connection=connection)
        crossroads.turn(connection)


def owners(crossroads: Crossroads) -> dict[str, int]:
    """The profile of each interaction, by its key, numbered from 1 in the order of their making."""
    numbers = {row["id"]: number for number, row in enumerate(crossroads.rows(profiles), 1)}
    return {row["key"]: numbers[row["profile_id"]] for row in crossroads.rows(interactions)}


def identity_reviews(crossroads: Crossroads) -> list[int]:
    """Of each open review of identity, with how many others the profile is to be compared."""
    return [row["data"].count('"p') - 2 for row in crossroads.rows(reviews, kind="identity")]


@pytest.mark.parametrize("together", [True, False])
def test_one_customer_however_the_number_is_written(crossroads: Crossroads, together: bool) -> None:  # noqa: FBT001 - a parameter
    """Normal forms meet; also in one batch, where nobody is stored yet."""
    take_in(
        crossroads,
        said("1", phone("333 1234567")),
        said("2", phone("0039 3331234567")),
        said("3", phone()),
        together=together,
    )
    assert owners(crossroads) == {"1": 1, "2": 1, "3": 1}
    assert [row["address"] for row in crossroads.rows(claims)] == ["phone||+393331234567"]


@pytest.mark.parametrize("together", [True, False])
def test_a_party_that_shows_a_known_address_teaches_its_other_ones(crossroads: Crossroads, together: bool) -> None:  # noqa: FBT001 - a parameter
    """Number, then number and mail, then mail alone: one customer; the third is known through the second."""
    take_in(crossroads, said("1", phone()), said("2", phone(), mail()), said("3", mail()), together=together)
    assert owners(crossroads) == {"1": 1, "2": 1, "3": 1}
    assert identity_reviews(crossroads) == []


@pytest.mark.parametrize("together", [True, False])
def test_addresses_of_two_customers_go_to_one_and_to_a_person(crossroads: Crossroads, together: bool) -> None:  # noqa: FBT001 - a parameter
    """The interaction to one profile, never to both; nobody's address changes hands."""
    take_in(crossroads, said("1", phone()), said("2", mail()), said("3", phone(), mail()), together=together)
    assert owners(crossroads) == {"1": 1, "2": 2, "3": 1}
    assert len(crossroads.rows(reviews, kind="identity")) == 1
    assert Counter(row["address"] for row in crossroads.rows(claims)) == {
        "phone||+393331234567": 1,
        "email||ada@example.com": 1,
    }
    crossroads.settle()
    crossroads.check()


@pytest.mark.parametrize("order", [(True, False), (False, True)])
@pytest.mark.parametrize("together", [True, False])
def test_an_unproven_address_never_attaches_to_somebody_elses_profile(
    crossroads: Crossroads,
    order: tuple[bool, bool],
    together: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A forged sender in the same batch as the real one, before or after; a customer known from elsewhere."""
    first, second = (said(f"{'real' if proven else 'forged'}", mail(verified=proven)) for proven in order)
    take_in(crossroads, first, second, together=together)
    found = owners(crossroads)
    assert found["real"] != found["forged"]
    take_in(crossroads, said("again", mail()))
    assert owners(crossroads)["again"] == found["real"]


def test_the_same_unproven_sender_on_the_same_road_is_one_profile(crossroads: Crossroads) -> None:
    """Two mails without a DMARC pass are one correspondence; on another road they are not."""
    take_in(crossroads, said("1", mail(verified=False)), said("2", mail(verified=False)), connection="mail")
    take_in(crossroads, said("3", mail(verified=False)), connection="mail")
    take_in(crossroads, said("4", mail(verified=False)), connection="script")
    assert owners(crossroads) == {"1": 1, "2": 1, "3": 1, "4": 2}


def test_an_address_shown_both_proven_and_not_is_proven(crossroads: Crossroads) -> None:
    """Twice in one party, written in two ways."""
    take_in(crossroads, said("1", phone("+393331234567"), phone("333 1234567", verified=False)))
    [claim] = crossroads.rows(claims)
    assert claim["verified"] == 1


def test_two_who_hold_a_number_proven_share_it(crossroads: Crossroads) -> None:
    """Two contacts of a CRM with one landline: who calls is one of them, and a person looks."""
    for last in ("Rossi", "Bianchi"):
        crossroads.a.create(last=last, phone="+39 02 1234567", email=f"{last}@example.com")
    crossroads.settle()
    crossroads.check()
    before = len(crossroads.rows(profiles))
    take_in(crossroads, said("1", phone("+39 02 1234567")))
    assert len(crossroads.rows(profiles)) == before


def test_a_plugin_that_knows_better_decides(crossroads: Crossroads) -> None:
    """Its answer stands; for the others core's rule holds."""

    @hookimpl
    def crocevia_match_profiles(parties: Any) -> list[Match | None]:
        return [Match(profile=None, reason="never") if party.party.name == "Eve" else None for party in parties]

    crossroads.hooks["choosy"] = {"crocevia_match_profiles": crocevia_match_profiles}
    take_in(crossroads, said("1", phone()), said("2", phone(), name="Eve"), said("3", phone()))
    assert owners(crossroads) == {"1": 1, "2": 2, "3": 1}


def test_an_anonymous_caller_is_somebody_new_each_time(crossroads: Crossroads) -> None:
    """Nothing is known of him; he is not everybody who hides his number."""
    take_in(crossroads, said("1"), said("2"))
    assert owners(crossroads) == {"1": 1, "2": 2}


def test_the_newest_display_name_stands_whichever_came_last(crossroads: Crossroads) -> None:
    """An old message that is delivered late does not bring the old name back; a missing name takes none away."""
    crossroads.chat.write("ada", "1", name="Ada", phone="+393331234567")
    old = crossroads.chat.request()
    crossroads.clock.advance(60)
    crossroads.chat.write("ada", "2", name="Ada King")
    crossroads.deliver()
    assert old is not None
    crossroads.post(old.body)
    crossroads.chat.write("ada", "3")
    crossroads.settle()
    assert crossroads.person(crossroads.a)["last"] == "Ada King"
    crossroads.check()


def test_a_name_that_a_person_gave_in_a_crm_stands_over_the_channels(crossroads: Crossroads) -> None:
    """A display name is a stand-in; it is still learned, for who has no other."""
    crossroads.chat.write("ada", "1", name="ada_99", phone="+393331234567")
    crossroads.settle()
    crossroads.a.edit(crossroads.person_id(crossroads.a), first="Ada", last="King")
    crossroads.settle()
    crossroads.chat.write("ada", "2", name="Queen of Numbers")
    crossroads.settle()
    assert [
        (crossroads.person(crm)["first"], crossroads.person(crm)["last"]) for crm in (crossroads.a, crossroads.b)
    ] == [("Ada", "King")] * 2
    crossroads.check()
