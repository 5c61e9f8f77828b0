"""The core's own rule of identity: exclusive, verified claims identify; everything else is for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence

from crocevia import hookimpl
from crocevia.model.decision import Candidates, Claim, Match


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
    proven = [point.address for point in party.party.points if point.verified]
    usable = [claim for claim in party.claims if claim.verified and not claim.blocked and claim.point.address in proven]
    exclusive = _profiles([claim for claim in usable if claim.exclusive])
    if len(exclusive) == 1:
        return Match(profile=exclusive[0], reason="one exclusive, verified claim")
    if exclusive:
        return Match(profile=exclusive[0], review=exclusive[1:], reason="several profiles claim these contact points")
    shared = _profiles(usable)
    if shared:
        return Match(profile=shared[0], review=shared[1:], reason="the contact point is shared")
    return _unproven(party)


def _unproven(party: Candidates) -> Match:
    """An unproven address goes with what the same road showed, equally unproven, before; never with anybody else's."""
    own = _profiles([claim for claim in party.claims if not claim.verified and claim.shown_by == (party.connection,)])
    others = tuple(profile for profile in _profiles(party.claims) if profile not in own)
    proven = any(point.verified for point in party.party.points)
    if len(own) == 1 and not others and not proven:
        return Match(profile=own[0], reason="the same unproven contact point on the same road")
    if len(own) == 1 and not proven:
        return Match(profile=own[0], review=others, reason="unproven, and somebody else claims the address")
    return Match(profile=None, review=(*own, *others), reason="only unproven or blocked claims")


def _profiles(claims: Sequence[Claim]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(claim.profile for claim in claims))
