"""What becomes of the records of two customers in each CRM when they turn out to be one, and when they were two."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import asdict, frozen

from crocevia.store import bindings, commands, dead, decisions, merges
from crocevia.store.bindings import BindingRow
from crocevia.store.commands import CommandRow
from crocevia.store.decisions import Review
from crocevia.store.merges import MergeRow
from crocevia.store.profiles import ProfileRow
from crocevia.sync.batch import Batch

MERGE = "merge"
DOUBLE_RECORD = "double record"
MOVED, NONE, DOUBLE, GONE = "moved", "none", "double", "gone"


@frozen
class Joined:
    """One record of the profile that was merged away (or the survivor's that made room), and what became of it.

    Attributes:
        binding: Id of its binding.
        subject: Whose it was before.
        state: Of the binding, before.
        what: `"moved"`: it is the survivor's record now. `"none"`: there was no record yet, and none is made.
            `"double"`: the survivor has a record there too; a person, or a merge there, deals with this one.
            `"gone"`: it had gone there before.
    """

    connection: str
    object: str
    binding: int
    remote_id: str | None
    subject: int
    state: str
    what: str


def join(batch: Batch, merge: MergeRow, survivor: ProfileRow, loser: ProfileRow) -> list[Joined]:
    """Let the survivor have one record in each CRM, where either had one, and say what happened to the others."""
    rows = bindings.of_subjects(batch.transaction, "profile", [survivor.id, loser.id])
    kept = {(row.connection, row.object): row for row in rows if row.subject_id == survivor.id}
    found: list[Joined] = []
    places: list[tuple[int, int, int, str]] = []
    for row in rows:
        if row.subject_id != loser.id:
            continue
        own = kept.get((row.connection, row.object))
        if own is None or _makes_room(own, row):
            found.append(_joined(row, MOVED))
            places.append((row.id, survivor.id, survivor.id, row.state))
            if own is not None:  # its create was not made yet: it is not needed any more
                found.append(_joined(own, NONE))
                places.append((own.id, loser.id, survivor.id, "gone"))
            continue
        what = GONE if row.state == "gone" else DOUBLE if row.remote_id or _under_way(row) else NONE
        found.append(_joined(row, what))
        places.append((row.id, loser.id, survivor.id, "review" if what == DOUBLE else "gone"))
        if what == DOUBLE and row.remote_id is not None:
            double(batch, survivor, own, row, _operation(merge, row.id))
    merges.rebind(batch.transaction, places)
    return found


def _joined(row: BindingRow, what: str) -> Joined:
    return Joined(row.connection, row.object, row.id, row.remote_id, row.subject_id, row.state, what)


def _under_way(row: BindingRow) -> bool:
    """Whether a record of it may just be coming into being."""
    return row.claimed is not None or row.state == "unknown"


def _makes_room(own: BindingRow, other: BindingRow) -> bool:
    """Whether the survivor's own place is empty while the other profile has a living record there."""
    return own.remote_id is None and not _under_way(own) and other.remote_id is not None and other.state != "gone"


def double(batch: Batch, survivor: ProfileRow, own: BindingRow, row: BindingRow, uid: str) -> None:
    """A customer has two records in one CRM: they are merged there, where the connection opts in, else a person looks.

    Args:
        uid: The operation key of the merge.
    """
    live = batch.world.lives.get(row.connection)
    if live is not None and live.merges and own.remote_id is not None and own.state == "linked":
        batch.commands.append(
            CommandRow(
                id=next(batch.ids),
                uid=uid,
                connection=row.connection,
                verb=MERGE,
                profile_id=survivor.id,
                payload={"object": row.object, "into": own.remote_id, "id": row.remote_id, "binding": row.id},
                created_at=batch.now,
                changed_at=batch.now,
            )
        )
        return
    batch.reviews.append(
        Review(
            kind=DOUBLE_RECORD,
            connection=row.connection,
            subject=f"{row.object} {row.remote_id}",
            profile_id=survivor.id,
            data={"object": row.object, "id": row.remote_id, "into": own.remote_id, "profile": survivor.uid},
            at=batch.now,
        )
    )


def as_json(found: Iterable[Joined]) -> list[dict[str, Any]]:
    """For a snapshot."""
    return [asdict(one) for one in found]


def part(batch: Batch, merge: MergeRow, survivor: ProfileRow) -> list[str]:
    """Give each profile its own records again; return what could not be, one line each."""
    joined = [Joined(**one) for one in merge.snapshot["bindings"]]
    now = {row.id: row for row in bindings.load(batch.transaction, [one.binding for one in joined])}
    left: list[str] = []
    places: list[tuple[int, int, int, str]] = []
    for one in joined:
        row = now.get(one.binding)
        if row is None:
            continue
        state, said = _state_again(one, row)
        if said:
            left.append(said)
        places.append((row.id, one.subject, one.subject, state))
    merges.rebind(batch.transaction, places)
    _withdraw(batch, merge, survivor, joined)
    return left


def _state_again(one: Joined, row: BindingRow) -> tuple[str, str]:
    """The state of a binding after its merge was undone, and what to tell of it ("": nothing)."""
    where = f"{one.connection}: {one.object} {row.remote_id}"
    if one.what == MOVED:
        return row.state, "" if row.state != "gone" else f"{where} has gone since: it is not made again"
    if one.what == DOUBLE:
        if row.state == "gone":
            return "gone", f"{where} was merged or deleted there: that is not undone there"
        return one.state if row.remote_id is None else "linked", ""
    if one.what == NONE:
        return one.state, ""
    return row.state, ""


def _withdraw(batch: Batch, merge: MergeRow, survivor: ProfileRow, joined: Iterable[Joined]) -> None:
    """What was still to be done about doubles, by a merge there or by a person, is not to be done any more."""
    doubles = [one for one in joined if one.what == DOUBLE]
    found = commands.by_uids(batch.transaction, [_operation(merge, one.binding) for one in doubles]).values()
    waiting = [row for row in found if row.state in ("pending", "dead")]
    for row in waiting:
        row.state, row.error, row.changed_at = "refused", "withdrawn", batch.now
    commands.save(batch.transaction, waiting)
    dead.close(batch.transaction, "command", [row.id for row in waiting])
    subjects = {(one.connection, f"{one.object} {one.remote_id}") for one in doubles}
    reviews = [
        review["id"]
        for review in decisions.open_of_profiles(batch.transaction, [survivor.id])
        if review["kind"] == DOUBLE_RECORD and (review["connection"], review["subject"]) in subjects
    ]
    decisions.end(batch.transaction, reviews, at=batch.now, by=merge.by, choice="unmerged")


def _operation(merge: MergeRow, binding: int) -> str:
    return f"m{merge.id}.{binding}"
