"""Two profiles are one customer: the younger becomes a tombstone that points to the other, and it can be taken back.

One function, whoever says so: a person, a rule, or a CRM in which the two records were merged.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from attrs import evolve, field, frozen

from crocevia.identity.unite import United, unite
from crocevia.store import consents, decisions, merges, profiles
from crocevia.store.decisions import Decision
from crocevia.store.merges import MergeRow
from crocevia.store.profiles import ClaimRow, ProfileRow
from crocevia.sync import rebind
from crocevia.sync.batch import Batch, free_slot
from crocevia.sync.rebind import Joined

RULE = "rule"
"""Stands for a rule of ours as the one who decided."""


@frozen
class Merged:
    """What a merge came to.

    Attributes:
        survivor, loser: External ids.
        fields: What was decided of each field on which the two differed.
        addresses: Contact points that the survivor did not have.
        interactions: How many changed hands.
        records: What became of the records of the profile that was merged away.
    """

    survivor: str
    loser: str
    fields: list[United] = field(factory=list)
    addresses: list[str] = field(factory=list)
    interactions: int = 0
    records: list[Joined] = field(factory=list)


def merge(batch: Batch, survivor: ProfileRow, loser: ProfileRow, *, by: str, reason: str) -> Merged | None:
    """Make two profiles one; None when they are one already.

    Everything that the batch holds is written first, so call it when rows that were read before (bindings above all)
    are not needed any more; from within intake through `merge_afterwards`.

    Args:
        survivor: Keeps its id, its records in the CRMs, and its values where they are newer.
        loser: Becomes a tombstone. Its interactions, contact points and records go to the survivor.
        by: `"person"`, `"rule"`, or the connection that said so.
        reason: One line without personal data; told to plugins.
    """
    rows = batch.load_profiles([survivor.id, loser.id])
    survivor, loser = rows[survivor.id], rows[loser.id]
    if survivor.id == loser.id:
        return None
    batch.write()
    row = MergeRow(id=next(batch.ids), profile_id=survivor.id, loser_id=loser.id, by=by, reason=reason, at=batch.now)
    before = {"survivor": profile_as_json(survivor), "loser": profile_as_json(loser)}
    deserving = loser.deserving
    fields = _unite_fields(batch, survivor, loser)
    addresses = _unite_claims(batch, survivor, loser)
    moved = merges.move(batch.transaction, row.id, loser.id, survivor.id)
    records = rebind.join(batch, row, survivor, loser)
    words = sorted({word.address for word in consents.of_profiles(batch.transaction, [loser.id])})
    consents.move(batch.transaction, loser.id, survivor.id)
    after = {"after": profile_as_json(survivor), "bindings": rebind.as_json(records), "consents": words}
    row.snapshot = {**before, **after}
    merges.add(batch.transaction, row)
    _bury(batch, survivor, loser)
    _deserve(batch, survivor, row, deserving=deserving)
    batch.touched(survivor, "contact_points")  # every CRM that has a record of the survivor looks again
    _end_questions(batch, survivor, loser, by)
    data = {"survivor": survivor.uid, "merged": loser.uid, "reason": reason}
    batch.announce("crocevia_profiles_merged", data, profile=survivor.id)
    return Merged(survivor.uid, loser.uid, fields, addresses, moved, records)


def merge_afterwards(batch: Batch, survivor: ProfileRow, loser: ProfileRow, *, by: str, reason: str) -> None:
    """Merge when everything else of the batch is written."""
    batch.afterwards.append(partial(merge, survivor=survivor, loser=loser, by=by, reason=reason))


def merge_by_rule(batch: Batch, one: ProfileRow, other: ProfileRow, reason: str) -> None:
    """Merge at the end of the batch, unless a person has kept them apart; who is known, then the older, stays."""
    if other.id in merges.kept_apart(batch.transaction, one.id):
        return
    survivor, loser = sorted((one, other), key=lambda row: (row.anonymous, row.id))
    merge_afterwards(batch, survivor, loser, by=RULE, reason=reason)


def keep_apart(batch: Batch, one: ProfileRow, others: Iterable[ProfileRow], *, by: str) -> None:
    """Remember that these are other customers than `one`: no rule merges them, and nobody is asked again."""
    pairs = [(one.id, other.id) for other in others if other.id != one.id]
    merges.keep_apart(batch.world.store, batch.transaction, pairs, by, batch.now)


# --- what the survivor is given -------------------------------------------------------------------------------------


def _unite_fields(batch: Batch, survivor: ProfileRow, loser: ProfileRow) -> list[United]:
    found = unite(survivor.fields, survivor.origins, loser.fields, loser.origins)
    for one in found:
        batch.decisions.append(
            Decision(
                at=batch.now,
                profile_id=survivor.id,
                binding_id=None,
                connection=batch.live.name,
                field=one.name,
                base=None,
                ours=survivor.fields.get(one.name),
                theirs=loser.fields[one.name],
                chosen=one.chosen,
                why=f"merged with {loser.uid}: {one.why}",
            )
        )
        if one.chosen != "ours":
            survivor.fields[one.name], survivor.origins[one.name] = one.value, one.origin
            batch.touched(survivor, one.name)
    return found


def _unite_claims(batch: Batch, survivor: ProfileRow, loser: ProfileRow) -> list[str]:
    """The survivor's contact points stay where they are; the other's come after them, in the slots that are free."""
    gained: list[str] = []
    for claim in sorted(loser.claims.values(), key=lambda claim: claim.position):
        held = survivor.claims.get(claim.address)
        if held is None:
            held = _taken(batch, survivor, claim)
            gained.append(claim.address)
        else:
            if claim.listed and not held.listed:
                held.slot = free_slot(survivor, claim.point)
            held.listed = held.listed or claim.listed
            held.since = min(held.since, claim.since)
        held.verified = held.verified or claim.verified
        held.shared = held.shared or claim.shared
        names = {**held.shown_by, **claim.shown_by}
        held.shown_by = {name: held.shown_by.get(name, False) or claim.shown_by.get(name, False) for name in names}
        held.changed = True
    return gained


def _taken(batch: Batch, survivor: ProfileRow, claim: ClaimRow) -> ClaimRow:
    slot = free_slot(survivor, claim.point) if claim.listed else claim.slot
    made = profiles.new_claim(batch.ids, survivor, claim.point, claim.since)
    made.slot, made.listed = slot, claim.listed
    return made


# --- what is left of the other --------------------------------------------------------------------------------------


def _bury(batch: Batch, survivor: ProfileRow, loser: ProfileRow) -> None:
    """Leave a tombstone: an id that points to the survivor, with nothing of the customer but in the snapshot."""
    loser.dropped.extend(loser.claims.values())
    loser.claims.clear()
    loser.fields, loser.origins, loser.deserving = {}, {}, False
    loser.merged_into, loser.changed, loser.changed_at = survivor.id, True, batch.now
    loser.revision += 1
    loser.changed_fields.clear()
    profiles.save(batch.transaction, [loser])
    merges.point(batch.transaction, loser.id, survivor.id)
    apart = merges.kept_apart(batch.transaction, loser.id) - {survivor.id}
    merges.keep_apart(
        batch.world.store, batch.transaction, [(survivor.id, other) for other in apart], "merge", batch.now
    )
    merges.put_together(batch.transaction, survivor.id, loser.id)
    batch.stands_for(survivor, loser)


def _deserve(batch: Batch, survivor: ProfileRow, row: MergeRow, *, deserving: bool) -> None:
    """Who had records in the CRMs has them; what of the other had none is wanted there too."""
    if survivor.deserving and not deserving:
        batch.bind_new("interaction", [(one, survivor.id) for one in merges.moved_ids(batch.transaction, [row.id])])
    elif deserving and not survivor.deserving:
        batch.deserve(survivor)


def _end_questions(batch: Batch, survivor: ProfileRow, loser: ProfileRow, by: str) -> None:
    """Whether the two are one is not a question any more."""
    ended = []
    for review in decisions.open_of_profiles(batch.transaction, [survivor.id, loser.id]):
        data = review["data"]
        if review["kind"] == "identity" and {data["profile"], *data["others"]} == {survivor.uid, loser.uid}:
            ended.append(review["id"])
    decisions.end(batch.transaction, ended, at=batch.now, by=by, choice="merged")


# --- what a snapshot holds ------------------------------------------------------------------------------------------

_CLAIM = ("slot", "shown", "position", "listed", "verified", "shared", "shown_by", "since")


def profile_as_json(row: ProfileRow) -> dict[str, Any]:
    """A profile's own state, for a snapshot."""
    return {
        "fields": dict(row.fields),
        "origins": {name: list(origin) for name, origin in row.origins.items()},
        "deserving": row.deserving,
        "claims": {claim.address: claim_as_json(claim) for claim in row.claims.values()},
    }


def claim_as_json(claim: ClaimRow) -> dict[str, Any]:
    """A claim's own state, for a snapshot."""
    found = {name: getattr(claim, name) for name in _CLAIM}
    return {**found, "shown_by": dict(claim.shown_by)}


def claim_again(claim: ClaimRow, found: dict[str, Any]) -> ClaimRow:
    """A claim as a snapshot has it."""
    return evolve(claim, **found, changed=True)
