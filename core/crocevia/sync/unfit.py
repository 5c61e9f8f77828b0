"""Values of ours that a CRM cannot hold: they stay ours, and a person is shown them, once for each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia.mapping.lens import Lens
from crocevia.store import Store, decisions
from crocevia.store.bindings import BindingRow
from crocevia.store.decisions import Review
from crocevia.store.ids import RowIds
from crocevia.store.json import plain
from crocevia.sync.questions import UNFIT, subject


@frozen
class Unfit:
    """Values of ours that a CRM's fields cannot hold: a picklist without such an entry, a text for a number."""

    row: BindingRow
    lenses: Sequence[Lens]
    profile: str
    canonical: Mapping[str, Any]


def ask_about_unfit(
    store: Store, connection: Connection, ids: RowIds, name: str, found: Sequence[Unfit], now: int
) -> None:
    """Show what could not be written to connection `name` to a person, once for each value.

    The CRM keeps what it has meanwhile.
    """
    asked = [_asked(one, lens, now) for one in found for lens in one.lenses]
    before = decisions.newest(connection, UNFIT, name, [one.subject for one in asked])
    shown = {subject: row["data"]["ours"] for subject, row in before.items()}
    decisions.review(store, connection, ids, [one for one in asked if shown.get(one.subject) != one.data["ours"]])


def _asked(one: Unfit, lens: Lens, now: int) -> Review:
    row = one.row
    data = {
        "profile": one.profile,
        "field": lens.fields[0],
        "fields": list(lens.fields),
        "binding": row.id,
        "object": row.object,
        "id": row.remote_id,
        "ours": {name: plain(one.canonical.get(name)) for name in lens.fields},
        "theirs": {name: plain(row.seen.get(name)) for name in lens.remote},
    }
    return Review(
        kind=UNFIT,
        connection=row.connection,
        subject=subject(row, lens),
        profile_id=row.profile_id,
        data=data,
        at=now,
    )
