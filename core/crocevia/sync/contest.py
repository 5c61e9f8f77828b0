"""Contested fields: what waits for a person, until he decides or the sides come to hold the same.

A field in review is *held* on the binding where it differs: it is neither written there nor taken from there, and both
values stay where they are. A later change on either side renews the entry; when the sides come to hold the same, it
ends by itself. Other fields of the record go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crocevia.mapping.lens import Lens
from crocevia.store import bindings
from crocevia.store.bindings import BindingRow
from crocevia.store.decisions import Decision, Review
from crocevia.store.json import plain
from crocevia.store.profiles import ProfileRow
from crocevia.sync.choice import AGREED, Choice
from crocevia.sync.judge import Verdict
from crocevia.sync.questions import CONFLICT, OF_FIELDS, OSCILLATION, UNFIT, UNREADABLE, entries, subject

if TYPE_CHECKING:
    from crocevia.sync.batch import Batch


def hold(
    batch: Batch, profile: ProfileRow, row: BindingRow, verdict: Verdict, choice: Choice, there: Mapping[str, Any]
) -> None:
    """Keep both values where they are, and ask a person.

    Args:
        there: The remote values that were read.
    """
    lens, about = verdict.lens, subject(row, verdict.lens)
    kind = {"unreadable": UNREADABLE, OSCILLATION: OSCILLATION}.get(choice.chosen, CONFLICT)
    flips = list(choice.flips)
    open_ = entries(batch, profile.id, about)
    for entry, other, data in open_:
        if other == OSCILLATION and kind == CONFLICT:
            kind, flips = other, data.get("flips", [])
        elif other != kind and entry is not None:
            batch.past.end([entry], by=batch.live.name, choice="asked anew")
    row.held = sorted({*row.held, *verdict.names})
    canonical = profile.canonical()
    names = [name for name in lens.remote if name in row.held]
    data = {
        "profile": profile.uid,
        "field": next((name for name, value in verdict.values.items() if value != canonical.get(name)), lens.fields[0]),
        "fields": list(lens.fields),
        "binding": row.id,
        "object": row.object,
        "id": row.remote_id,
        "base": {name: row.base(name) for name in names},
        "ours": {name: plain(canonical.get(name)) for name in lens.fields},
        "theirs": {name: plain(there.get(name, row.seen.get(name))) for name in names},
        **({"flips": flips} if flips else {}),
    }
    batch.reviews.append(
        Review(kind=kind, connection=row.connection, subject=about, profile_id=profile.id, data=data, at=batch.now)
    )
    if not open_:
        _raise(batch, profile, row, verdict)


def _raise(batch: Batch, profile: ProfileRow, row: BindingRow, verdict: Verdict) -> None:
    name = next(iter(verdict.values), verdict.lens.fields[0])
    conflict = {
        "profile": profile.uid,
        "connection": row.connection,
        "object": row.object,
        "field": name,
        "policy": batch.live.options.policy(name),
        "base": {field: row.base(field) for field in verdict.names},
        "ours": plain(profile.canonical().get(name)),
        "theirs": plain(verdict.values.get(name)),
    }
    review = f"conflict {subject(row, verdict.lens)}"
    batch.announce("crocevia_conflict_raised", {"review": review, "conflict": conflict}, profile=profile.id)


def release(
    batch: Batch,
    profile_id: int,
    row: BindingRow,
    lens: Lens,
    names: Iterable[str],
    *,
    by: str,
    choice: str,
    agreed: bool = True,
) -> bool:
    """Let a field go on: it is not held any more, and what asked about it ends. False where nothing was held.

    Args:
        agreed: Whether both sides hold the same now; else what they last did stays the base until the push.
    """
    names = list(names)
    held = [name for name in names if name in row.held]
    for name in names if agreed else ():
        row.agreed.pop(name, None)
    if not held:
        return False
    row.held = [name for name in row.held if name not in held]
    if any(name in row.held for name in lens.remote):
        return True  # another part of it is still asked about
    about = subject(row, lens)
    ids = [entry for entry, _, _ in entries(batch, profile_id, about) if entry is not None]
    batch.past.end(ids, by=by, choice=choice)
    batch.reviews = [one for one in batch.reviews if one.subject != about or one.kind not in OF_FIELDS]
    return True


def settle(batch: Batch) -> None:
    """Look at what is asked about the profiles that change: it ends where both sides agree now, else it is renewed."""
    changed = {row.id: row for row in batch.profiles.values() if row.stored and row.changed_fields}
    open_ = [one for one in batch.past.asked(changed) if one["kind"] in OF_FIELDS]
    wanted = {one["data"]["binding"] for one in open_ if "binding" in one["data"]} - batch.changed_bindings.keys()
    rows = {**{row.id: row for row in bindings.load(batch.transaction, wanted)}, **batch.changed_bindings}
    for one in open_:
        row = rows.get(one["data"].get("binding"))
        live = batch.world.lives.get(one["connection"])
        mapping = live.mappings.get(row.object) if live is not None and row is not None else None
        lens = (
            next((lens for lens in mapping.lenses if subject(row, lens) == one["subject"]), None)
            if mapping and row
            else None
        )
        if row is not None and lens is not None:
            _settle_one(batch, changed[one["profile_id"]], row, lens, one)


def _settle_one(batch: Batch, profile: ProfileRow, row: BindingRow, lens: Lens, entry: Mapping[str, Any]) -> None:
    canonical = profile.canonical()
    if entry["kind"] == UNFIT:
        if not lens.unwritable(canonical):
            batch.past.end([entry["id"]], by=batch.live.name, choice="agreed")
        return
    ours = lens.encode(canonical)
    held = [name for name in lens.remote if name in row.held]
    if not all(lens.same(name, ours.get(name), row.seen.get(name)) for name in held):
        told = {name: plain(canonical.get(name)) for name in lens.fields}
        if entry["data"].get("ours") != told:
            renewed = Review(
                kind=entry["kind"],
                connection=row.connection,
                subject=entry["subject"],
                profile_id=profile.id,
                data={**entry["data"], "ours": told},
                at=batch.now,
            )
            batch.reviews.append(renewed)
        return
    release(batch, profile.id, row, lens, held, by=batch.live.name, choice="agreed")
    batch.changed_bindings[row.id] = row
    decide(batch, profile, row, lens, AGREED, row.seen)


def decide(
    batch: Batch,
    profile: ProfileRow,
    row: BindingRow,
    lens: Lens,
    choice: Choice,
    there: Mapping[str, Any],
    *,
    ours: Mapping[str, Any] | None = None,
    names: Sequence[str] = (),
) -> None:
    """Write a decision down.

    Args:
        there: The CRM's values.
        ours: The canonical values before it; None: as they are.
        names: Remote fields that it is about; none: all of the lens.
    """
    canonical = profile.canonical() if ours is None else ours
    about = names or lens.remote
    batch.decisions.append(
        Decision(
            at=batch.now,
            profile_id=profile.id,
            binding_id=row.id,
            connection=row.connection,
            field=", ".join(lens.fields),
            base={name: row.base(name) for name in about},
            ours={name: plain(canonical.get(name)) for name in lens.fields},
            theirs={name: plain(there.get(name)) for name in about},
            chosen=choice.chosen,
            why=choice.why,
        )
    )
