"""A customer's record that became one of another object: a lead was converted, and goes on as a contact."""

from __future__ import annotations

from crocevia.model import RecordMerged
from crocevia.store import bindings, interactions
from crocevia.store.bindings import BindingRow
from crocevia.sync import touches
from crocevia.sync.batch import Batch
from crocevia.sync.merge import merge_afterwards


def converted(batch: Batch, event: RecordMerged, row: BindingRow) -> None:
    """Bind the customer to the record that his became; what was said with him points there from now on.

    Where that record is known already it stays as it is: it is his, or two customers turn out to be one.
    """
    _again(batch, row)
    if event.becomes not in batch.live.mappings:
        row.state = "gone"  # nobody keeps such records in step here
        return
    known = bindings.by_remote(batch.transaction, batch.live.name, event.becomes, {event.into}).get(event.into)
    known = known or next(
        (new for new in batch.new_bindings if (new.object, new.remote_id) == (event.becomes, event.into)), None
    )
    if known is None:
        known = next(
            (
                own
                for own in bindings.of_subjects(batch.transaction, "profile", [row.subject_id], row.connection)
                if own.object == event.becomes and own.remote_id is None
            ),
            None,
        )
        if known is None:
            row.object, row.remote_id, row.seen, row.agreed, row.version = event.becomes, event.into, {}, {}, None
            batch.reshaped.append(row)
        else:  # it was to be made as a contact as well
            known.remote_id, known.state, known.claimed = event.into, "linked", None
            batch.changed_bindings[known.id] = known
            row.state = "gone"
        batch.linked[event.becomes, event.into] = row.subject_id
        touches.unpark_records(batch, event.becomes, event.into)
        return
    row.state = "gone"
    if known.subject_id != row.subject_id:
        rows = batch.load_profiles({known.subject_id, row.subject_id})
        one, other = rows[known.subject_id], rows[row.subject_id]
        if one is not other:
            merge_afterwards(batch, one, other, by=batch.live.name, reason=f"converted in {batch.live.name}")


def _again(batch: Batch, row: BindingRow) -> None:
    for interaction, _ in interactions.of_profiles(batch.transaction, [row.subject_id]):
        batch.want("interaction", interaction)
    batch.want("profile", row.subject_id)  # our key is stamped on what it became
