"""Who decides when both sides moved: a plugin, else the policy; and nobody where it would go on for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import frozen

from crocevia.model import Chosen, Conflict, from_us
from crocevia.store.bindings import BindingRow
from crocevia.store.decisions import PERSON
from crocevia.store.profiles import ProfileRow
from crocevia.sync.flips import flips
from crocevia.sync.judge import Evidence, Verdict, by_policy
from crocevia.sync.questions import OSCILLATION, is_asked

if TYPE_CHECKING:
    from crocevia.sync.batch import Batch

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
    if verdict.ruling != "unreadable" and is_asked(batch, profile, row, verdict):
        return Choice(chosen="ask", values=values, why="it changed there again while a person is asked")
    if verdict.ruling == "conflict":
        chosen, values, why = _resolve(batch, profile, row, verdict, theirs_at)
    if chosen in ("theirs", "merged") and profile.stored and (told := flips(batch, profile, row, verdict, there)):
        why = "it keeps flipping between two systems: neither is taken until a person has looked"
        return Choice(chosen=OSCILLATION, values=verdict.values, why=why, flips=told)
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
