"""Meeting a CRM record that is bound to nobody: link it, make a profile of it, or ask a person."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from attrs import evolve

from crocevia.identity.match import match
from crocevia.identity.normalise import UNREADABLE
from crocevia.mapping.object import ObjectMapping
from crocevia.model import ContactPoint, Party
from crocevia.model.decision import Candidates
from crocevia.store import bindings, decisions, profiles
from crocevia.store.bindings import BindingRow
from crocevia.store.decisions import Review
from crocevia.store.profiles import ProfileRow
from crocevia.sync import touches, verdicts
from crocevia.sync.batch import Batch
from crocevia.sync.resolve import claims_on, match_parties, normalise
from crocevia.sync.touches import Leaf


class Adoption:
    """The unbound records of one batch, with everything that may match them, read at once.

    Args:
        batch: The transaction's memory.
        mapping: Of the records' object.
        unbound: Their remote values by remote id.
    """

    def __init__(self, batch: Batch, mapping: ObjectMapping, unbound: Mapping[str, Mapping[str, Any]]) -> None:
        self.batch = batch
        self.mapping = mapping
        entered = {remote_id: _entered(mapping, values) for remote_id, values in unbound.items()}
        normal = normalise(batch, [point for points in entered.values() for point in points])
        trusted = batch.live.options.trusts_contact_points
        blocks = batch.world.identity.blocks
        self.points = {
            remote_id: [
                evolve(normal[point], verified=trusted and normal[point].scope != UNREADABLE)
                for point in points
                if not blocks(normal[point].address)  # a switchboard's number says nothing of who it is
            ]
            for remote_id, points in entered.items()
        }
        addresses = {point.address for points in self.points.values() for point in points}
        holders = profiles.holders(batch.transaction, addresses)
        batch.load_profiles({holder for found in holders.values() for holder in found})
        self.known: dict[str, list[ProfileRow]] = {
            address: list({batch.profiles[holder].id: batch.profiles[holder] for holder in found}.values())
            for address, found in holders.items()
        }
        matched = {row.id for found in self.known.values() for row in found}
        rows = bindings.of_subjects(batch.transaction, "profile", matched, batch.live.name)
        self.here: dict[int, BindingRow] = {row.subject_id: row for row in rows if _to_be_made(row)}
        self.here |= {row.subject_id: row for row in rows if row.object == mapping.object}

    def adopt(self, leaf: Leaf, values: Mapping[str, Any]) -> BindingRow | None:
        """Link a record by its contact points, or make a profile of it; None when neither.

        One exclusive, verified match links; several go to review; none makes a profile, where the settings say that
        this CRM's records are customers.
        """
        batch = self.batch
        if self.mapping.is_customer is not None and not self.mapping.is_customer(values):
            batch.counts["ignored"] += 1
            return None
        profile, others = self._match(self.points.get(leaf.event.id, []))
        if profile is None and not others and not self.mapping.customers:
            batch.counts["ignored"] += 1
            return None
        batch.counts["applied"] += 1
        taken = profile is not None and profile.id in self.here and self.here[profile.id].remote_id is not None
        if others or taken:
            decided = self._said.get(self._about(leaf.event.id))
            profile, others, taken = self._as_decided(decided, profile, others, taken=taken)
        if others or taken:
            if profile is not None and not others:
                _note_shared(profile, self.points.get(leaf.event.id, []))
            _review(batch, self.mapping, leaf, profile, others)
            return None
        profile = profile or batch.new_profile()
        row = self._bind(leaf, profile)
        verdicts.hear_profile(batch, self.mapping, row, values, leaf.event)
        batch.deserve(profile)
        batch.want("profile", profile.id)  # our key is stamped on it
        batch.subjects.add((profile.id, leaf.raw_id))
        for address in profile.claims:
            if profile not in self.known.setdefault(address, []):
                self.known[address].append(profile)
        touches.unpark_records(batch, self.mapping.object, leaf.event.id)
        return row

    def _about(self, remote_id: str) -> str:
        return f"{self.mapping.object} {remote_id}"

    @cached_property
    def _said(self) -> dict[str, str]:
        """Whose records the doubtful ones are, as far as a person has said; with those profiles and their records."""
        batch, name = self.batch, self.batch.live.name
        subjects = [self._about(remote_id) for remote_id in self.points]
        said = decisions.choices(batch.transaction, "adoption", name, subjects)
        self._chosen = profiles.ids_of(batch.transaction, sorted(set(said.values()) - {"new"}))
        found = {row.id for row in batch.load_profiles(list(self._chosen.values())).values()}
        rows = bindings.of_subjects(batch.transaction, "profile", found - self.here.keys(), name)
        self.here |= {row.subject_id: row for row in rows if row.object == self.mapping.object}
        return said

    def _as_decided(
        self, decided: str | None, profile: ProfileRow | None, others: tuple[str, ...], *, taken: bool
    ) -> tuple[ProfileRow | None, tuple[str, ...], bool]:
        """As a person has said whose record it is: a profile's, by its id, or somebody's of its own."""
        if decided == "new":
            return None, (), False
        found = self.batch.profiles.get(self._chosen.get(decided or "", 0))
        if found is None:
            return profile, others, taken
        here = self.here.get(found.id)
        return found, (), here is not None and here.remote_id is not None and here.state != "gone"

    def _match(self, points: list[ContactPoint]) -> tuple[ProfileRow | None, tuple[str, ...]]:
        """The one profile that these points identify, and the external ids of others that they might."""
        if not points:
            return None, ()
        party = Party(points)
        asked = Candidates(self.batch.live.name, party, claims_on(party, self.known, self.batch.world.identity))
        verdict = match_parties(self.batch, [asked])[0]
        if verdict.profile is not None and verdict == match(asked) and not _is_exclusive(asked, verdict.profile):
            return None, tuple(dict.fromkeys((verdict.profile, *verdict.review)))  # a landline alone names nobody
        return self.batch.by_uid.get(verdict.profile or ""), verdict.review

    def _bind(self, leaf: Leaf, profile: ProfileRow) -> BindingRow:
        """The profile's binding here, linked to the record: the one that waited for a create, or a new one."""
        batch = self.batch
        row = self.here.get(profile.id)
        if row is None:
            row = BindingRow(
                id=next(batch.ids),
                connection=batch.live.name,
                object=self.mapping.object,
                of="profile",
                subject_id=profile.id,
                profile_id=profile.id,
            )
            batch.new_bindings.append(row)
            self.here[profile.id] = row
        else:
            batch.changed_bindings[row.id] = row
            if row.object != self.mapping.object:  # it was to be made as another object; this one is there already
                row.object = self.mapping.object
                batch.reshaped.append(row)
        row.remote_id, row.state, row.version = leaf.event.id, "linked", leaf.event.version
        batch.linked[self.mapping.object, leaf.event.id] = profile.id
        return row


def _is_exclusive(asked: Candidates, profile: str) -> bool:
    return any(claim.profile == profile and claim.verified and claim.exclusive for claim in asked.claims)


def _note_shared(profile: ProfileRow, points: list[ContactPoint]) -> None:
    """A second record of a customer who has one there: his double, or somebody else with whom he shares a number.

    Where it has addresses of its own, what the two have in common identifies neither of them from now on.
    """
    addresses = {point.address for point in points if point.verified}
    if addresses <= profile.claims.keys():
        return
    for address in addresses & profile.claims.keys():
        claim = profile.claims[address]
        if not claim.shared:
            claim.shared = claim.changed = profile.changed = True


def _to_be_made(row: BindingRow) -> bool:
    """Whether nobody can have made its record yet."""
    return row.remote_id is None and row.claimed is None and row.state == "new"


def _entered(mapping: ObjectMapping, values: Mapping[str, Any]) -> list[ContactPoint]:
    """The record's contact points as they were entered."""
    entered: list[ContactPoint] = []
    for lens in mapping.lenses:
        if "contact_points" in lens.fields:
            entered.extend(lens.read(values, {"contact_points": ()}).get("contact_points", ()))
    return entered


def _review(
    batch: Batch, mapping: ObjectMapping, leaf: Leaf, profile: ProfileRow | None, others: tuple[str, ...]
) -> None:
    """Ambiguous: nothing is linked, nothing is made; a person looks."""
    uids = sorted({*others, *([profile.uid] if profile else [])})
    batch.reviews.append(
        Review(
            kind="adoption",
            connection=batch.live.name,
            subject=f"{mapping.object} {leaf.event.id}",
            profile_id=profile.id if profile else None,
            data={"object": mapping.object, "id": leaf.event.id, "profiles": uids},
            at=batch.now,
        )
    )
