"""The judge decides, lens by lens and in the CRM's own space, what holds when two sides differ.

Pure: rows in, verdicts out. For binding B, lens f: r is observed there, s was last seen there, b is what both sides
last held alike, c the canonical record.

- r = s: nobody changed it there.
- r = encode(c): both sides agree.
- c unchanged since b: take decode(r, c).
- otherwise both moved: sets are merged element by element, other fields go by policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from attrs import frozen

from crocevia.mapping.lens import Lens

Ruling = Literal["unchanged", "agreed", "theirs", "ours", "merged", "conflict", "unreadable"]


@frozen(kw_only=True)
class Verdict:
    """What the judge says of one lens.

    Attributes:
        ruling: `"theirs"`: take `values`; `"merged"`: both sides changed, `values` has both; `"ours"`: push;
            `"conflict"`: both moved, a policy or a person chooses (`values` is theirs); `"unreadable"`: the
            remote value is not of the field's type.
        values: Canonical values to take.
    """

    lens: Lens
    ruling: Ruling
    values: Mapping[str, Any]
    why: str


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
    names = [name for name in lens.remote if name in remote]
    if _alike(lens, names, remote, seen):
        return Verdict(lens=lens, ruling="unchanged", values={}, why="nobody changed it there")
    ours = lens.encode(canonical)
    if _alike(lens, names, remote, ours):
        return Verdict(lens=lens, ruling="agreed", values={}, why="both sides hold the same")
    theirs = {name: remote[name] for name in names}
    unmoved = _alike(lens, names, ours, base)
    try:
        if lens.is_set:
            values = lens.merge(seen, theirs, canonical, theirs_first=theirs_first)
            return Verdict(
                lens=lens,
                ruling="theirs" if unmoved else "merged",
                values=values,
                why="it changed there, we had not" if unmoved else "both sides changed; merged element by element",
            )
        values = lens.decode(theirs, canonical)
    except (ValueError, TypeError, ArithmeticError):
        return Verdict(lens=lens, ruling="unreadable", values={}, why="the value there is not of the field's type")
    if unmoved:
        return Verdict(lens=lens, ruling="theirs", values=values, why="it changed there, we had not")
    return Verdict(lens=lens, ruling="conflict", values=values, why="both sides changed it")


def meet(  # noqa: PLR0911 - one return a ruling reads best
    lens: Lens, remote: Mapping[str, Any], canonical: Mapping[str, Any], *, theirs_first: bool
) -> Verdict:
    """Judge one lens of a record met for the first time: no base, so fill what is empty, else by priority.

    Sets are joined: nobody has removed anything yet.
    """
    names = [name for name in lens.remote if name in remote]
    ours = lens.encode(canonical)
    if _alike(lens, names, remote, ours):
        return Verdict(lens=lens, ruling="agreed", values={}, why="both sides hold the same")
    theirs = {name: remote[name] for name in names}
    if _alike(lens, names, theirs, {}):
        return Verdict(lens=lens, ruling="ours", values={}, why="met for the first time: it is empty there")
    try:
        if lens.is_set:
            values = lens.merge({}, theirs, canonical, theirs_first=theirs_first)
            return Verdict(lens=lens, ruling="merged", values=values, why="met for the first time: both joined")
        values = lens.decode(theirs, canonical)
    except (ValueError, TypeError, ArithmeticError):
        return Verdict(lens=lens, ruling="unreadable", values={}, why="the value there is not of the field's type")
    if not lens.knows(canonical):
        return Verdict(lens=lens, ruling="theirs", values=values, why="met for the first time: it was empty here")
    if theirs_first:
        return Verdict(lens=lens, ruling="theirs", values=values, why="met for the first time: theirs has priority")
    return Verdict(lens=lens, ruling="ours", values={}, why="met for the first time: ours has priority")


def by_policy(policy: str, ours_at: datetime | None, theirs_at: datetime | None) -> Literal["ours", "theirs", "ask"]:
    """The core's rule for a field that both sides changed. For *latest*, a tie goes to a person."""
    match policy:
        case "crm wins":
            return "theirs"
        case "channel wins":
            return "ours"
        case "latest" if ours_at is not None and theirs_at is not None and ours_at != theirs_at:
            return "theirs" if theirs_at > ours_at else "ours"
        case _:
            return "ask"


def _alike(lens: Lens, names: list[str], one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(lens.same(name, one.get(name), other.get(name)) for name in names)
