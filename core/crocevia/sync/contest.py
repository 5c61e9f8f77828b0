"""Contested fields: who decides when both sides moved, when a field goes on for ever, and what waits for a person.

A field in review is *held* on the binding where it differs: it is neither written there nor taken from there, and both
values stay where they are. A later change on either side renews the entry; when the sides come to hold the same, it
ends by itself. Other fields of the record go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia.mapping.lens import Lens
from crocevia.model import Chosen, Conflict, ContactPoint, from_us
from crocevia.store import Store, bindings, decisions
from crocevia.store.bindings import BindingRow
from crocevia.store.decisions import PERSON, Decision, Review
from crocevia.store.ids import RowIds
from crocevia.store.profiles import ProfileRow
from crocevia.sync.judge import Evidence, Verdict, by_policy

if TYPE_CHECKING:
    from crocevia.sync.batch import Batch

CONFLICT, UNREADABLE, OSCILLATION, UNFIT = "conflict", "unreadable value", "oscillation", "value not allowed"
OF_FIELDS = (CONFLICT, UNREADABLE, OSCILLATION, UNFIT)
"""Kinds of entries that are about one field of one profile on one binding."""
MOST_FLIPS = 3
"""So often may one record bring the same value back, in a while, before nobody takes it any more."""
MOST_TURNS = 12
"""So often may two records take turns in changing one field, in a while, whatever they change it to."""
MOST_RESTORED = 5
"""So often may somebody change what only we write, in a while, before it is shown to a person."""
RESTORED = "restored"
WHILE = timedelta(hours=1)
"""Within it, what comes back is a machine's doing; people who edit a few times a day are left alone."""
_POLLS = 8
_US = 1_000_000
AHEAD = "ahead"
"""Stands with a field's origin whose stamp lay in our future: it says nothing of when that was."""


@frozen(kw_only=True)
class Choice:
    """What becomes of a verdict. `chosen`: theirs, merged, ours, ask, unreadable or oscillation."""

    chosen: str
    why: str
    values: Mapping[str, Any] = {}
    flips: Sequence[Mapping[str, Any]] = ()


AGREED = Choice(chosen="agreed", why="both sides hold the same again")


def choose(
    batch: Batch,
    profile: ProfileRow,
    row: BindingRow,
    verdict: Verdict,
    there: Mapping[str, Any],
    theirs_at: datetime,
) -> Choice:
    """A plugin's choice for a conflict, else the policy's; and no change is taken that comes back for ever.

    Args:
        there: The remote values that were read.
        theirs_at: When the record was changed, by the CRM's clock.
    """
    chosen: str = verdict.ruling
    values, why = verdict.values, verdict.why
    if verdict.ruling != "unreadable" and _is_asked(batch, profile, row, verdict):
        return Choice(chosen="ask", values=values, why="it changed there again while a person is asked")
    if verdict.ruling == "conflict":
        chosen, values, why = _resolve(batch, profile, row, verdict, theirs_at)
    if chosen in ("theirs", "merged") and profile.stored and (flips := _flips(batch, profile, row, verdict, there)):
        why = "it keeps flipping between two systems: neither is taken until a person has looked"
        return Choice(chosen=OSCILLATION, values=verdict.values, why=why, flips=flips)
    return Choice(chosen=chosen, values=values, why=why)


def _resolve(
    batch: Batch, profile: ProfileRow, row: BindingRow, verdict: Verdict, theirs_at: datetime
) -> tuple[Any, Mapping[str, Any], str]:
    canonical = profile.canonical()
    names = [name for name in verdict.values if verdict.values[name] != canonical.get(name)] or verdict.lens.fields
    origin = max((profile.origins[name] for name in names if name in profile.origins), default=None)
    options = batch.live.options
    policy = options.policy(verdict.lens.fields[0] if len(verdict.lens.fields) == 1 else names[0])
    ours_at = None if origin is None or AHEAD in origin else from_us(origin[0])
    conflict = Conflict(
        profile=profile.uid,
        connection=row.connection,
        object=row.object,
        field=names[0],
        policy=policy,
        base={field: row.base(field) for field in verdict.names},
        ours=canonical.get(names[0]),
        theirs=verdict.values.get(names[0]),
        ours_at=ours_at,
        theirs_at=theirs_at,
        ours_from=None if origin is None or origin[1] == PERSON else origin[1],
    )
    choice = batch.world.dispatcher.decide("crocevia_resolve_conflict", [conflict])[0]
    if isinstance(choice, Chosen):
        return "merged", {names[0]: choice.value}, "both sides changed it; a plugin chose a value"
    if choice is not None:
        return choice, verdict.values, "both sides changed it; a plugin chose"
    side, why = by_policy(
        policy,
        Evidence(
            now=from_us(batch.now),
            guard=timedelta(seconds=options.skew_guard_s),
            ours_at=ours_at,
            theirs_at=theirs_at,
            ours_rank=_rank(batch, origin),
            theirs_rank=options.priority,
        ),
    )
    return side, verdict.values, f"both sides changed it; {why}"


def _rank(batch: Batch, origin: Sequence[Any] | None) -> int | None:
    if origin is not None and origin[1] == PERSON:
        return None
    live = batch.world.lives.get(origin[1]) if origin is not None else None
    return live.options.priority if live is not None else 0


# --- what goes on for ever --------------------------------------------------------------------------------------------


def since(batch: Batch, connection: str) -> int:
    """When the while began in which flips are counted; longer where a connection is seldom polled."""
    live = batch.world.lives.get(connection)
    poll_s = live.options.poll_s if live is not None else 0.0
    return batch.now - int(max(WHILE.total_seconds(), _POLLS * poll_s) * _US)


def _flips(
    batch: Batch, profile: ProfileRow, row: BindingRow, verdict: Verdict, there: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The changes of a field that show that it flips, oldest first; none while it may be people's doing.

    Either the same value came from the same connection again and again, and was changed elsewhere in between; or two
    connections took turns for longer than people do. A person's decision starts the count anew.
    """
    fields = verdict.lens.fields
    origins = {profile.origins[name][1] for name in fields if name in profile.origins}
    if origins == {row.connection} or not row.stored:
        return []  # nobody else has touched it since, or the record was met just now
    earliest = since(batch, row.connection)
    field = ", ".join(fields)
    mine = [one for one in reversed(batch.decisions) if one.profile_id == profile.id and one.field == field]
    found = [_flip(one.at, one.connection, one.chosen, one.theirs) for one in mine if one.at >= earliest]
    stored = decisions.of_field(batch.transaction, profile.id, fields[0], earliest)
    found += [_flip(one["at"], one["connection"], one["chosen"], one["theirs"]) for one in stored]
    now = {name: plain(there.get(name)) for name in verdict.names}
    told = [_flip(batch.now, row.connection, "theirs", now)]
    for one in found:
        if one["connection"] == PERSON:
            break
        if one["chosen"] in ("theirs", "merged") and one["connection"] != told[-1]["connection"]:
            told.append(one)
    same = sum(one["connection"] == row.connection and one["theirs"] == now for one in told)
    return told[::-1] if same > MOST_FLIPS or len(told) > MOST_TURNS else []


def _flip(at: int, connection: str, chosen: str, theirs: Any) -> dict[str, Any]:
    return {"at": at, "connection": connection, "chosen": chosen, "theirs": theirs}


# --- what waits for a person ------------------------------------------------------------------------------------------


def subject(row: BindingRow, lens: Lens) -> str:
    """What an entry about a field of a record is filed under."""
    return f"binding {row.id}: {lens.fields[0]}"


def _entries(batch: Batch, profile_id: int, about: str) -> list[tuple[int | None, str, dict[str, Any]]]:
    """`(id, kind, data)` of the open entries on a subject; id None: asked in this very transaction."""
    found: list[tuple[int | None, str, dict[str, Any]]] = [
        (one["id"], one["kind"], one["data"])
        for one in decisions.open_of_profiles(batch.transaction, [profile_id])
        if one["subject"] == about and one["kind"] in OF_FIELDS
    ]
    asked = [(None, one.kind, one.data) for one in batch.reviews if one.subject == about and one.kind in OF_FIELDS]
    return found + asked


def restored(batch: Batch, row: BindingRow) -> int:
    """How often in a while a record was put right again in what only we write; a person's decision starts anew."""
    earliest = since(batch, row.connection)
    mine = [(one.at, one.connection, one.chosen) for one in reversed(batch.decisions) if one.binding_id == row.id]
    stored = decisions.of_binding(batch.transaction, row.profile_id, row.id, earliest)
    count = 0
    for at, connection, chosen in [*mine, *((one["at"], one["connection"], one["chosen"]) for one in stored)]:
        if connection == PERSON:
            break
        count += chosen == RESTORED and at >= earliest
    return count


def _is_asked(batch: Batch, profile: ProfileRow, row: BindingRow, verdict: Verdict) -> bool:
    """Whether a person is asked, or has said that each side keeps its own. What was unreadable and is not is new."""
    if not any(name in row.held for name in verdict.names):
        return False
    return all(kind != UNREADABLE for _, kind, _ in _entries(batch, profile.id, subject(row, verdict.lens)))


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
    open_ = _entries(batch, profile.id, about)
    for entry, other, data in open_:
        if other == OSCILLATION and kind == CONFLICT:
            kind, flips = other, data.get("flips", [])
        elif other != kind and entry is not None:
            decisions.end(batch.transaction, [entry], at=batch.now, by=batch.live.name, choice="asked anew")
    row.held = sorted({*row.held, *verdict.names})
    canonical = profile.canonical()
    names = [name for name in lens.remote if name in row.held]
    data = {
        "profile": profile.uid,
        "field": lens.fields[0],
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
    ids = [entry for entry, _, _ in _entries(batch, profile_id, about) if entry is not None]
    decisions.end(batch.transaction, ids, at=batch.now, by=by, choice=choice)
    batch.reviews = [one for one in batch.reviews if one.subject != about or one.kind not in OF_FIELDS]
    return True


@frozen
class Unfit:
    """Values of ours that a CRM's fields cannot hold: a picklist without such an entry, a text for a number."""

    row: BindingRow
    lenses: Sequence[Lens]
    profile: str
    canonical: Mapping[str, Any]


def ask_about_unfit(store: Store, connection: Connection, ids: RowIds, found: Iterable[Unfit], now: int) -> None:
    """Show what could not be written to a person, once for each value; the CRM keeps what it has meanwhile."""
    asked = []
    for one in found:
        for lens in one.lenses:
            row, about = one.row, subject(one.row, lens)
            ours = {name: plain(one.canonical.get(name)) for name in lens.fields}
            before = decisions.newest_review(connection, UNFIT, row.connection, about)
            if before is not None and before["data"]["ours"] == ours:
                continue
            data = {
                "profile": one.profile,
                "field": lens.fields[0],
                "fields": list(lens.fields),
                "binding": row.id,
                "object": row.object,
                "id": row.remote_id,
                "ours": ours,
                "theirs": {name: plain(row.seen.get(name)) for name in lens.remote},
            }
            asked.append(
                Review(
                    kind=UNFIT, connection=row.connection, subject=about, profile_id=row.profile_id, data=data, at=now
                )
            )
    decisions.review(store, connection, ids, asked)


def settle(batch: Batch) -> None:
    """Look at what is asked about the profiles that change: it ends where both sides agree now, else it is renewed."""
    changed = {row.id: row for row in batch.profiles.values() if row.stored and row.changed_fields}
    entries = [one for one in decisions.open_of_profiles(batch.transaction, changed) if one["kind"] in OF_FIELDS]
    wanted = {one["data"]["binding"] for one in entries if "binding" in one["data"]} - batch.changed_bindings.keys()
    rows = {**{row.id: row for row in bindings.load(batch.transaction, wanted)}, **batch.changed_bindings}
    for one in entries:
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
            decisions.end(batch.transaction, [entry["id"]], at=batch.now, by=batch.live.name, choice="agreed")
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


def plain(value: Any) -> Any:
    """As stored: JSON has no tuples and no datetimes."""
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, ContactPoint):
        return value.address
    return value.isoformat() if hasattr(value, "isoformat") else value
