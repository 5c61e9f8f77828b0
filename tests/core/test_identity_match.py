"""The rule of identity, case by case: who attaches, who is new, who is looked at by a person."""

from typing import Any

import pytest

from crocevia import ContactPoint, Party
from crocevia.identity.match import match
from crocevia.identity.normalise import UNREADABLE, crocevia_normalise_contact_point
from crocevia.model.decision import Candidates, Claim, Match

PHONE = "phone||+393331234567"
MAIL = "email||ada@example.com"


def claim(profile: str, address: str = PHONE, **values: Any) -> Claim:
    """A profile's hold on an address, verified and exclusive unless said."""
    return Claim(profile=profile, point=ContactPoint.from_address(address), **{"shown_by": ("chat",), **values})


def party(*addresses: str, verified: bool = True) -> Party:
    """Who shows these addresses."""
    points = [ContactPoint.from_address(address) for address in addresses]
    return Party([ContactPoint(p.kind, p.scope, p.value, verified=verified) for p in points])


@pytest.mark.parametrize(
    ("who", "claims", "profile", "review"),
    [
        pytest.param(party(PHONE), [], None, (), id="nobody knows it: new"),
        pytest.param(party(PHONE), [claim("p1")], "p1", (), id="one exclusive, verified claim: attached"),
        pytest.param(party(PHONE, MAIL), [claim("p1"), claim("p1", MAIL)], "p1", (), id="both of one: attached"),
        pytest.param(
            party(PHONE, MAIL), [claim("p1"), claim("p2", MAIL)], "p1", ("p2",), id="of two: one, and a review"
        ),
        pytest.param(
            party(PHONE),
            [claim("p1", exclusive=False), claim("p2", exclusive=False)],
            "p1",
            ("p2",),
            id="a shared landline: one of them, and a review",
        ),
        pytest.param(
            party(PHONE, MAIL),
            [claim("p1", exclusive=False), claim("p2", exclusive=False), claim("p2", MAIL)],
            "p2",
            (),
            id="shared, but another address is exclusive: that one",
        ),
        pytest.param(party(PHONE), [claim("p1", blocked=True)], None, ("p1",), id="a switchboard: new, and a review"),
        pytest.param(
            party(PHONE, verified=False),
            [claim("p1", blocked=True, verified=False), claim("p2", blocked=True)],
            "p1",
            (),
            id="a switchboard that called before: kept together, and nobody is asked again",
        ),
        pytest.param(
            party(PHONE),
            [claim(f"p{number}", blocked=True) for number in range(12)],
            None,
            tuple(f"p{number}" for number in range(10)),
            id="a switchboard that very many have: a few are compared",
        ),
        pytest.param(
            party(PHONE, verified=False), [claim("p1")], None, ("p1",), id="unproven, somebody else's: never attached"
        ),
        pytest.param(
            party(PHONE), [claim("p1", verified=False, shown_by=("mail",))], None, ("p1",), id="claimed unproven: new"
        ),
        pytest.param(
            party(PHONE, verified=False),
            [claim("p1", verified=False)],
            "p1",
            (),
            id="the same unproven address on the same road: attached",
        ),
        pytest.param(
            party(PHONE, verified=False),
            [claim("p1", verified=False, shown_by=("mail",))],
            None,
            ("p1",),
            id="the same unproven address on another road: new",
        ),
        pytest.param(
            party(PHONE, verified=False),
            [claim("p1", verified=False, shown_by=("chat", "mail"))],
            None,
            ("p1",),
            id="shown on two roads, unproven on both: new",
        ),
        pytest.param(
            party(PHONE, verified=False),
            [claim("p1", verified=False), claim("p2")],
            "p1",
            ("p2",),
            id="unproven on this road before, proven by somebody else: his own, and a review",
        ),
        pytest.param(
            party(PHONE, verified=False),
            [claim("p1", verified=False), claim("p2", verified=False)],
            None,
            ("p1", "p2"),
            id="unproven, two of this road: new",
        ),
    ],
)
def test_who_it_is(who: Party, claims: list[Claim], profile: str | None, review: tuple[str, ...]) -> None:
    """As the design says."""
    verdict = match(Candidates("chat", who, claims))
    assert (verdict.profile, verdict.review) == (profile, review)
    assert isinstance(verdict, Match)
    assert verdict.reason
    assert "+39" not in verdict.reason


@pytest.mark.parametrize(
    ("point", "region", "normal"),
    [
        (ContactPoint("phone", "", "+39 333 123 4567"), None, ("", "+393331234567")),
        (ContactPoint("phone", "", "333 1234567"), "IT", ("", "+393331234567")),
        (ContactPoint("phone", "", "0039 333 1234567"), "IT", ("", "+393331234567")),
        (ContactPoint("phone", "", "333 1234567"), None, (UNREADABLE, "333 1234567")),
        (ContactPoint("phone", "", "ask at the desk"), "IT", (UNREADABLE, "ask at the desk")),
        (ContactPoint("phone", "", "+39 02 1234567 ext. 5"), "IT", (UNREADABLE, "+39 02 1234567 ext. 5")),
        (ContactPoint("email", "", " Ada.Lovelace@Example.COM "), None, ("", "ada.lovelace@example.com")),
        (ContactPoint("email", "", "nobody"), None, (UNREADABLE, "nobody")),
        (ContactPoint("email", "", "ada@\u00e9xample.com"), None, ("", "ada@\u00e9xample.com")),
        (ContactPoint("memory", "shop", " As It Is "), "IT", None),
    ],
)
def test_normal_forms(point: ContactPoint, region: str | None, normal: tuple[str, str] | None) -> None:
    """What cannot be read is kept as it was written, under a scope of its own, and proves nothing."""
    [found] = crocevia_normalise_contact_point([point], region)
    assert (None if found is None else (found.scope, found.value)) == normal
    assert found is None or found.verified == (found.scope != UNREADABLE)


def test_normal_forms_are_normal() -> None:
    """The normal form of a normal form is itself."""
    for text in ("+39 333 123 4567", "Ada@Example.com"):
        point = ContactPoint("email" if "@" in text else "phone", "", text)
        [once] = crocevia_normalise_contact_point([point], "IT")
        assert once is not None
        assert crocevia_normalise_contact_point([once], "IT") == [once]
