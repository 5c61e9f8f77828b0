"""What the settings say of identity: merging by rule, anonymous visitors, changed addresses, blocked values, limits."""

import json
from typing import Any

import pytest

from crocevia import FORMER, ContactPoint, Event, InteractionSeen, Party, hookimpl
from crocevia.identity.rules import Limits, Rules
from crocevia.model.decision import Match
from crocevia.store.tables import apart, claims, interactions, merges, profiles, reviews
from crocevia.sync.hand import by_hand
from crocevia.sync.merge import keep_apart
from crocevia.testing.clock import START
from tests.core.conftest import Crossroads, Script, scripted
from tests.core.test_identity_resolve import mail, phone, said
from tests.core.test_sync_merge import SQLITE, living, loaded, owners, take_back

pytestmark = SQLITE


@pytest.fixture(autouse=True)
def _script(crossroads: Crossroads) -> None:
    for name in ("script", "mail"):
        crossroads.more[name] = lambda name=name: Script(Script.settings_type()(), connection=name)  # type: ignore[misc]  # a default binds it


def take_in(crossroads: Crossroads, *events: Event, connection: str = "script") -> None:
    """In one batch."""
    crossroads.world  # noqa: B018 - started
    crossroads.post(scripted(*events), connection=connection)
    crossroads.turn(connection)


def visitor(cookie: str = "c1") -> ContactPoint:
    """A browser."""
    return ContactPoint("visitor", "site", cookie)


def whatsapp(user: str, *, slot: str = "") -> ContactPoint:
    """A user id."""
    return ContactPoint("whatsapp", "", user, slot=slot)


def former(number: str) -> ContactPoint:
    """A number that was the customer's."""
    return ContactPoint("phone", "", number, slot=FORMER)


def held(crossroads: Crossroads, uid: str) -> dict[str, tuple[bool, bool]]:
    """A profile's addresses: verified, listed."""
    ids = {row["uid"]: row["id"] for row in crossroads.rows(profiles)}
    found = crossroads.rows(claims, profile_id=ids[uid])
    return {row["address"].split("|")[2]: (bool(row["verified"]), bool(row["listed"])) for row in found}


# --- merging without a person ---------------------------------------------------------------------------------------


def test_an_anonymous_visitor_becomes_known(crossroads: Crossroads) -> None:
    """What was said before belongs to the customer who turns out to be there; also when known under another road."""
    take_in(crossroads, said("1", mail(), name="Ada"))
    take_in(crossroads, said("2", visitor()), said("3", visitor("c2")))
    take_in(crossroads, said("4", visitor(), mail()))
    known, other = living(crossroads)
    assert owners(crossroads) == {"1": known, "2": known, "3": other, "4": known}
    assert held(crossroads, known) == {"ada@example.com": (True, True), "c1": (True, True)}
    assert [row["by"] for row in crossroads.rows(merges)] == ["rule"]
    assert crossroads.rows(reviews) == []
    crossroads.settle()
    crossroads.check()


def test_two_who_are_known_are_never_merged_silently(crossroads: Crossroads) -> None:
    """A name is enough to be somebody."""
    take_in(crossroads, said("1", mail()), said("2", visitor(), name="Eve"))
    take_in(crossroads, said("3", visitor(), mail()))
    assert len(living(crossroads)) == 2
    assert [row["kind"] for row in crossroads.rows(reviews)] == ["identity"]


@pytest.mark.parametrize("together", [True, False])
def test_the_settings_may_trust_what_is_proven_at_once(crossroads: Crossroads, together: bool) -> None:  # noqa: FBT001 - a parameter
    """The older stays. What a person took apart, the rule leaves apart, and asks nobody again."""
    crossroads.world.identity = Rules(proven_together="merge")
    told = [said("1", phone()), said("2", mail()), said("3", mail(), phone()), said("4", phone(), mail())]
    for events in [told] if together else [[event] for event in told]:
        take_in(crossroads, *events)
    first, second = (row["uid"] for row in crossroads.rows(profiles))
    assert set(owners(crossroads).values()) == {first}
    take_back(crossroads, second)
    take_in(crossroads, said("5", mail(), phone()))
    assert living(crossroads) == [first, second]
    assert crossroads.rows(reviews, kind="identity", state="open") == []
    assert len(crossroads.rows(merges)) == 1


def test_who_was_kept_apart_is_not_compared_again(crossroads: Crossroads) -> None:
    """Not from another road, nor the other way round."""
    take_in(crossroads, said("1", phone()), said("2", mail()))
    with by_hand(crossroads.world) as batch:
        one, other = loaded(batch, *living(crossroads))
        keep_apart(batch, other, [one], by="person")
    take_in(crossroads, said("3", phone(), mail()))
    take_in(crossroads, said("4", mail(), phone()), connection="mail")
    assert crossroads.rows(reviews) == []
    assert len(crossroads.rows(apart)) == 1


def test_a_plugin_may_merge(crossroads: Crossroads) -> None:
    """Its answer names who is the same."""

    @hookimpl
    def crocevia_match_profiles(parties: Any) -> list[Match | None]:
        several = [list(dict.fromkeys(claim.profile for claim in party.claims)) for party in parties]
        return [
            Match(profile=some[0], merge=some[1:], reason="a plugin") if len(some) > 1 else None for some in several
        ]

    crossroads.hooks["sure"] = {"crocevia_match_profiles": crocevia_match_profiles}
    take_in(crossroads, said("1", phone(), name="Ada"), said("2", mail(), name="Eve"), said("3", phone(), mail()))
    assert [row["reason"] for row in crossroads.rows(merges)] == ["a plugin"]
    assert len(set(owners(crossroads).values())) == 1


# --- an address that changed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("texted_first", [True, False])
def test_a_changed_number_is_the_same_customer(crossroads: Crossroads, texted_first: bool) -> None:  # noqa: FBT001 - a parameter
    """Also when a text from the new one came before the vendor said so; the CRMs have the new one in its place."""
    take_in(crossroads, said("1", phone("+393330000001"), whatsapp("u1"), name="Ada"))
    new = said("2", phone("+393330000002"), whatsapp("u2"), name="Ada")
    moved = said(
        "3", phone("+393330000002"), whatsapp("u2"), former("+393330000001"), whatsapp("u1", slot=FORMER), name="Ada"
    )
    for event in (new, moved) if texted_first else (moved, new):
        take_in(crossroads, event)
    [ada] = living(crossroads)
    assert set(owners(crossroads).values()) == {ada}
    assert held(crossroads, ada) == {
        "+393330000001": (False, True),
        "+393330000002": (True, True),
        "u1": (True, False),
        "u2": (True, True),
    }
    crossroads.settle()
    crossroads.check()
    assert crossroads.person(crossroads.a)["mobile"] == "+393330000002"
    take_in(crossroads, said("9", phone("+393330000001"), name="who was given the number"))
    assert owners(crossroads)["9"] != ada


def test_a_changed_number_takes_over_nobody_whom_others_know(crossroads: Crossroads) -> None:
    """A CRM knows somebody by the new number: a person compares them."""
    crossroads.a.create(last="Rossi", mobile="+393330000002")
    crossroads.settle()
    take_in(crossroads, said("1", phone("+393330000001"), name="Ada"))
    take_in(crossroads, said("2", phone("+393330000002"), former("+393330000001"), name="Ada"))
    assert len(living(crossroads)) == 2
    assert [row["kind"] for row in crossroads.rows(reviews)] == ["identity"]


# --- what identifies nobody -----------------------------------------------------------------------------------------


def test_a_blocked_value_identifies_nobody(crossroads: Crossroads) -> None:
    """The switchboard's calls are one customer's of their own; those who give its number as theirs are apart."""
    crossroads.world.identity = Rules(blocked=("02 1234567", "noreply@*")).for_region("IT")
    for last in ("Rossi", "Bianchi"):
        crossroads.a.create(last=last, phone="+39 02 1234567", email=f"{last}@example.com")
    crossroads.settle()
    rossi, bianchi = living(crossroads)
    take_in(
        crossroads,
        said("1", phone("+39 02 1234567")),
        said("2", phone("+39 02 1234567")),
        said("3", mail("NoReply@shop.example"), mail("rossi@example.com")),
    )
    take_in(crossroads, said("4", phone("+39 02 1234567")))
    found = owners(crossroads)
    assert len(living(crossroads)) == 3
    assert found["1"] == found["2"] == found["4"]
    assert found["1"] not in (rossi, bianchi)
    assert found["3"] == rossi
    assert "noreply@shop.example" not in held(crossroads, rossi)
    crossroads.settle()
    crossroads.check()


def test_past_the_limits_an_address_is_not_believed(crossroads: Crossroads) -> None:
    """A profile does not gather numbers for ever; a person is told, once."""
    crossroads.world.identity = Rules(limits={"phone": Limits(held=2)})
    take_in(crossroads, *(said(str(n), mail(), phone(f"+39333000000{n}")) for n in range(4)))
    [one] = living(crossroads)
    assert sorted(held(crossroads, one)) == ["+393330000000", "+393330000001", "ada@example.com"]
    [asked] = crossroads.rows(reviews)
    assert (asked["kind"], json.loads(asked["data"])["most"]) == ("contact points", 2)


def test_what_too_many_claim_is_shared(crossroads: Crossroads) -> None:
    """An address that only one has proven and very many claim: an interaction goes to one, and a person looks."""
    crossroads.world.identity = Rules(limits={"email": Limits(shared_by=2)})
    take_in(crossroads, said("1", mail()))
    for name in ("script", "mail"):
        take_in(crossroads, said(f"forged {name}", mail(verified=False)), connection=name)
    take_in(crossroads, said("2", mail()))
    found = owners(crossroads)
    assert found["2"] == found["1"]
    assert len(set(found.values())) == 3


def test_what_too_many_claim_merges_nobody(crossroads: Crossroads) -> None:
    """Who shows it with an address of somebody else's is him, whatever the settings trust otherwise."""
    crossroads.world.identity = Rules(proven_together="merge", limits={"email": Limits(shared_by=2)})
    take_in(crossroads, said("1", mail()), said("2", phone()))
    for name in ("script", "mail"):
        take_in(crossroads, said(f"forged {name}", mail(verified=False)), connection=name)
    take_in(crossroads, said("3", mail(), phone()))
    found = owners(crossroads)
    assert found["3"] == found["2"] != found["1"]
    assert crossroads.rows(merges) == []


def test_a_call_on_a_shared_number_is_logged_once_in_each_crm(crossroads: Crossroads) -> None:
    """Two contacts with one landline: one of them gets it, not both."""
    for last in ("Rossi", "Bianchi"):
        crossroads.a.create(last=last, phone="+39 02 1234567", email=f"{last}@example.com")
    crossroads.settle()
    at = phone("+39 02 1234567")
    take_in(crossroads, InteractionSeen(key="call", author=Party([at]), at=START, kind="call"))
    crossroads.settle()
    crossroads.check()
    assert [len(crm.records("Touch")) for crm in crossroads.crms.values()] == [1, 1]
    assert len(crossroads.rows(interactions)) == 1
