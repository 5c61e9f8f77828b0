"""The judge's verdicts on one record, carried out: profiles change, bindings remember, decisions are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from crocevia.mapping.lens import Lens
from crocevia.mapping.object import ObjectMapping
from crocevia.model import ContactPoint, RecordChanged, to_us
from crocevia.store.bindings import BindingRow
from crocevia.store.decisions import PERSON, Decision, Review
from crocevia.store.json import plain
from crocevia.store.profiles import ProfileRow
from crocevia.sync import contest, drafts, flips
from crocevia.sync.batch import Batch
from crocevia.sync.choice import AGREED, AHEAD, Choice, choose
from crocevia.sync.judge import Verdict, judge, meet
from crocevia.sync.questions import OSCILLATION
from crocevia.sync.resolve import normalise

_ONLY_OURS = "only we write it: it is put right again"


def hear_profile(
    batch: Batch,
    mapping: ObjectMapping,
    row: BindingRow,
    values: Mapping[str, Any],
    event: RecordChanged,
    *,
    asked: bool = False,
) -> None:
    """Judge a changed record of a linked profile.

    Args:
        asked: Whether it was just read because we asked; else it was told, and may be older than our last write.
    """
    profile = batch.load_profiles([row.subject_id])[row.subject_id]
    first = not row.seen and row.applied == 0
    stale = _is_stale(mapping, row, values)
    if stale and not asked:
        _doubt(batch, mapping, row, values)
        return
    for lens in mapping.lenses:
        if not any(name in values for name in lens.remote):
            continue
        canonical = profile.canonical()
        if stale:
            _overrule(batch, profile, row, lens, values)
        elif lens.direction == "to crm":
            if not first:
                _restore(batch, profile, row, lens, values)
        elif first:
            verdict = meet(lens, values, canonical, theirs_first=_has_priority(batch, profile, lens))
            _carry_out(batch, profile, row, verdict, values, event)
        else:
            base = {name: row.base(name) for name in lens.remote}
            first_theirs = batch.live.options.policy(lens.fields[0]) != "channel wins"
            verdict = judge(lens, values, row.seen, base, canonical, theirs_first=first_theirs)
            _carry_out(batch, profile, row, verdict, values, event)
    _remember(mapping, row, values)
    if stale or _differs(mapping, row, profile.canonical()):
        batch.want("profile", profile.id)


def hear_interaction(batch: Batch, mapping: ObjectMapping, row: BindingRow, values: Mapping[str, Any]) -> None:
    """The log is ours: what somebody changes in it there is put right again, a few times, then reviewed."""
    foreign = {lens.fields: names for lens in mapping.lenses if (names := _foreign(lens, row, values))}
    before = {name: row.seen.get(name) for names in foreign.values() for name in names}
    _remember(mapping, row, values)
    if not foreign or drafts.heard(batch, mapping, row, values):
        return
    row.flips += 1
    if flips.restored(batch, row) >= flips.MOST_RESTORED:
        row.state = "review"
        names = sorted(name for some in foreign.values() for name in some)
        data = {"object": row.object, "id": row.remote_id, "binding": row.id, "fields": names}
        batch.reviews.append(
            Review(
                kind=OSCILLATION,
                connection=row.connection,
                subject=f"binding {row.id}",
                profile_id=row.profile_id,
                data={**data, "flips": flips.MOST_RESTORED},
                at=batch.now,
            )
        )
        return
    batch.decisions.append(
        Decision(
            at=batch.now,
            profile_id=row.profile_id,
            binding_id=row.id,
            connection=row.connection,
            field=", ".join(name for fields in foreign for name in fields),
            base=before,
            ours=before,
            theirs={name: plain(values.get(name)) for name in before},
            chosen=flips.RESTORED,
            why=_ONLY_OURS,
        )
    )
    batch.want("interaction", row.subject_id)


def _foreign(lens: Lens, row: BindingRow, values: Mapping[str, Any]) -> Sequence[str]:
    """The remote fields that somebody else changed, as far as they are not asked about already."""
    return [
        name
        for name in lens.remote
        if name in values and name not in row.held and not lens.same(name, values[name], row.seen.get(name))
    ]


def _is_stale(mapping: ObjectMapping, row: BindingRow, values: Mapping[str, Any]) -> bool:
    """An older revision of ours came back: a worker slept through its lease. Push again; nobody edited anything."""
    stamped = values.get(mapping.revision) if mapping.revision else None
    ours = row.seen.get(mapping.revision or "")
    return isinstance(stamped, int | float) and int(stamped) < row.applied and ours == row.applied


def _doubt(batch: Batch, mapping: ObjectMapping, row: BindingRow, values: Mapping[str, Any]) -> None:
    """Told with an older revision of ours: from before our last write, or written over by a worker that slept.

    Only a look tells which. What differs counts as not seen, so that there is something to write; and as a call that
    may have happened is looked up before the next one, the record is read and judged as it is now.
    """
    names = [name for lens in mapping.lenses for name in _foreign(lens, row, values)]
    if not names:
        _remember(mapping, row, values)  # nothing was written over: only the stamp is old
        return
    for name in names:
        row.agreed.setdefault(name, row.base(name))
        row.seen.pop(name, None)
    row.claimed = row.applied
    batch.want("profile", row.subject_id)


def _overrule(batch: Batch, profile: ProfileRow, row: BindingRow, lens: Lens, values: Mapping[str, Any]) -> None:
    """What an older revision of ours has written over is written again."""
    if names := _foreign(lens, row, values):
        choice = Choice(chosen="ours", why="an older revision of ours came back: ours is pushed again")
        contest.decide(batch, profile, row, lens, choice, values, names=names)


def _restore(batch: Batch, profile: ProfileRow, row: BindingRow, lens: Lens, values: Mapping[str, Any]) -> None:
    """Somebody changed what goes one way only: it is put right again, until that has gone on for too long."""
    ours = lens.encode(profile.canonical())
    names = [name for name in _foreign(lens, row, values) if not lens.same(name, values[name], ours.get(name))]
    if not names:
        return
    choice = Choice(chosen=flips.RESTORED, why=_ONLY_OURS)
    if flips.restored(batch, row) >= flips.MOST_RESTORED:
        why = "it is changed there again and again: it is left until a person has looked"
        choice = Choice(chosen=OSCILLATION, why=why)
        verdict = Verdict(lens=lens, ruling="conflict", why=why, names=tuple(names))
        contest.hold(batch, profile, row, verdict, choice, values)
    contest.decide(batch, profile, row, lens, choice, values, names=names)


def _has_priority(batch: Batch, profile: ProfileRow, lens: Lens) -> bool:
    """Whether this CRM's values stand when it is met: over channels always, over other CRMs by priority.

    Never over what a person has decided.
    """
    sources = {profile.origins[name][1] for name in lens.fields if name in profile.origins}
    if PERSON in sources:
        return False
    sources |= {name for claim in profile.claims.values() for name in claim.shown_by} if lens.is_set else set()
    others = [batch.world.lives[name] for name in sources if name in batch.world.lives and name != batch.live.name]
    return all(batch.live.options.priority > other.options.priority for other in others if other.reads)


def _carry_out(
    batch: Batch,
    profile: ProfileRow,
    row: BindingRow,
    verdict: Verdict,
    there: Mapping[str, Any],
    event: RecordChanged,
) -> None:
    lens, canonical, new = verdict.lens, profile.canonical(), not profile.stored
    if verdict.ruling == "unchanged":
        return
    if verdict.ruling == "agreed":
        if contest.release(batch, profile.id, row, lens, lens.remote, by=row.connection, choice="agreed"):
            contest.decide(batch, profile, row, lens, AGREED, there)
        return
    choice = choose(batch, profile, row, verdict, there, event.at)
    bases = {name: row.base(name) for name in verdict.names}
    taken = choice.chosen in ("theirs", "merged")
    if taken:
        take(batch, profile, choice.values, to_us(event.at), guard_s=batch.live.options.skew_guard_s)
    if not (new and taken):  # whose a new profile's values are, its origins say
        contest.decide(batch, profile, row, lens, choice, there, ours=canonical, names=verdict.names)
    if taken:
        contest.release(batch, profile.id, row, lens, verdict.names, by=row.connection, choice=choice.chosen)
        return
    row.agreed.update(bases)  # what both held last stays the base until the push is acknowledged
    if choice.chosen == "ours":
        contest.release(batch, profile.id, row, lens, verdict.names, by=row.connection, choice="ours", agreed=False)
    else:
        contest.hold(batch, profile, row, verdict, choice, there)


def take(batch: Batch, profile: ProfileRow, values: Mapping[str, Any], at: int, *, guard_s: float = 0.0) -> None:
    """Give a profile canonical values.

    Args:
        at: When they were set, in microseconds; a time in our future is marked, as it says nothing.
        guard_s: So far two clocks may differ, in seconds.
    """
    ahead = at > batch.now + int(guard_s * timedelta(seconds=1) / timedelta(microseconds=1))
    for name, value in values.items():
        if name == "contact_points":
            take_points(batch, profile, value)
            continue
        batch.set_field(profile, name, plain(value), at)
        if ahead and profile.origins.get(name) == [at, batch.live.name]:
            profile.origins[name] = [at, batch.live.name, AHEAD]


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
