"""Who somebody is: tokens that the daemon gives, identities that the shop's server signs, and who reads what then."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from crocevia import Secret
from crocevia.errors import SignatureError
from crocevia.store.tables import claims, interactions, journal
from crocevia_webchat import session
from crocevia_webchat.identity import proven
from crocevia_webchat.session import Visitor

from .conftest import SECRET, Shop

OTHER = "another secret, which is long enough too"


def addresses(shop: Shop) -> dict[str, bool]:
    """Every address that a profile claims, and whether it is proven."""
    return {row["address"]: bool(row["verified"]) for row in shop.rows(claims)}


def profiles_of(shop: Shop) -> set[int]:
    """The profiles that interactions belong to."""
    return {row["profile_id"] for row in shop.rows(interactions)}


# --- anonymous and known --------------------------------------------------------------------------------------------


def test_an_anonymous_visitor_becomes_known_and_keeps_his_lines(shop: Shop) -> None:
    """He writes, signs in, writes on: one profile, with what the shop's server has proven."""
    ada = shop.caller()
    first = ada.open()
    ada.write("Before")
    shop.settle()
    assert set(addresses(shop)) == {f"webchat|shop.example|{first['visitor']}"}
    told: dict[str, Any] = {
        "name": "Ada King",
        "email": "Ada@Example.com",
        "email_verified": True,
        "phone_number": "333 1234567",
    }
    opened = ada.open(shop.identity(**told))
    assert opened["known"]
    ada.write("After")
    shop.settle()
    assert ada.texts() == [("visitor", "Before"), ("visitor", "After")]
    assert addresses(shop) == {
        f"webchat|shop.example|{first['visitor']}": True,
        f"webchat|shop.example|{opened['visitor']}": True,
        "site_user|shop.example|user-7": True,
        "email||ada@example.com": True,
        "phone||+393331234567": False,
    }
    assert len(profiles_of(shop)) == 1
    [person] = shop.crm.records().values()
    assert person["last"] == "Ada King"


def test_a_customer_of_the_crm_is_recognised_by_a_proven_address(shop: Shop) -> None:
    """What the visitor wrote before he signed in lands with the customer's record."""
    person = shop.crm.create(first="Ada", last="King", email="ada@example.com")
    shop.settle()
    ada = shop.caller()
    ada.open()
    ada.write("Before")
    ada.open(shop.identity(email="ada@example.com", email_verified=True))
    ada.write("After", contact={"email": "ada@example.com"})  # which is proven already
    shop.settle()
    touches = shop.crm.records("Touch").values()
    assert [(row["text"], row["person"]) for row in touches] == [("Before", person), ("After", person)]


def test_a_customer_of_the_crm_is_recognised_after_he_was_taken_for_somebody_new(shop: Shop) -> None:
    """What he wrote before has a record of its own by then."""
    person = shop.crm.create(first="Ada", last="King", email="ada@example.com")
    shop.settle()
    ada = shop.caller()
    ada.open()
    ada.write("Before")
    shop.settle()
    ada.open(shop.identity(email="ada@example.com", email_verified=True))
    shop.settle()
    ada.write("After")
    shop.settle()
    touches = shop.crm.records("Touch").values()
    assert [(row["text"], row["person"]) for row in touches] == [("Before", person), ("After", person)]


def test_an_address_that_the_server_has_not_proven_identifies_nobody(shop: Shop) -> None:
    """Anybody can register with somebody else's address, and anybody can type one into the form."""
    person = shop.crm.create(first="Ada", last="King", email="ada@example.com")
    shop.settle()
    eve = shop.caller()
    eve.open(shop.identity(email="ada@example.com"))
    eve.write("It is me", contact={"email": "ada@example.com", "name": "Ada"})
    shop.settle()
    assert [row["person"] != person for row in shop.crm.records("Touch").values()] == [True]


def test_an_identity_is_kept_once_and_again_when_it_says_something_new(shop: Shop) -> None:
    """Not at every page that he opens."""
    ada = shop.caller()
    for _ in range(3):
        ada.open(shop.identity(email="ada@example.com", email_verified=True))
        shop.clock.advance(60)
    assert len(shop.rows(journal)) == 1
    ada.open(shop.identity(email="ada@example.org", email_verified=True))
    assert len(shop.rows(journal)) == 2


def test_whoever_signs_in_reads_his_lines_on_each_device(shop: Shop) -> None:
    """The id at the site names the conversation; without it there is nothing to read."""
    phone, desk = shop.caller(origin=None), shop.caller()
    phone.open(shop.identity())
    phone.write("From the phone")
    shop.settle()
    desk.open(shop.identity())
    assert desk.texts() == [("visitor", "From the phone")]
    other = shop.caller()
    other.open(shop.identity(sub="user-8"))
    assert other.texts() == []


def test_after_signing_out_nobody_at_the_same_browser_reads_on(shop: Shop) -> None:
    """The token of somebody known is worth nothing without his identity, nor with another's."""
    ada = shop.caller()
    ada.open(shop.identity())
    ada.write("Mine")
    shop.settle()
    known = ada.token
    ada.open()
    assert ada.texts() == []
    ada.token = known
    ada.open(shop.identity(sub="user-8"))
    assert ada.texts() == []
    ada.token = known
    ada.open(shop.identity())
    assert ada.texts() == [("visitor", "Mine")]


def test_who_signs_in_again_has_all_that_he_wrote_there(shop: Shop) -> None:
    """Before he signed in, while he was, and while he was not; not what somebody else wrote while he was away."""
    ada = shop.caller()
    ada.open()
    ada.write("Before")
    ada.open(shop.identity())
    ada.write("Signed in")
    known = ada.token
    shop.clock.advance(86_400)
    ada.open()
    ada.write("Signed out")
    shop.settle()
    assert ada.texts() == [("visitor", "Signed out")]
    ada.open(shop.identity(), known=known)
    assert [text for _, text in ada.texts()] == ["Before", "Signed in", "Signed out"]
    shop.settle()
    assert len(profiles_of(shop)) == 1
    eve = shop.caller()
    eve.open(shop.identity(sub="user-8"), known=known)
    assert eve.texts() == []
    eve.open(known=known)
    assert eve.texts() == []


def test_a_known_visitors_token_ends_in_half_a_day_an_anonymous_ones_in_half_a_year(shop: Shop) -> None:
    """Then a session is opened anew, with the identity of that day."""
    ada, bob = shop.caller(), shop.caller()
    assert ada.open(shop.identity())["expires_in_s"] == 43_200
    assert bob.open()["expires_in_s"] == 15_552_000
    shop.clock.advance(43_200)
    assert ada.call("GET", "messages").status_code == 401
    assert bob.call("GET", "messages").status_code == 200
    shop.clock.advance(15_552_000)
    assert bob.call("GET", "messages").status_code == 401
    before = bob.visitor
    assert bob.open()["visitor"] != before


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_is_good_for_its_own_site_only(shop: Shop) -> None:
    """Two chats of one daemon, with one secret: their keys are not the same."""
    ada = shop.caller()
    ada.open()
    there = shop.caller("other", token=ada.token)
    assert there.call("GET", "messages").status_code == 401
    assert there.open()["visitor"] != ada.visitor


def test_an_identity_is_no_token_and_a_token_no_identity(shop: Shop) -> None:
    """What is signed for one purpose is worth nothing for the other."""
    ada = shop.caller()
    ada.open(shop.identity())
    assert ada.call("POST", "session", {"identity": ada.token}).status_code == 401
    forged = shop.identity(vid=ada.visitor)
    assert shop.caller(token=forged).call("GET", "messages").status_code == 401


def test_a_secret_is_changed_without_losing_anybody(open_shop: Callable[..., Shop]) -> None:
    """Both hold while both are set; a session renews the token with the new one; then the old one is removed."""
    ada = open_shop().caller()
    ada.open()
    before = ada.visitor
    changed = open_shop(secret=Secret(OTHER), previous_secret=Secret(SECRET))
    ada.url = f"{changed.served.url}/chat/web"
    assert ada.call("GET", "messages").status_code == 200
    for key in (SECRET, OTHER):
        assert changed.caller().open(changed.identity(key))["known"]
    assert ada.open()["visitor"] == before
    done = open_shop(secret=Secret(OTHER))
    ada.url = f"{done.served.url}/chat/web"
    assert ada.call("GET", "messages").status_code == 200
    assert done.caller().call("POST", "session", {"identity": done.identity(SECRET)}).status_code == 401


def test_visitors_ids_are_not_to_be_guessed() -> None:
    """Random, 128 bits, each another; and of any token every other byte is wrong."""
    made = {session.begin(None, None, None, "shop.example").id for _ in range(100)}
    assert len(made) == 100
    assert {len(one) for one in made} == {33}


# --- identities -----------------------------------------------------------------------------------------------------

NOW_S = 1_800_000_000


def read(claims: dict[str, Any], *, key: str = SECRET, algorithm: str = "HS256", skew_s: float = 60) -> Any:
    """What an identity of these claims proves at NOW_S."""
    text = jwt.encode(claims, key, algorithm=algorithm)
    return proven(text, (Secret(SECRET),), "shop.example", _moment(), skew_s)


GOOD = {"sub": "7", "iat": NOW_S, "exp": NOW_S + 300}


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": NOW_S - 60},
        {"exp": NOW_S + 86_401},
        {"iat": NOW_S + 61},
        {"nbf": NOW_S + 61},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": 7},
        {"exp": "tomorrow"},
        {"exp": True},
        {"iat": -1e300},
        {"aud": "other.example"},
        {"aud": ["other.example"]},
        {"aud": None},
    ],
)
def test_an_identity_that_is_not_sound_proves_nothing(changed: dict[str, Any]) -> None:
    """Expired, of the future, without an end, without a subject, for somebody else."""
    told = {**GOOD, **changed}
    kept = {name: value for name, value in told.items() if value is not None or name == "aud"}
    with pytest.raises(SignatureError):
        read(kept)


@pytest.mark.parametrize("changed", [{"exp": NOW_S - 59}, {"iat": NOW_S + 60}, {"nbf": NOW_S + 60}])
def test_clocks_may_differ_a_little(changed: dict[str, Any]) -> None:
    """As much as the settings say, either way."""
    assert read({**GOOD, **changed}).subject == "7"
    with pytest.raises(SignatureError):
        read({**GOOD, **changed}, skew_s=0)


@pytest.mark.parametrize("aud", ["shop.example", ["x", "shop.example"]])
def test_an_identity_may_say_for_whom_it_is(aud: Any) -> None:
    """Then it has to be us."""
    assert read({**GOOD, "aud": aud}).subject == "7"


def test_another_signature_proves_nothing() -> None:
    """Another key, another algorithm, none at all, cut, too long."""
    good = jwt.encode(GOOD, SECRET, algorithm="HS256")
    for text in (
        jwt.encode(GOOD, OTHER, algorithm="HS256"),
        jwt.encode(GOOD, SECRET * 2, algorithm="HS512"),
        jwt.encode(GOOD, "", algorithm="none"),
        good[:-2],
        good + "A" * 10_000,
        "",
        "è",
        "..",
    ):
        with pytest.raises(SignatureError):
            proven(text, (Secret(SECRET),), "shop.example", _moment(), 60)


def _moment() -> datetime:
    return datetime.fromtimestamp(NOW_S, UTC)


def test_a_contact_point_is_proven_only_by_true() -> None:
    """Not by "true", 1 or yes; a phone may be called as OpenID Connect or as people call it."""
    found = read({**GOOD, "email": "a@b.example", "email_verified": "true", "phone": "+39 333", "phone_verified": True})
    assert (found.email_verified, found.phone, found.phone_verified) == (False, "+39 333", True)
    found = read({**GOOD, "phone_number": "+39 1", "phone_verified": True})
    assert (found.phone, found.phone_verified) == ("+39 1", False)


def test_a_token_expires_to_the_second() -> None:
    """By the daemon's own clock, without any skew."""
    token = session.issue(Visitor(id="v1"), Secret(SECRET), "shop.example", _moment())
    end = _moment() + session.ANONYMOUS_LIFE
    keys = (Secret(SECRET),)
    assert session.read(token, keys, "shop.example", end - timedelta(seconds=1)) == Visitor(id="v1")
    with pytest.raises(SignatureError):
        session.read(token, keys, "shop.example", end)
