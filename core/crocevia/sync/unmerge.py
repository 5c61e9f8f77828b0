"""Two customers after all: a merge taken back, with what came since given to whom it belongs, or to a person."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from attrs import field, frozen

from crocevia.errors import RefusedError
from crocevia.identity.place import OURS, THEIRS, Came, Sides, Thread, place
from crocevia.mapping.lens import Reference
from crocevia.store import bindings, consents, interactions, merges, profiles
from crocevia.store.decisions import Review
from crocevia.store.json import loads
from crocevia.store.merges import MergeRow
from crocevia.store.profiles import ProfileRow
from crocevia.store.tables import interactions as log
from crocevia.store.tables import moved
from crocevia.sync.batch import Batch
from crocevia.sync.merge import claim_again, claim_as_json
from crocevia.sync.part import part
from crocevia.sync.rebind import DOUBLE

UNPLACED = "unmerge"
"""The kind of review of what came since a merge and could not be placed when it was taken back."""
MOST_NAMED = 100


@frozen
class Unmerged:
    """What taking a merge back came to.

    Attributes:
        survivor, restored: External ids.
        interactions: How many went back, those that came since and were placed among them.
        placed: How many of those that came since were placed, with either.
        unplaced: External ids of those that could not be; they stay with the survivor, for a person to look at.
        addresses, fields: What came since and stays with the survivor, as nothing says whose it is.
        left: What could not be undone in a CRM, one line each.
    """

    survivor: str
    restored: str
    interactions: int = 0
    placed: int = 0
    unplaced: list[str] = field(factory=list)
    addresses: list[str] = field(factory=list)
    fields: list[str] = field(factory=list)
    left: list[str] = field(factory=list)


def unmerge(batch: Batch, loser_id: int, *, by: str, reason: str = "") -> Unmerged:
    """Make the profile that was merged away again, as it was, and give it what is its own.

    Args:
        loser_id: Row id of the tombstone.
        by: `"person"`, or whoever decided it.

    Raises:
        RefusedError: it is not merged, or other merges have to be taken back first; nothing was changed.
    """
    batch.write()
    merge, survivor, loser = _merge_of(batch, loser_id)
    came = _came(batch, merge, survivor)
    before = _in_todays_forms(batch, merge)
    addresses = {OURS: list(before["survivor"]["claims"]), THEIRS: list(before["loser"]["claims"])}
    placed, sides = place(came, addresses, _threads(batch, merge, survivor, came))
    merges.also(batch.transaction, merge.id, [one for one, side in placed.items() if side == THEIRS])
    back = merges.move_back(batch.transaction, merge.id, survivor.id, loser.id)
    fields = _part_fields(batch, merge, survivor, loser)
    unsure = _part_claims(batch, merge, survivor, loser, sides)
    words = {*merge.snapshot.get("consents", ()), *(set(loser.claims) - set(survivor.claims))}
    consents.move(batch.transaction, survivor.id, loser.id, words)
    left = part(batch, merge, survivor)
    merges.readdress(batch.world.store, batch.transaction, merge.id, survivor.id, loser.id)
    _live_again(batch, merge, survivor, loser)
    unplaced = _uids(batch, [one.id for one in came if one.id not in placed])
    done = Unmerged(survivor.uid, loser.uid, back, len(placed), unplaced, unsure, fields, left)
    _ask(batch, survivor, done)
    data = {"survivor": survivor.uid, "restored": loser.uid, "reason": reason}
    batch.announce("crocevia_profiles_unmerged", data, profile=loser.id)
    merges.undone(batch.transaction, merge, batch.now)
    merges.keep_apart(batch.world.store, batch.transaction, [(survivor.id, loser.id)], by, batch.now)
    return done


def _merge_of(batch: Batch, loser_id: int) -> tuple[MergeRow, ProfileRow, ProfileRow]:
    """The merge in force of a tombstone, and both rows; refused where another has to be taken back before."""
    found = merges.in_force(batch.transaction, loser=loser_id)
    if not found:
        raise RefusedError("this profile is not merged into another: there is nothing to take back")
    merge = found[-1]
    rows = profiles.load(batch.transaction, [merge.profile_id, loser_id])
    survivor, loser = rows[merge.profile_id], rows[loser_id]
    if survivor.merged_into is not None:
        into = profiles.load(batch.transaction, [survivor.merged_into])[survivor.merged_into]
        raise RefusedError(
            f"{loser.uid} was merged into {survivor.uid}, and that one into {into.uid} since: "
            f"take that back first (`crocevia unmerge {survivor.uid}`)"
        )
    later = [one.loser_id for one in merges.in_force(batch.transaction, survivor=survivor.id) if one.id > merge.id]
    if later:
        names = [row.uid for _, row in sorted(profiles.load(batch.transaction, later).items())]
        raise RefusedError(
            f"since {loser.uid}, {', '.join(names)} was merged into {survivor.uid} too: "
            "take that back first, the newest before the others"
        )
    survivor = batch.load_profiles([survivor.id])[survivor.id]
    batch.profiles[loser.id] = batch.by_uid[loser.uid] = loser
    return merge, survivor, loser


# --- what came since ------------------------------------------------------------------------------------------------


def _came(batch: Batch, merge: MergeRow, survivor: ProfileRow) -> list[Came]:
    """The survivor's interactions since the merge: row ids grow in the order of the commits."""
    statement = (
        sa.select(log.c.id, log.c.connection, log.c.conversation, log.c.detail)
        .where(log.c.profile_id == survivor.id, log.c.id > merge.id)
        .order_by(log.c.id)
    )
    rows = batch.transaction.execute(statement).all()
    records = _records(batch, merge, [row.id for row in rows if _is_crm(batch, row.connection)])
    shown = {row.id: interactions.addresses(loads(row.detail)) for row in rows}
    older = profiles.current(batch.transaction, {address for some in shown.values() for address in some})
    return [
        Came(
            row.id,
            frozenset(older.get(address, address) for address in shown[row.id]),
            None if row.conversation is None else (row.connection, row.conversation),
            records.get(row.id),
        )
        for row in rows
    ]


def _in_todays_forms(batch: Batch, merge: MergeRow) -> dict[str, Any]:
    """The merge's snapshot, with addresses that have another normal form since in that."""
    sides = [merge.snapshot[name] for name in ("survivor", "loser", "after")]
    older = profiles.current(batch.transaction, {address for side in sides for address in side["claims"]})
    for side in sides:
        side["claims"] = {older.get(address, address): claim for address, claim in side["claims"].items()}
    return merge.snapshot


def _is_crm(batch: Batch, name: str) -> bool:
    live = batch.world.lives.get(name)
    return live is not None and live.reads


def _records(batch: Batch, merge: MergeRow, ids: list[int]) -> dict[int, str]:
    """Of interactions that somebody wrote in a CRM, whose record they were written on, where both have one there."""
    two = {one["connection"]: one for one in merge.snapshot["bindings"] if one["what"] == DOUBLE}
    found: dict[int, str] = {}
    for row in bindings.of_subjects(batch.transaction, "interaction", ids):
        double, live = two.get(row.connection), batch.world.lives.get(row.connection)
        mapping = None if live is None else live.mapping_of("interaction")
        if double is None or mapping is None:
            continue
        lens = next((lens for lens in mapping.lenses if isinstance(lens, Reference)), None)
        if lens is not None and row.seen.get(lens.field):
            found[row.subject_id] = THEIRS if row.seen[lens.field] == double["remote_id"] else OURS
    return found


def _threads(batch: Batch, merge: MergeRow, survivor: ProfileRow, came: list[Came]) -> dict[str, set[Thread]]:
    """Of the threads of what came since, which either had before."""
    found: dict[str, set[Thread]] = {OURS: set(), THEIRS: set()}
    theirs = sa.exists().where(moved.c.merge_id == merge.id, moved.c.interaction_id == log.c.id)
    for thread in sorted({one.thread for one in came if one.thread is not None}):
        statement = (
            sa.select(theirs)
            .where(
                log.c.connection == thread[0],
                log.c.conversation == thread[1],
                log.c.profile_id == survivor.id,
                log.c.id < merge.id,
            )
            .distinct()
        )
        for its in batch.transaction.execute(statement).scalars():
            found[THEIRS if its else OURS].add(thread)
    return found


def _uids(batch: Batch, ids: list[int]) -> list[str]:
    return [row.uid for _, row in sorted(interactions.load(batch.transaction, ids).items())]


# --- what each profile holds ----------------------------------------------------------------------------------------


def _part_fields(batch: Batch, merge: MergeRow, survivor: ProfileRow, loser: ProfileRow) -> list[str]:
    """Each has its own values again; what changed since stays with the survivor, and is named."""
    before, after, theirs = (merge.snapshot[name] for name in ("survivor", "after", "loser"))
    loser.fields, loser.origins = dict(theirs["fields"]), dict(theirs["origins"])
    changed: list[str] = []
    for name in sorted({*survivor.fields, *after["fields"]}):
        value = survivor.fields.get(name)
        if (name in survivor.fields, value, survivor.origins.get(name)) != (
            name in after["fields"],
            after["fields"].get(name),
            after["origins"].get(name),
        ):
            changed.append(name)
            if isinstance(value, list):
                survivor.fields[name] = _without(value, theirs["fields"].get(name), before["fields"].get(name))
        elif name in before["fields"]:
            survivor.fields[name], survivor.origins[name] = before["fields"][name], before["origins"].get(name, [0, ""])
        else:
            survivor.fields.pop(name)
            survivor.origins.pop(name, None)
    for row in (survivor, loser):
        batch.touched(row, "contact_points")
        row.changed_fields |= set(row.fields)
    return changed


def _without(value: list[Any], theirs: Any, ours: Any) -> list[Any]:
    """A list without what only the other brought into it."""
    brought = [item for item in theirs or () if item not in (ours or ())]
    return [item for item in value if item not in brought]


def _part_claims(batch: Batch, merge: MergeRow, survivor: ProfileRow, loser: ProfileRow, sides: Sides) -> list[str]:
    """Each holds its own contact points again; one that came since goes with the interactions that showed it."""
    before, after, theirs = (merge.snapshot[name]["claims"] for name in ("survivor", "after", "loser"))
    unsure: list[str] = []
    for address, held in sorted(survivor.claims.items()):
        now, was = claim_as_json(held), after.get(address)
        since = {name: now[name] for name in ("verified", "shown_by", "listed")} if now != was else {}
        mine, other = address in sides.addresses[OURS], address in sides.addresses[THEIRS]
        if address in theirs:
            _hold(batch, loser, address, {**theirs[address], **since})
        elif was is None and other and not mine:
            _hold(batch, loser, address, now)
        if address in before:
            if not since:
                survivor.claims[address] = claim_again(held, before[address])
        elif address in theirs or (was is None and other and not mine):
            survivor.dropped.append(survivor.claims.pop(address))
        elif mine == other:
            unsure.append(address)
    return unsure


def _hold(batch: Batch, profile: ProfileRow, address: str, found: dict[str, Any]) -> None:
    point = profiles.ClaimRow(0, profile.id, address).point
    profile.claims[address] = claim_again(profiles.new_claim(batch.ids, profile, point, found["since"]), found)


def _live_again(batch: Batch, merge: MergeRow, survivor: ProfileRow, loser: ProfileRow) -> None:
    """The tombstone is a profile again, and stands for whatever had been merged into it before."""
    loser.merged_into, loser.changed = None, True
    merges.point_these(batch.transaction, merges.descend(batch.transaction, loser.id), loser.id)
    # what was wanted in the CRMs meanwhile hangs on somebody there: who has interactions there has a record
    loser.deserving = merge.snapshot["loser"]["deserving"] or survivor.deserving
    for row in (survivor, loser):
        if row.deserving:
            batch.bind_new("profile", [(row.id, row.id)])


def _ask(batch: Batch, survivor: ProfileRow, done: Unmerged) -> None:
    """What nothing says whose it is stays with the survivor, and a person looks."""
    if not (done.unplaced or done.addresses or done.fields):
        return
    batch.reviews.append(
        Review(
            kind=UNPLACED,
            connection=batch.live.name,
            subject=f"{done.survivor}:{done.restored}",
            profile_id=survivor.id,
            data={
                "profile": done.survivor,
                "restored": done.restored,
                "interactions": done.unplaced[:MOST_NAMED],
                "more": max(0, len(done.unplaced) - MOST_NAMED),
                "addresses": done.addresses,
                "fields": done.fields,
            },
            at=batch.now,
        )
    )
