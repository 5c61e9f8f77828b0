"""What one customer's fields are when two profiles were of the same person. Pure: fields in, fields out.

Nobody has decided between the two before, so, as when a CRM's record is met for the first time, what one side lacks is
filled from the other; where both know a field the newest stands (a field that was cleared is known to be empty), a tie
is the survivor's; lists are joined. A name's parts are judged together: half of each would be nobody's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

TOGETHER = (("given_name", "family_name"),)
"""Fields that say something only together."""

Origins = Mapping[str, Sequence[Any]]


@frozen
class United:
    """One field that both profiles, or only the one that goes, knew.

    Attributes:
        chosen: `"ours"` (the survivor's stands), `"theirs"`, or `"merged"` (a list with both).
        origin: `[time, connection]` of the value.
    """

    name: str
    chosen: str
    value: Any
    origin: list[Any]
    why: str


def unite(
    ours: Mapping[str, Any], our_origins: Origins, theirs: Mapping[str, Any], their_origins: Origins
) -> list[United]:
    """Every field of `theirs` that says something else than `ours`, decided."""
    found: list[United] = []
    grouped = {name: group for group in TOGETHER for name in group}
    for group in dict.fromkeys(grouped.get(name, (name,)) for name in theirs):
        names = [name for name in group if name in theirs]
        if all(name in ours and ours[name] == theirs[name] for name in names):
            continue
        newer = _at(their_origins, group) > _at(our_origins, group)
        clash = any(name in ours and ours[name] != theirs[name] for name in names)
        found += [_one(name, ours, our_origins, theirs, their_origins, newer=newer, clash=clash) for name in names]
    return [one for one in found if one.name not in ours or ours[one.name] != theirs[one.name]]


def _one(
    name: str,
    ours: Mapping[str, Any],
    our_origins: Origins,
    theirs: Mapping[str, Any],
    their_origins: Origins,
    *,
    newer: bool,
    clash: bool,
) -> United:
    mine, other = ours.get(name), theirs[name]
    our_origin, their_origin = list(our_origins.get(name, (0, ""))), list(their_origins.get(name, (0, "")))
    if isinstance(mine, list) and isinstance(other, list):
        both = [*mine, *(item for item in other if item not in mine)]
        return United(name, "merged", both, max(our_origin, their_origin, key=lambda origin: origin[0]), "both joined")
    if name not in ours and not clash:
        return United(name, "theirs", other, their_origin, "only the merged profile knew it")
    if newer:
        return United(name, "theirs", other, their_origin, "the merged profile's is newer")
    return United(name, "ours", mine, our_origin, "the survivor's is not older")


def _at(origins: Origins, names: Sequence[str]) -> int:
    return max((int(origins[name][0]) for name in names if name in origins), default=0)
