"""The judge decides, lens by lens and in the CRM's own space, what holds when two sides differ.

Pure: rows in, verdicts out. For binding B, lens f: r is observed there, s was last seen there, b is what both sides
last held alike, c the canonical record.

- r = s: nobody changed it there.
- r = encode(c): both sides agree.
- c unchanged since b: take decode(r, c).
- otherwise both moved: sets are merged element by element, other fields go by policy.

Of a lens over several remote fields (given and family name), only those that moved there are judged: two people may
have corrected one each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from attrs import frozen

from crocevia.mapping.lens import UNFIT, Lens

Ruling = Literal["unchanged", "agreed", "theirs", "ours", "merged", "conflict", "unreadable"]


@frozen(kw_only=True)
class Verdict:
    """What the judge says of one lens.

    Attributes:
        ruling: `"theirs"`: take `values`; `"merged"`: both sides changed, `values` has both; `"ours"`: push;
            `"conflict"`: both moved, a policy or a person chooses (`values` is theirs); `"unreadable"`: the
            remote value is not of the field's type.
        values: Canonical values to take.
        names: The remote fields that it is about.
    """

    lens: Lens
    ruling: Ruling
    why: str
    values: Mapping[str, Any] = {}
    names: tuple[str, ...] = ()


@frozen(kw_only=True)
class Evidence:
    """What is known of the two sides of a conflict.

    Attributes:
        now: By our clock.
        guard: So far two clocks may differ.
        ours_at: When ours was set, by the clock of whom it came from; None: nobody knows, or that clock ran ahead.
        theirs_at: When theirs was set, by the CRM's clock.
        ours_rank: Priority of the connection that gave ours; None: a person of ours, who ranks above any.
        theirs_rank: Priority of the CRM's connection.
    """

    now: datetime
    guard: timedelta
    ours_at: datetime | None
    theirs_at: datetime | None
    ours_rank: int | None = 0
    theirs_rank: int = 0


def judge(
    lens: Lens,
    remote: Mapping[str, Any],
    seen: Mapping[str, Any],
    base: Mapping[str, Any],
    canonical: Mapping[str, Any],
    *,
    theirs_first: bool,
) -> Verdict:
    """Judge one lens of a linked record.

    Args:
        remote: What was read: r.
        seen: What was last observed or acknowledged: s.
        base: What both sides last held alike: b.
        canonical: Our record: c.
        theirs_first: For sets: whose element keeps a slot that both sides changed.
    """
    names = tuple(name for name in lens.remote if name in remote)
    moved = tuple(name for name in names if not lens.same(name, remote[name], seen.get(name)))
    if not moved:
        return Verdict(lens=lens, ruling="unchanged", why="nobody changed it there")
    ours = lens.encode(canonical)
    if _alike(lens, names, remote, ours):
        return Verdict(lens=lens, ruling="agreed", why="both sides hold the same", names=names)
    unmoved = _alike(lens, moved, ours, base)
    try:
        if lens.is_set:
            theirs = {name: remote[name] for name in names}
            values = lens.merge(seen, theirs, canonical, theirs_first=theirs_first)
            why = "it changed there, we had not" if unmoved else "both sides changed; merged element by element"
            return Verdict(lens=lens, ruling="theirs" if unmoved else "merged", values=values, why=why, names=moved)
        values = lens.decode({name: remote[name] for name in moved}, canonical)
    except UNFIT:
        return Verdict(lens=lens, ruling="unreadable", why=_UNREADABLE, names=moved)
    if unmoved:
        return Verdict(lens=lens, ruling="theirs", values=values, why="it changed there, we had not", names=moved)
    return Verdict(lens=lens, ruling="conflict", values=values, why="both sides changed it", names=moved)


def meet(lens: Lens, remote: Mapping[str, Any], canonical: Mapping[str, Any], *, theirs_first: bool) -> Verdict:
    """Judge one lens of a record met for the first time: no base, so fill what is empty, else by priority.

    Sets are joined: nobody has removed anything yet.
    """
    names = tuple(name for name in lens.remote if name in remote)
    theirs = {name: remote[name] for name in names}
    values: Mapping[str, Any] = {}
    ruling: Ruling
    if _alike(lens, names, remote, lens.encode(canonical)):
        return Verdict(lens=lens, ruling="agreed", why="both sides hold the same", names=names)
    if _alike(lens, names, theirs, {}):
        return Verdict(lens=lens, ruling="ours", why="met for the first time: it is empty there", names=names)
    try:
        if lens.is_set:
            values, ruling = lens.merge({}, theirs, canonical, theirs_first=theirs_first), "merged"
            why = "met for the first time: both joined"
        else:
            values = lens.decode(theirs, canonical)
            if not lens.knows(canonical):
                ruling, why = "theirs", "met for the first time: it was empty here"
            elif theirs_first:
                ruling, why = "theirs", "met for the first time: theirs has priority"
            else:
                values, ruling, why = {}, "ours", "met for the first time: ours has priority"
    except UNFIT:
        ruling, why = "unreadable", _UNREADABLE
    return Verdict(lens=lens, ruling=ruling, values=values, why=why, names=names)


Side = Literal["ours", "theirs", "ask"]


def by_policy(policy: str, evidence: Evidence) -> tuple[Side, str]:
    """The core's rule for a field that both sides changed, with the reason; a tie goes to a person."""
    match policy:
        case "crm wins":
            return "theirs", "policy crm wins"
        case "channel wins":
            return "ours", "policy channel wins"
        case "priority":
            return _higher(evidence)
        case "latest":
            return _later(evidence)
        case _:
            return "ask", "policy ask"


def _higher(evidence: Evidence) -> tuple[Side, str]:
    if evidence.ours_rank == evidence.theirs_rank:
        return "ask", "policy priority: both have the same"
    if evidence.ours_rank is None or evidence.ours_rank > evidence.theirs_rank:
        return "ours", "policy priority: ours is higher"
    return "theirs", "policy priority: theirs is higher"


def _later(evidence: Evidence) -> tuple[Side, str]:
    """The later one, where that is certain: a stamp in our future shows that its clock is wrong."""
    ours, theirs, latest = evidence.ours_at, evidence.theirs_at, evidence.now + evidence.guard
    if ours is None or theirs is None:
        return "ask", "policy latest: nobody knows for certain when one of them was set"
    if ours > latest or theirs > latest:
        return "ask", "policy latest: a clock runs ahead of ours"
    if abs(theirs - ours) <= evidence.guard:
        return "ask", "policy latest: too near to each other to tell"
    return ("theirs", "policy latest: theirs is later") if theirs > ours else ("ours", "policy latest: ours is later")


_UNREADABLE = "the value there is not of the field's type"


def _alike(lens: Lens, names: Sequence[str], one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(lens.same(name, one.get(name), other.get(name)) for name in names)
