"""What becomes of the records of two customers in each CRM when they turn out to be one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import asdict, frozen

from crocevia.store import bindings, commands, decisions, interactions, merges
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
    own = [row for row in rows if row.subject_id == survivor.id]
    found: list[Joined] = []
    places: list[tuple[int, int, int, str]] = []
    for row in rows:
        if row.subject_id != loser.id:
            continue
        kept = _kept(own, row)
        if kept is None or _makes_room(kept, row):
            found.append(_joined(row, MOVED))
            places.append((row.id, survivor.id, survivor.id, row.state))
            own.append(row)
            if kept is not None:  # its create was not made yet: it is not needed any more
                found.append(_joined(kept, NONE))
                places.append((kept.id, loser.id, survivor.id, "gone"))
                own.remove(kept)
            continue
        what = GONE if row.state == "gone" else DOUBLE if row.remote_id or _under_way(row) else NONE
        found.append(_joined(row, what))
        places.append((row.id, loser.id, survivor.id, "review" if what == DOUBLE else "gone"))
        if what == DOUBLE and row.remote_id is not None:
            _deal_with(batch, survivor, kept, row, operation(merge, row.id))
    merges.rebind(batch.transaction, places)
    return found


def _kept(own: Iterable[BindingRow], row: BindingRow) -> BindingRow | None:
    """The survivor's place on the connection: as the same object, else as any other ("Lead", "Contact")."""
    here = [one for one in own if one.connection == row.connection]
    return next((one for one in here if one.object == row.object), here[0] if here else None)


def _joined(row: BindingRow, what: str) -> Joined:
    return Joined(row.connection, row.object, row.id, row.remote_id, row.subject_id, row.state, what)


def _under_way(row: BindingRow) -> bool:
    """Whether a record of it may just be coming into being."""
    return row.claimed is not None or row.state == "unknown"


def _makes_room(own: BindingRow, other: BindingRow) -> bool:
    """Whether the survivor's own place is empty while the other profile has a living record there."""
    return own.remote_id is None and not _under_way(own) and other.remote_id is not None and other.state != "gone"


def _deal_with(batch: Batch, survivor: ProfileRow, own: BindingRow, row: BindingRow, uid: str) -> None:
    """A customer has two records in one CRM: they are merged there, where the connection opts in, else a person looks.

    Args:
        uid: The operation key of the merge.
    """
    live = batch.world.lives.get(row.connection)
    mergeable = own.remote_id is not None and own.state == "linked" and own.object == row.object
    if live is not None and live.merges and mergeable:
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


def ask_about(batch: Batch, binding: int) -> None:
    """Deal with a record of a profile that was merged away, which nobody knew of when that was done."""
    [row] = bindings.load(batch.transaction, [binding])
    survivor = batch.load_profiles([row.subject_id])[row.subject_id]
    own = _kept(bindings.of_subjects(batch.transaction, "profile", [survivor.id], row.connection), row)
    if own is not None and own.id != row.id:
        _deal_with(batch, survivor, own, row, f"m{next(batch.ids)}")


def take_over(batch: Batch, kept: int, gone: int) -> None:
    """Of a customer's two records in a CRM the double was kept there: it is his record now, and the other is gone."""
    rows = {row.id: row for row in bindings.load(batch.transaction, [kept, gone])}
    one, other = rows[kept], rows[gone]
    survivor = batch.load_profiles([other.subject_id])[other.subject_id]
    if one.subject_id == survivor.id or other.subject_id != survivor.id:
        return  # the record that was kept is his already
    merges.rebind(
        batch.transaction,
        [(other.id, one.subject_id, survivor.id, "gone"), (one.id, survivor.id, survivor.id, "linked")],
    )
    batch.linked[one.object, one.remote_id or ""] = survivor.id
    batch.touched(survivor, "contact_points")
    overtaken = [
        command
        for command in commands.open_of_profile(batch.transaction, survivor.id, MERGE)
        if command.payload["binding"] == one.id
    ]
    for command in overtaken:  # it was to be merged into the one that is gone
        command.state, command.error, command.changed_at = "refused", "withdrawn", batch.now
    commands.save(batch.transaction, overtaken)
    for interaction, _ in interactions.of_profiles(batch.transaction, [survivor.id]):
        batch.want("interaction", interaction)
    end_reviews(batch, survivor, {(one.connection, f"{one.object} {one.remote_id}")}, batch.live.name, "merged there")


def as_json(found: Iterable[Joined]) -> list[dict[str, Any]]:
    """For a snapshot."""
    return [asdict(one) for one in found]


def end_reviews(batch: Batch, survivor: ProfileRow, subjects: set[tuple[str, str]], by: str, choice: str) -> None:
    """Nobody need look at these doubles any more: `(connection, subject of the review)`."""
    found = [
        review["id"]
        for review in decisions.open_of_profiles(batch.transaction, [survivor.id])
        if review["kind"] == DOUBLE_RECORD and (review["connection"], review["subject"]) in subjects
    ]
    decisions.end(batch.transaction, found, at=batch.now, by=by, choice=choice)


def operation(merge: MergeRow, binding: int) -> str:
    """The operation key of merging a double there."""
    return f"m{merge.id}.{binding}"
