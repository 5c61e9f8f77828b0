"""Who somebody is: told with a touch, after it, or without one; by the same rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from crocevia.model import ContactPoint, Party, PartyIdentified, to_us
from crocevia.store import interactions
from crocevia.store.interactions import InteractionRow
from crocevia.store.profiles import ProfileRow
from crocevia.sync import deserve
from crocevia.sync.batch import Batch
from crocevia.sync.merge import merge_by_rule
from crocevia.sync.resolve import normalise, normalised, resolve

if TYPE_CHECKING:
    from crocevia.sync.touches import Leaf


def in_normal_form(batch: Batch, parties: Sequence[Party]) -> list[Party]:
    """The parties with normal contact points; same order."""
    normal = normalise(batch, [point for party in parties for point in party.points])
    return [normalised(party, normal) for party in parties]


def learn(batch: Batch, profile: ProfileRow, party: Party, at: int) -> None:
    """Take what the channel shows of the customer, unless something newer is known."""
    for name, value in (("display_name", party.name), ("language", party.language)):
        if value and at >= profile.origins.get(name, [0])[0]:
            batch.set_field(profile, name, value, at)


def apply_identified(batch: Batch, leaves: Sequence[Leaf]) -> None:
    """Take who somebody is, without a touch: contact points attach, a visitor becomes known, doubts go to a person."""
    told = [leaf for leaf in leaves if leaf.event.party.points]
    batch.counts["ignored"] += len(leaves) - len(told)  # it names nobody
    parties = in_normal_form(batch, [leaf.event.party for leaf in told])
    for leaf, profile in zip(told, whose(batch, parties), strict=True):
        event: PartyIdentified = leaf.event
        learn(batch, profile, event.party, to_us(event.at))
        if deserve.reachable(profile):
            batch.deserve(profile)
        batch.subjects.add((profile.id, leaf.raw_id))
        batch.counts["applied"] += 1


def whose(batch: Batch, parties: Sequence[Party]) -> list[ProfileRow]:
    """The profile of each party (with normal contact points), made where there was none; same order.

    What the batch holds is written before.
    """
    if not parties:
        return []
    batch.write()  # whom the batch itself has met is found among the others
    return resolve(batch, parties)


def recognise(batch: Batch, told: Sequence[tuple[InteractionRow, Party, int]]) -> None:
    """Take whose these interactions are, where only now it is known.

    Who was nobody until now becomes that customer; where somebody else was known, a person compares the two.

    Args:
        batch: The transaction's memory.
        told: Each interaction, its customer as the channel says now, and when it said so in microseconds.
    """
    before = batch.load_profiles({row.profile_id for row, _, _ in told})
    said_of = [
        Party([*_shown(batch, row, before[row.profile_id]), *party.points], party.name, party.language)
        for row, party, _ in told
    ]
    parties = in_normal_form(batch, said_of)
    found = iter(whose(batch, [party for party in parties if party.points]))
    for (row, party, at), said in zip(told, parties, strict=True):
        was = before[row.profile_id]
        profile = next(found) if said.points else was
        if profile is not was and _nobody(batch, was):
            merge_by_rule(batch, profile, was, "the channel says who it was")
        elif profile is not was:
            batch.review_identity(profile, [was.uid], "the channel says that both made one interaction")
        learn(batch, profile, party, at)
        private = said.points and not row.detail.get("public")  # as if it had been said with the touch
        if private or deserve.reachable(profile):
            batch.deserve(profile)
        _show(batch, row, said)


def _shown(batch: Batch, row: InteractionRow, profile: ProfileRow) -> list[ContactPoint]:
    """What the interaction itself had shown, proven where this road had proven it."""
    found = []
    for address in interactions.addresses(row.detail):
        claim = profile.claims.get(address)
        proven = claim is not None and claim.shown_by.get(batch.live.name, False)
        found.append(evolve(ContactPoint.from_address(address), verified=proven))
    return found


def _nobody(batch: Batch, profile: ProfileRow) -> bool:
    """Whether nothing tells who it was but what this road itself has called him."""
    own = all(origin[1] == batch.live.name for origin in profile.origins.values())
    return profile.anonymous or (own and not profile.claims)


def _show(batch: Batch, row: InteractionRow, party: Party) -> None:
    """Remember the addresses with the interaction: who is parted again is placed by them, and is answered there."""
    shown = [point.address for point in party.points]
    if row.direction == "inbound" and "wrote_from" not in row.detail:
        kinds = batch.live.address_kinds
        here = next((point.address for point in party.points if point.kind in kinds), None)
        row.detail |= {} if here is None else {"wrote_from": here}
    if shown and shown != [row.detail.get("wrote_from")] and shown != row.detail.get("shown"):
        row.detail["shown"] = shown
    row.changed = True
