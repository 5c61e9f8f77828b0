"""The judge's verdicts on one record, carried out: profiles change, bindings remember, decisions are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crocevia.mapping.lens import Lens
from crocevia.mapping.object import ObjectMapping
from crocevia.model import ContactPoint, RecordChanged, from_us, to_us
from crocevia.model.decision import Chosen, Conflict
from crocevia.store.bindings import BindingRow
from crocevia.store.decisions import Decision, Review
from crocevia.store.profiles import ProfileRow
from crocevia.sync.batch import Batch
from crocevia.sync.judge import Verdict, by_policy, judge, meet
from crocevia.sync.resolve import normalise

MOST_FLIPS = 5
"""So often may somebody there change what only we write, before it goes to review instead of being restored."""


def hear_profile(
    batch: Batch, mapping: ObjectMapping, row: BindingRow, values: Mapping[str, Any], event: RecordChanged
) -> None:
    """Judge a changed record of a linked profile."""
    profile = batch.load_profiles([row.subject_id])[row.subject_id]
    first = not row.seen and row.applied == 0
    stale = _is_stale(mapping, row, values)
    for lens in mapping.lenses:
        if lens.direction == "to crm" or stale or not any(name in values for name in lens.remote):
            continue
        canonical = profile.canonical()
        if first:
            verdict = meet(lens, values, canonical, theirs_first=_has_priority(batch, profile, lens))
        else:
            base = {name: row.base(name) for name in lens.remote}
            first_theirs = _policy(batch, lens) != "channel wins"
            verdict = judge(lens, values, row.seen, base, canonical, theirs_first=first_theirs)
        _carry_out(batch, profile, row, verdict, values, event)
    _remember(mapping, row, values)
    if stale or _differs(mapping, row, profile.canonical()):
        batch.want("profile", profile.id)


def hear_interaction(batch: Batch, mapping: ObjectMapping, row: BindingRow, values: Mapping[str, Any]) -> None:
    """The log is ours: what somebody changes in it there is put right again, a few times, then reviewed."""
    foreign = [
        name
        for lens in mapping.lenses
        for name in lens.remote
        if name in values and not lens.same(name, values[name], row.seen.get(name))
    ]
    _remember(mapping, row, values)
    if not foreign:
        return
    row.flips += 1
    if row.flips > MOST_FLIPS:
        row.state = "review"
        batch.reviews.append(
            Review(
                kind="oscillation",
                connection=row.connection,
                subject=f"binding {row.id}",
                profile_id=row.profile_id,
                data={"object": row.object, "id": row.remote_id, "fields": foreign},
                at=batch.now,
            )
        )
        return
    batch.want("interaction", row.subject_id)


def _is_stale(mapping: ObjectMapping, row: BindingRow, values: Mapping[str, Any]) -> bool:
    """An older revision of ours came back: a worker slept through its lease. Push again; nobody edited anything."""
    stamped = values.get(mapping.revision) if mapping.revision else None
    ours = row.seen.get(mapping.revision or "")
    return isinstance(stamped, int | float) and int(stamped) < row.applied and ours == row.applied


def _has_priority(batch: Batch, profile: ProfileRow, lens: Lens) -> bool:
    """Whether this CRM's values stand when it is met: over channels always, over other CRMs by priority."""
    sources = {profile.origins[name][1] for name in lens.fields if name in profile.origins}
    sources |= {name for claim in profile.claims.values() for name in claim.shown_by} if lens.is_set else set()
    others = [batch.world.lives[name] for name in sources if name in batch.world.lives and name != batch.live.name]
    return all(batch.live.options.priority > other.options.priority for other in others if other.reads)


def _policy(batch: Batch, lens: Lens) -> str:
    return batch.live.options.policy(lens.fields[0])


def _carry_out(
    batch: Batch,
    profile: ProfileRow,
    row: BindingRow,
    verdict: Verdict,
    remote: Mapping[str, Any],
    event: RecordChanged,
) -> None:
    chosen: str = verdict.ruling
    values, why = verdict.values, verdict.why
    canonical = profile.canonical()
    names = verdict.lens.fields
    if verdict.ruling in ("unchanged", "agreed"):
        if verdict.ruling == "agreed":
            _agree(row, verdict.lens)
        return
    if verdict.ruling == "conflict":
        chosen, values, why = _choose(batch, profile, row, verdict, event)
    if chosen in ("theirs", "merged"):
        _take(batch, profile, values, to_us(event.at))
        _agree(row, verdict.lens)
    else:
        # what both held last stays the base until the push is acknowledged
        row.agreed.update({name: row.base(name) for name in verdict.lens.remote})
    if chosen in ("ask", "unreadable"):
        _ask(batch, profile, row, verdict, chosen)
    batch.decisions.append(
        Decision(
            at=batch.now,
            profile_id=profile.id,
            binding_id=row.id,
            connection=row.connection,
            field=", ".join(names),
            base={name: row.base(name) for name in verdict.lens.remote},
            ours={name: _plain(canonical.get(name)) for name in names},
            theirs={name: remote.get(name) for name in verdict.lens.remote},
            chosen=chosen,
            why=why,
        )
    )


def _agree(row: BindingRow, lens: Lens) -> None:
    for name in lens.remote:
        row.agreed.pop(name, None)
        if name in row.held:
            row.held.remove(name)


def _choose(
    batch: Batch, profile: ProfileRow, row: BindingRow, verdict: Verdict, event: RecordChanged
) -> tuple[str, Mapping[str, Any], str]:
    """A plugin's choice, else the policy's."""
    name = verdict.lens.fields[0]
    policy = _policy(batch, verdict.lens)
    origin = max((profile.origins[field] for field in verdict.lens.fields if field in profile.origins), default=None)
    conflict = Conflict(
        profile=profile.uid,
        connection=row.connection,
        object=row.object,
        field=name,
        policy=policy,
        base={field: row.base(field) for field in verdict.lens.remote},
        ours=profile.fields.get(name),
        theirs=verdict.values.get(name),
        ours_at=None if origin is None else from_us(origin[0]),
        theirs_at=event.at,
        ours_from=None if origin is None else origin[1],
    )
    choice = batch.world.dispatcher.decide("crocevia_resolve_conflict", [conflict])[0]
    if isinstance(choice, Chosen):
        return "merged", {name: choice.value}, "both sides changed it; a plugin chose a value"
    if choice is not None:
        return choice, verdict.values, "both sides changed it; a plugin chose"
    return by_policy(policy, conflict.ours_at, event.at), verdict.values, f"both sides changed it; policy {policy}"


def _ask(batch: Batch, profile: ProfileRow, row: BindingRow, verdict: Verdict, chosen: str) -> None:
    """Both values are kept where they are until a person chooses."""
    row.held = sorted({*row.held, *verdict.lens.remote})
    name = verdict.lens.fields[0]
    data = {"profile": profile.uid, "field": name, "object": row.object, "id": row.remote_id}
    batch.reviews.append(
        Review(
            kind="conflict" if chosen == "ask" else "unreadable value",
            connection=row.connection,
            subject=f"binding {row.id}: {name}",
            profile_id=profile.id,
            data=data,
            at=batch.now,
        )
    )
    conflict = {
        "profile": profile.uid,
        "connection": row.connection,
        "object": row.object,
        "field": name,
        "policy": _policy(batch, verdict.lens),
        "base": {field: row.base(field) for field in verdict.lens.remote},
        "ours": _plain(profile.canonical().get(name)),
        "theirs": _plain(verdict.values.get(name)),
    }
    batch.announce(
        "crocevia_conflict_raised",
        {"review": f"conflict binding {row.id}: {name}", "conflict": conflict},
        profile=profile.id,
    )


def _take(batch: Batch, profile: ProfileRow, values: Mapping[str, Any], at: int) -> None:
    for name, value in values.items():
        if name == "contact_points":
            take_points(batch, profile, value)
        else:
            batch.set_field(profile, name, _plain(value), at)


def _plain(value: Any) -> Any:
    """As stored: JSON has no tuples and no datetimes."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, ContactPoint):
        return value.address
    return value.isoformat() if hasattr(value, "isoformat") else value


def take_points(batch: Batch, profile: ProfileRow, wanted: tuple[ContactPoint, ...]) -> None:
    """Make the listed contact points of a profile these, in this order.

    A number that a person takes off a profile leaves it, unless a channel has proven it: that claim still says who
    writes from there, and is just not listed any more.
    """
    normal = normalise(batch, wanted)
    trusted = batch.live.options.trusts_contact_points
    keep: set[str] = set()
    for position, point in enumerate(wanted):
        form, slot = normal[point], point.slot
        held = profile.claims.get(form.address)
        shown = point.shown
        if held is not None and form.address in keep:  # one number, written in two ways into two fields
            slot, shown = _both(held.slot, point.slot), held.shown
        keep.add(form.address)
        if held is None:
            proven = trusted and form.scope == "" and form.kind in ("phone", "email")
            batch.claim(profile, _proven(form, proven=proven), slot=point.slot)
            held = profile.claims[form.address]
        new = (slot, shown or held.shown, position, True)
        if (held.slot, held.shown, held.position, held.listed) != new:
            held.slot, held.shown, held.position, held.listed = new
            held.changed = True
            batch.touched(profile, "contact_points")
    for address, held in list(profile.claims.items()):
        if address in keep or not held.listed:
            continue
        batch.touched(profile, "contact_points")
        held.shown_by.pop(batch.live.name, None)
        if any(proven and _is_channel(batch, name) for name, proven in held.shown_by.items()):
            held.listed, held.changed = False, True
        else:
            profile.dropped.append(profile.claims.pop(address))


def _both(one: str, other: str) -> str:
    """The slots of one number that stands in two places."""
    places = dict.fromkeys((*one.split(), *other.split()))
    return " ".join(place for place in places if place != "other") or "other"


def _is_channel(batch: Batch, name: str) -> bool:
    live = batch.world.lives.get(name)
    return live is not None and not live.reads


def _proven(point: ContactPoint, *, proven: bool) -> ContactPoint:
    return ContactPoint(point.kind, point.scope, point.value, verified=proven, slot=point.slot, shown=point.shown)


def _remember(mapping: ObjectMapping, row: BindingRow, values: Mapping[str, Any]) -> None:
    """What was read is what was last seen, always."""
    row.seen.update({name: values[name] for name in mapping.remote_fields if name in values})


def _differs(mapping: ObjectMapping, row: BindingRow, canonical: Mapping[str, Any]) -> bool:
    return any(
        name not in row.held and not mapping.same(name, value, row.seen.get(name))
        for name, value in mapping.encode(canonical).items()
    )
