"""A newer normaliser: claims are brought to its forms, the old ones kept as aliases, so that nobody is met anew."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from attrs import evolve

from crocevia.identity.normalise import UNREADABLE, VERSION
from crocevia.model import ContactPoint
from crocevia.store import consents, cursors, profiles
from crocevia.store.cursors import Cursor
from crocevia.store.profiles import ClaimRow, ProfileRow
from crocevia.sync.batch import Batch
from crocevia.sync.hand import by_hand
from crocevia.sync.resolve import normalise
from crocevia.sync.world import World

STREAM = "normal forms"
"""Beside the connections' cursors, under no connection: `VERSION:CLAIM`, how far the claims were brought to which."""
MOST_AT_ONCE = 500
_log = structlog.get_logger("crocevia.renormalise")


def renormalise(world: World, most: int = MOST_AT_ONCE) -> int:
    """Bring every claim to the normal forms of this version; return how many changed. Before anything is taken in.

    In steps of a transaction each: what was interrupted goes on where it was.

    Raises:
        StoreError: the store cannot take it; call again.
    """
    changed = 0
    while True:
        with by_hand(world) as batch:
            cursor = cursors.read(batch.transaction, "", STREAM)
            version, after = _read(cursor.text)
            if version > VERSION or (version == VERSION and cursor.complete):
                return changed
            after = after if version == VERSION else 0
            rows = profiles.phones_and_mails(batch.transaction, after, most)
            changed += _step(batch, {address: None for _, _, address in rows}, {profile for _, profile, _ in rows})
            if rows:
                after = rows[-1][0]
            done = Cursor(f"{VERSION}:{after}", complete=len(rows) < most)
            cursors.write(world.store, batch.transaction, "", STREAM, done, batch.now)
        if done.complete and changed:
            _log.info("contact points have new normal forms", version=VERSION, changed=changed)


def _read(text: str | None) -> tuple[int, int]:
    version, _, after = (text or "1:0").partition(":")
    return int(version), int(after)


def _step(batch: Batch, addresses: Mapping[str, None], profile_ids: set[int]) -> int:
    points = {address: _as_written(address) for address in addresses}
    normal = normalise(batch, list(points.values()))
    moved = {
        address: evolve(normal[point], verified=True).address
        for address, point in points.items()
        if normal[point].address != address
    }
    if not moved:
        return 0
    taken = profiles.holders(batch.transaction, moved.values())
    batch.load_profiles({*profile_ids, *(holder for found in taken.values() for holder in found)})
    aliases: list[tuple[str, int, str]] = []
    asked: set[frozenset[int]] = set()
    for profile in list({batch.profiles[one].id: batch.profiles[one] for one in profile_ids}.values()):
        for old in [address for address in profile.claims if address in moved]:
            _rename(batch, profile, old, moved[old])
            aliases.append((old, profile.id, moved[old]))
            others = {batch.profiles[holder].id for holder in taken.get(moved[old], ())} - {profile.id}
            new = {other for other in others if frozenset((profile.id, other)) not in asked}
            if new:  # they had been told apart by the form alone
                uids = {batch.profiles[other].uid for other in new}
                batch.review_identity(profile, uids, "one address, written in two ways")
                asked |= {frozenset((profile.id, other)) for other in new}
            taken.setdefault(moved[old], []).append(profile.id)
    profiles.alias(batch.world.store, batch.transaction, aliases)
    consents.rename(batch.world.store, batch.transaction, [(old, new) for old, _, new in aliases])
    return len(aliases)


def _as_written(address: str) -> ContactPoint:
    """What to normalise anew: of what could not be read before, the text."""
    kind, scope, value = ContactPoint.parts(address)
    return ContactPoint(kind, "" if scope == UNREADABLE else scope, value)


def _rename(batch: Batch, profile: ProfileRow, old: str, new: str) -> None:
    """One claim under its new form; where the profile holds that too, the two become one."""
    claim = profile.claims.pop(old)
    profile.dropped.append(claim)
    held = profile.claims.get(new)
    if held is None:
        made = profiles.new_claim(batch.ids, profile, ContactPoint.from_address(new), claim.since)
        profile.claims[new] = _like(made, claim)
    else:
        names = {**held.shown_by, **claim.shown_by}
        held.shown_by = {name: held.shown_by.get(name, False) or claim.shown_by.get(name, False) for name in names}
        held.verified, held.listed = held.verified or claim.verified, held.listed or claim.listed
        held.since, held.changed = min(held.since, claim.since), True
    batch.touched(profile, "contact_points")


def _like(made: ClaimRow, claim: ClaimRow) -> ClaimRow:
    return evolve(claim, id=made.id, profile_id=made.profile_id, address=made.address, stored=False, changed=True)
