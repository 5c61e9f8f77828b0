"""Whose interaction it is: parties of a batch to profiles, in few look-ups."""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_

from attrs import evolve

from crocevia.identity.match import match
from crocevia.identity.normalise import UNREADABLE
from crocevia.identity.rules import Rules
from crocevia.model import ContactPoint, Party
from crocevia.model.decision import Candidates, Claim, Match
from crocevia.store import profiles
from crocevia.store.decisions import Review
from crocevia.store.profiles import ProfileRow
from crocevia.sync.batch import Batch
from crocevia.sync.merge import merge_by_rule

_NO_RULES = Rules()
_MATCH_HOOK = "crocevia_match_profiles"
_NORMALISE_HOOK = "crocevia_normalise_contact_point"


def normalise(batch: Batch, points: Sequence[ContactPoint]) -> dict[ContactPoint, ContactPoint]:
    """Normal forms of points, each asked once; kinds that nobody normalises stay as they are."""
    distinct = list(dict.fromkeys(points))
    world = batch.world
    found = world.dispatcher.decide(_NORMALISE_HOOK, distinct, region=world.region)
    return {point: normal or point for point, normal in zip(distinct, found, strict=True)}


def normalised(party: Party, normal: dict[ContactPoint, ContactPoint]) -> Party:
    """The party with normal contact points, each once; every point keeps its own proof and slot."""
    points: dict[str, ContactPoint] = {}
    for point in party.points:
        form = _as_shown(point, normal[point])
        if form.verified or form.address not in points:  # shown twice, proven once: it is proven
            points[form.address] = form
    found = tuple(points.values())
    unchanged = len(found) == len(party.points) and all(map(is_, found, party.points))
    return party if unchanged else Party(found, name=party.name, language=party.language)


def _as_shown(point: ContactPoint, form: ContactPoint) -> ContactPoint:
    """The normal form with the point's own proof, slot and spelling."""
    if form == point and form.scope != UNREADABLE:
        return point
    return evolve(form, verified=point.verified and form.scope != UNREADABLE, slot=point.slot, shown=point.shown)


def resolve(batch: Batch, parties: Sequence[Party]) -> list[ProfileRow]:
    """The profile of each party (with normal contact points), made where there was none; same order.

    Parties that share an address are resolved one after the other, so that the second finds what the first made.
    """
    if batch.world.identity.blocked:
        parties = [_without_proof_of_blocked(batch, party) for party in parties]
    addresses = {point.address for party in parties for point in party.points}
    if older := profiles.current(batch.transaction, addresses):
        parties = [_in_todays_form(party, older) for party in parties]
        addresses = {older.get(address, address) for address in addresses}
    holders = profiles.holders(batch.transaction, addresses)
    batch.load_profiles({holder for found in holders.values() for holder in found})
    known = {address: [batch.profiles[holder] for holder in found] for address, found in holders.items()}
    resolved: dict[_Shown, ProfileRow] = {}
    shown = [_shown(party) for party in parties]
    waiting = list({key: party for key, party in zip(shown, parties, strict=True) if party.points}.values())
    while waiting:
        now, waiting = _independent(waiting)
        for party, verdict, candidates in _decide(batch, now, known):
            profile = _apply(batch, party, verdict, candidates)
            resolved[_shown(party)] = profile
            for point in party.points:
                if point.address in profile.claims and profile not in known.setdefault(point.address, []):
                    known[point.address].append(profile)
    return [resolved[key] if party.points else batch.new_profile() for key, party in zip(shown, parties, strict=True)]


def _in_todays_form(party: Party, older: dict[str, str]) -> Party:
    """The party with addresses that a plugin, or another version, still writes in an older form in that of today."""
    points: dict[str, ContactPoint] = {}
    for point in party.points:
        address = older.get(point.address, point.address)
        kind, scope, value = ContactPoint.parts(address)
        points.setdefault(address, evolve(point, kind=kind, scope=scope, value=value))
    return evolve(party, points=tuple(points.values()))


def _without_proof_of_blocked(batch: Batch, party: Party) -> Party:
    """A blocked address proves nothing, and is nobody's where another one is known of him."""
    blocks = batch.world.identity.blocks
    blocked = [point for point in party.points if blocks(point.address)]
    if not blocked:
        return party
    left = [point for point in party.points if point not in blocked]
    return evolve(party, points=left or [evolve(point, verified=False) for point in blocked])


_Shown = tuple[Party, tuple[tuple[bool, bool], ...]]


def _shown(party: Party) -> _Shown:
    """What tells parties apart: contact points are equal whether they are proven or not, and a forger's are not."""
    return party, tuple([(point.verified, point.is_former) for point in party.points])


def _independent(parties: list[Party]) -> tuple[list[Party], list[Party]]:
    """Those that share no address with an earlier one, and the rest."""
    taken: set[str] = set()
    now: list[Party] = []
    later: list[Party] = []
    for party in parties:
        addresses = [point.address for point in party.points]
        (now if taken.isdisjoint(addresses) else later).append(party)
        taken.update(addresses)
    return now, later


def _decide(
    batch: Batch, parties: list[Party], known: dict[str, list[ProfileRow]]
) -> list[tuple[Party, Match, Candidates]]:
    rules = batch.world.identity
    merges = rules.proven_together == "merge"
    asked = [Candidates(batch.live.name, party, claims_on(party, known, rules), merges) for party in parties]
    return list(zip(parties, match_parties(batch, asked), asked, strict=True))


def match_parties(batch: Batch, asked: Sequence[Candidates]) -> list[Match]:
    """What the plugins, and at last the core's own rule, say of each party."""
    verdicts = batch.world.dispatcher.decide(_MATCH_HOOK, asked)
    return [verdict or match(candidates) for verdict, candidates in zip(verdicts, asked, strict=True)]


def claims_on(party: Party, known: dict[str, list[ProfileRow]], rules: Rules = _NO_RULES) -> tuple[Claim, ...]:
    """Every claim on one of a party's contact points. `known`: profiles by address."""
    found = []
    holders: dict[str, ProfileRow] = {}
    for point in party.points:
        address = point.address
        holding = [row for row in known.get(address, ()) if address in row.claims]
        if len(holding) > 1:
            holding = list({row.id: row for row in holding}.values())
        proven = [row for row in holding if row.claims[address].verified]
        too_many = len(holding) > 1 and len(holding) > rules.limit(point.kind).shared_by
        blocked = bool(holding) and rules.blocks(address)
        for row in holding:
            held = row.claims[address]
            holders[row.uid] = row
            found.append(
                Claim(
                    profile=row.uid,
                    point=held.point,
                    verified=held.verified,
                    exclusive=proven in ([row], []) and not held.shared and not too_many,
                    blocked=blocked,
                    shown_by=tuple(held.shown_by),
                    former=point.is_former,
                )
            )
    if len(holders) > 1:  # only then does it matter
        found = [evolve(claim, anonymous=holders[claim.profile].anonymous) for claim in found]
    return tuple(found)


def _apply(batch: Batch, party: Party, verdict: Match, candidates: Candidates) -> ProfileRow:
    profile = batch.by_uid.get(verdict.profile or "") or batch.new_profile()
    proven_elsewhere = {
        claim.point.address for claim in candidates.claims if claim.verified and claim.profile != profile.uid
    }
    for point in party.points:
        if point.is_former:
            _retire(batch, profile, point, held_elsewhere=point.address in proven_elsewhere)
    for point in party.points:
        # a proven address of somebody else's is not taken over: a person decides (the review below)
        if point.address in profile.claims:
            if not point.is_former:
                batch.claim(profile, point)
        elif not point.is_former and (point.address not in proven_elsewhere or not point.verified):
            _learn(batch, profile, point)
    if verdict.review:
        batch.review_identity(profile, verdict.review, verdict.reason)
    for uid in verdict.merge:
        if uid in batch.by_uid and uid != profile.uid:
            merge_by_rule(batch, profile, batch.by_uid[uid], verdict.reason)
    return profile


def _learn(batch: Batch, profile: ProfileRow, point: ContactPoint) -> None:
    """Let a profile hold a contact point that was shown, unless it holds too many of the kind already."""
    limit = batch.world.identity.limit(point.kind).held
    if len(profile.claims) < limit or sum(claim.point.kind == point.kind for claim in profile.claims.values()) < limit:
        batch.claim(profile, point)
        return
    batch.reviews.append(
        Review(
            kind="contact points",
            connection=batch.live.name,
            subject=f"{profile.uid}: {point.kind}",
            profile_id=profile.id,
            data={"profile": profile.uid, "kind": point.kind, "most": limit, "address": point.address},
            at=batch.now,
        )
    )


def _retire(batch: Batch, profile: ProfileRow, point: ContactPoint, *, held_elsewhere: bool) -> None:
    """The vendor says that others have taken this address's place.

    A number may be given to somebody else: whoever writes from it next is not this customer on its word. A vendor's
    id is given to nobody else: it still says who wrote under it.
    """
    held = profile.claims.get(point.address)
    passes_on = point.kind in ("phone", "email")
    if held is None:
        if not passes_on and not held_elsewhere:
            batch.claim(profile, evolve(point, slot=""), listed=False)
        return
    before = held.slot, held.listed, held.verified
    if passes_on:
        held.slot, held.verified, held.shown_by = "other", False, dict.fromkeys(held.shown_by, False)
    else:
        held.listed = False
    if before != (held.slot, held.listed, held.verified):
        held.changed = True
        batch.touched(profile, "contact_points")
