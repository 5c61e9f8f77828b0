"""The core's own rule of identity: exclusive, verified claims identify; everything else is for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence

from crocevia import hookimpl
from crocevia.model.decision import Candidates, Claim, Match

MOST_COMPARED = 10
"""A person compares so many at a time."""


@hookimpl(trylast=True)
def crocevia_match_profiles(parties: Sequence[Candidates]) -> Sequence[Match | None]:
    """One profile attaches, none makes a new one, several go to review and the interaction to the first."""
    return [match(party) for party in parties]


def match(party: Candidates) -> Match:
    """Who this party is.

    Several, or a claim that others share: the interaction goes to one of them (never to all) and a person compares.
    An address that the party did not prove, or that the claimant did not, never attaches to somebody else's profile.
    """
    if not party.claims:
        return Match(profile=None, reason="nobody claims these contact points")
    if all(claim.blocked for claim in party.claims):
        return _blocked(party)
    proven = [point.address for point in party.party.points if point.verified and not point.is_former]
    usable = [claim for claim in party.claims if claim.verified and not claim.blocked and claim.point.address in proven]
    exclusive = _profiles([claim for claim in usable if claim.exclusive])
    before = _profiles([claim for claim in party.claims if claim.former and claim.verified and claim.exclusive])
    if len(before) == 1:
        return _readdressed(party, before[0], [claim for claim in usable if claim.profile != before[0]])
    return _proven(party, exclusive) if exclusive else _unsure(party, _profiles(usable))


def _proven(party: Candidates, profiles: tuple[str, ...]) -> Match:
    """Several were proven at once: where nothing is known of any but one, or the settings say so, they are the same."""
    if len(profiles) == 1:
        return Match(profile=profiles[0], reason="one exclusive, verified claim")
    nameless = {claim.profile for claim in party.claims if claim.anonymous}
    known = [profile for profile in profiles if profile not in nameless]
    one = known[0] if known else profiles[0]
    others = tuple(profile for profile in profiles if profile != one)
    if len(known) <= 1:
        return Match(profile=one, merge=others, reason="anonymous until now")
    if party.merges:
        return Match(profile=one, merge=others, reason="both proven at once")
    return Match(profile=one, review=others, reason="several profiles claim these contact points")


def _readdressed(party: Candidates, profile: str, others: Sequence[Claim]) -> Match:
    """The vendor says that the address of a customer is another one now.

    Whoever was made of the new address by the same road, before it said so, is that customer; anybody else is not
    merged on its word alone.
    """
    same = _profiles([claim for claim in others if claim.exclusive and claim.shown_by == (party.connection,)])
    review = tuple(other for other in _profiles(others) if other not in same)
    return Match(profile=profile, merge=same, review=review, reason="the channel says that the address changed")


def _blocked(party: Candidates) -> Match:
    """An address that is nobody's: what comes from it on one road is kept together, and never with a customer."""
    own = _own(party)
    if own:
        return Match(profile=own[0], reason="a blocked contact point, on the same road")
    return Match(profile=None, review=_profiles(party.claims)[:MOST_COMPARED], reason="a blocked contact point")


def _unsure(party: Candidates, shared: tuple[str, ...]) -> Match:
    """A proven address that several share; or an unproven one.

    An unproven address goes with what the same road showed, equally unproven, before; never with anybody else's.
    """
    if shared:
        return Match(profile=shared[0], review=shared[1:], reason="the contact point is shared")
    own = _own(party)
    others = tuple(profile for profile in _profiles(party.claims) if profile not in own)
    proven = any(point.verified for point in party.party.points)
    if len(own) == 1 and not others and not proven:
        return Match(profile=own[0], reason="the same unproven contact point on the same road")
    if len(own) == 1 and not proven:
        return Match(profile=own[0], review=others, reason="unproven, and somebody else claims the address")
    return Match(profile=None, review=(*own, *others), reason="only unproven or blocked claims")


def _own(party: Candidates) -> tuple[str, ...]:
    """Profiles that hold an address because this road showed it, unproven, and nothing else did."""
    return _profiles([claim for claim in party.claims if not claim.verified and claim.shown_by == (party.connection,)])


def _profiles(claims: Sequence[Claim]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(claim.profile for claim in claims))
