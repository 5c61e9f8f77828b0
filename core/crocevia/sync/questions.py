"""What a person is asked about one field of a record: kinds of entries, what they are filed under, which are open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crocevia.mapping.lens import Lens
from crocevia.store.bindings import BindingRow
from crocevia.store.profiles import ProfileRow
from crocevia.sync.judge import Verdict

if TYPE_CHECKING:
    from crocevia.sync.batch import Batch

CONFLICT, UNREADABLE, OSCILLATION, UNFIT = "conflict", "unreadable value", "oscillation", "value not allowed"
OF_FIELDS = (CONFLICT, UNREADABLE, OSCILLATION, UNFIT)
"""Kinds of entries that are about one field of one profile on one binding."""


def subject(row: BindingRow, lens: Lens) -> str:
    """What an entry about a field of a record is filed under."""
    return f"binding {row.id}: {lens.fields[0]}"


def entries(batch: Batch, profile_id: int, about: str) -> list[tuple[int | None, str, dict[str, Any]]]:
    """`(id, kind, data)` of the open entries on a subject; id None: asked in this very transaction."""
    found: list[tuple[int | None, str, dict[str, Any]]] = [
        (one["id"], one["kind"], one["data"])
        for one in batch.past.asked([profile_id])
        if one["subject"] == about and one["kind"] in OF_FIELDS
    ]
    asked = [(None, one.kind, one.data) for one in batch.reviews if one.subject == about and one.kind in OF_FIELDS]
    return found + asked


def is_asked(batch: Batch, profile: ProfileRow, row: BindingRow, verdict: Verdict) -> bool:
    """Whether a person is asked, or has said that each side keeps its own. What was unreadable and is not is new."""
    if not any(name in row.held for name in verdict.names):
        return False
    return all(kind != UNREADABLE for _, kind, _ in entries(batch, profile.id, subject(row, verdict.lens)))
