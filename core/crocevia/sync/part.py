"""What becomes of the records of two customers in each CRM when a merge of theirs is taken back."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from crocevia.model import RecordChanged
from crocevia.store import bindings, commands, dead, merges
from crocevia.store.bindings import BindingRow
from crocevia.store.merges import MergeRow
from crocevia.store.profiles import ProfileRow
from crocevia.sync import verdicts
from crocevia.sync.batch import Batch
from crocevia.sync.rebind import DOUBLE, GONE, MOVED, Joined, end_reviews, operation


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
        if row.agreed and state == "linked" and row.state == "review":
            batch.afterwards.append(partial(_hear_again, row=row))
    merges.rebind(batch.transaction, places)
    _withdraw(batch, merge, survivor, joined)
    return left


def _hear_again(batch: Batch, row: BindingRow) -> None:
    """What was changed in a record while it was a double is a change to its customer, told now."""
    live = batch.world.lives.get(row.connection)
    mapping = None if live is None else live.mappings.get(row.object)
    if live is None or mapping is None or row.remote_id is None:
        return
    [row] = bindings.load(batch.transaction, [row.id])
    there, row.seen, row.agreed = row.seen, {name: row.base(name) for name in row.seen}, {}
    event = RecordChanged(
        object=row.object, id=row.remote_id or "", values=there, at=batch.world.clock.now(), version=row.version or ""
    )
    inner = Batch(batch.world, live, batch.transaction)
    inner.changed_bindings[row.id] = row
    verdicts.hear_profile(inner, mapping, row, there, event)
    inner.flush()


def _state_again(one: Joined, row: BindingRow) -> tuple[str, str]:
    """The state of a binding after its merge was undone, and what to tell of it ("": nothing)."""
    where = f"{one.connection}: {one.object} {row.remote_id}"
    if one.what == MOVED:
        return row.state, "" if row.state != "gone" else f"{where} has gone since: it is not made again"
    if one.what in (DOUBLE, GONE):
        if row.state == "gone":
            return "gone", f"{where} was merged or deleted there: that is not undone there"
        return one.state if row.remote_id is None else "linked", ""
    return one.state, ""


def _withdraw(batch: Batch, merge: MergeRow, survivor: ProfileRow, joined: Iterable[Joined]) -> None:
    """What was still to be done about doubles, by a merge there or by a person, is not to be done any more."""
    doubles = [one for one in joined if one.what == DOUBLE]
    found = commands.by_uids(batch.transaction, [operation(merge, one.binding) for one in doubles]).values()
    waiting = [row for row in found if row.state in ("pending", "dead")]
    for row in waiting:
        row.state, row.error, row.changed_at = "refused", "withdrawn", batch.now
    commands.save(batch.transaction, waiting)
    dead.close(batch.transaction, "command", [row.id for row in waiting])
    subjects = {(one.connection, f"{one.object} {one.remote_id}") for one in doubles}
    end_reviews(batch, survivor, subjects, merge.by, "unmerged")
