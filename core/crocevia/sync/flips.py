"""What goes on for ever: values that two systems take turns in changing, and what is changed where only we write."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from crocevia.store.bindings import BindingRow
from crocevia.store.decisions import PERSON
from crocevia.store.json import plain
from crocevia.store.profiles import ProfileRow
from crocevia.sync.judge import Verdict

if TYPE_CHECKING:
    from crocevia.sync.batch import Batch

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


def flips(
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
    earliest = _since(batch, row.connection)
    field = ", ".join(fields)
    mine = [one for one in reversed(batch.decisions) if one.profile_id == profile.id and one.field == field]
    found = [_flip(one.at, one.connection, one.chosen, one.theirs) for one in mine if one.at >= earliest]
    stored = [one for one in batch.past.decided(profile.id, _longest(batch)) if fields[0] in one["field"].split(", ")]
    found += [
        _flip(one["at"], one["connection"], one["chosen"], one["theirs"]) for one in stored if one["at"] >= earliest
    ]
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


def restored(batch: Batch, row: BindingRow) -> int:
    """How often in a while a record was put right again in what only we write; a person's decision starts anew."""
    earliest = _since(batch, row.connection)
    mine = [(one.at, one.connection, one.chosen) for one in reversed(batch.decisions) if one.binding_id == row.id]
    stored = [
        one
        for one in batch.past.decided(row.profile_id, _longest(batch))
        if one["binding_id"] == row.id and one["at"] >= earliest
    ]
    count = 0
    for at, connection, chosen in [*mine, *((one["at"], one["connection"], one["chosen"]) for one in stored)]:
        if connection == PERSON:
            break
        count += chosen == RESTORED and at >= earliest
    return count


def _longest(batch: Batch) -> int:
    """When the longest of all connections' whiles began."""
    return min(_since(batch, name) for name in batch.world.lives)


def _since(batch: Batch, connection: str) -> int:
    """When the while began in which flips are counted; longer where a connection is seldom polled."""
    live = batch.world.lives.get(connection)
    poll_s = live.options.poll_s if live is not None else 0.0
    return batch.now - int(max(WHILE.total_seconds(), _POLLS * poll_s) * _US)
