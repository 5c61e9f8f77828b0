"""Lenses over a profile's contact points: single fields, or child rows.

A point's `slot` may name several places ("work mobile"): people write one number into two fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
from attrs import evolve, frozen

from crocevia.errors import ConfigError
from crocevia.mapping.lens import Canonical, Lens, Remote, same
from crocevia.model import ContactPoint

Place = tuple[str, str]
_NOWHERE = "other"


def _places(places: Mapping[str, Place]) -> Mapping[str, Place]:
    """Take the places of a lens. Raises ConfigError when two remote names share one: they could not differ."""
    taken: dict[Place, str] = {}
    for name, (kind, slot) in places.items():
        first = taken.setdefault((kind, slot), name)
        if first != name:
            msg = f"contact_points: expected a place of its own for {name}, got {kind} {slot}, where {first} is"
            raise ConfigError(msg)
    return dict(places)


@frozen(kw_only=True)
class Slots(Lens):
    """Contact points as single fields: `places = {"MobilePhone": ("phone", "mobile"), "Email": ("email", "main")}`.

    A field holds the first listed point of its kind and slot. Points of other slots live on, unseen by this CRM.
    """

    places: Mapping[str, Place] = attrs.field(converter=_places)

    @property
    def fields(self) -> tuple[str, ...]:
        """The set of contact points."""
        return ("contact_points",)

    @property
    def remote(self) -> tuple[str, ...]:
        """The fields of the places."""
        return tuple(self.places)

    @property
    def is_set(self) -> bool:
        """Merged element by element."""
        return True

    def write(self, canonical: Canonical) -> dict[str, Any]:
        """Each field's point as a person wrote it, or None; nothing at all while contact points are absent."""
        if "contact_points" not in canonical:
            return {}
        points = canonical["contact_points"] or ()
        return {name: found.text if (found := _at(points, *place)) else None for name, place in self.places.items()}

    def read(self, remote: Remote, canonical: Canonical) -> dict[str, Any]:
        """Put each changed field's value in its slot; what was there leaves the profile."""
        return self.merge(self.encode(canonical), remote, canonical, theirs_first=True)

    def merge(self, base: Remote, remote: Remote, canonical: Canonical, *, theirs_first: bool) -> dict[str, Any]:
        """Field by field: what left the field leaves the set, what came joins it.

        Where our side moved the same slot too, `theirs_first` says who keeps it; the other becomes "other".
        """
        known = tuple(canonical.get("contact_points") or ())
        points = list(known)
        for name, (kind, slot) in self.places.items():
            text = remote.get(name)
            if name not in remote or same(text, base.get(name)):
                continue
            points = self._left(points, kind, slot, name, base.get(name))
            if not text:
                points = _demoted(points, kind, slot)
            elif theirs_first or _at(points, kind, slot) is None:
                points = _joined(_demoted(points, kind, slot), known, kind, slot, text)
            elif not any(point.kind == kind and point.text == text for point in points):
                points.append(_known(known, kind, text, _NOWHERE))
        return {"contact_points": tuple(points)}

    def _left(self, points: list[ContactPoint], kind: str, slot: str, name: str, text: Any) -> list[ContactPoint]:
        """Without the point that a field held; one that has another place as well keeps that."""
        limit = self.limits.get(name)
        left = []
        for point in points:
            shown = point.text if limit is None else point.text[:limit].rstrip()
            if text and point.kind == kind and shown == text:
                others = [place for place in point.slot.split() if place not in (slot, _NOWHERE)]
                if others:
                    left.append(evolve(point, slot=" ".join(others)))
            else:
                left.append(point)
        return left


@frozen(kw_only=True)
class Children(Lens):
    """Contact points as child rows of one remote field: a sorted list of `[type, value]`.

    Attributes:
        field: The remote field that the connector fills with the rows. Rows of types that are not listed are the
            connector's own to leave out, of what it reads and of what it rewrites.
        types: `{remote type: (kind, slot)}`; several types may share a kind.
    """

    field: str
    types: Mapping[str, Place] = attrs.field(converter=_places)

    @property
    def fields(self) -> tuple[str, ...]:
        """The set of contact points."""
        return ("contact_points",)

    @property
    def remote(self) -> tuple[str, ...]:
        """The one remote field."""
        return (self.field,)

    @property
    def is_set(self) -> bool:
        """Merged element by element."""
        return True

    def write(self, canonical: Canonical) -> dict[str, Any]:
        """One row for each place of a point of a kind that the CRM knows."""
        if "contact_points" not in canonical:
            return {}
        rows = {(name, point.text) for point in canonical["contact_points"] or () for name in self._types(point)}
        return {self.field: [list(row) for row in sorted(rows)]}

    def read(self, remote: Remote, canonical: Canonical) -> dict[str, Any]:
        """Rows that are missing leave the set, new ones join it."""
        return self.merge(self.encode(canonical), remote, canonical, theirs_first=True)

    def merge(self, base: Remote, remote: Remote, canonical: Canonical, *, theirs_first: bool) -> dict[str, Any]:
        """Row by row; two rows never conflict."""
        known = tuple(canonical.get("contact_points") or ())
        if self.field not in remote:
            return {"contact_points": known}
        before = {(row[0], row[1]) for row in base.get(self.field) or ()}
        after = {(row[0], row[1]) for row in remote[self.field] or ()}
        points = [kept for point in known if (kept := self._kept(point, before - after)) is not None]
        for name, text in sorted(after - before):
            if name in self.types:
                points = self._added(points, known, name, text)
        return {"contact_points": tuple(points)}

    def _kept(self, point: ContactPoint, gone: set[tuple[str, str]]) -> ContactPoint | None:
        """The point without the rows that are gone; None: without any row."""
        types = self._types(point)
        left = [name for name in types if (name, point.text) not in gone]
        if types and not left:
            return None
        return point if left == types else self._placed(point, left)

    def _added(
        self, points: list[ContactPoint], known: tuple[ContactPoint, ...], name: str, text: str
    ) -> list[ContactPoint]:
        kind, slot = self.types[name]
        for index, point in enumerate(points):
            if point.kind == kind and point.text == text:
                types = self._types(point)
                placed = point if name in types else self._placed(point, [*types, name])
                return [*points[:index], placed, *points[index + 1 :]]
        return [*points, _known(known, kind, text, slot)]

    def _placed(self, point: ContactPoint, types: Iterable[str]) -> ContactPoint:
        """The point in the slots of these types, and in those that the CRM has no type for."""
        ours = {slot for kind, slot in self.types.values() if kind == point.kind}
        others = [slot for slot in point.slot.split() if slot not in ours and slot != _NOWHERE]
        return evolve(point, slot=" ".join(dict.fromkeys([*others, *(self.types[name][1] for name in types)])))

    def _types(self, point: ContactPoint) -> list[str]:
        """The remote types of a point: those of its slots, else the kind's first; none: the CRM has no such kind."""
        of_kind = {slot: name for name, (kind, slot) in self.types.items() if kind == point.kind}
        found = [name for slot, name in of_kind.items() if slot in point.slot.split() or slot == point.slot]
        return found or list(of_kind.values())[:1]


def _at(points: Iterable[ContactPoint], kind: str, slot: str) -> ContactPoint | None:
    return next((point for point in points if point.kind == kind and _is_in(point, slot)), None)


def _is_in(point: ContactPoint, slot: str) -> bool:
    return slot in point.slot.split() or slot == point.slot


def _demoted(points: list[ContactPoint], kind: str, slot: str) -> list[ContactPoint]:
    """Nobody moves up into a slot that a person emptied or filled."""
    moved = []
    for point in points:
        if point.kind == kind and _is_in(point, slot):
            others = [place for place in point.slot.split() if place != slot]
            moved.append(evolve(point, slot=" ".join(others) or _NOWHERE))
        else:
            moved.append(point)
    return moved


def _joined(
    points: list[ContactPoint], known: tuple[ContactPoint, ...], kind: str, slot: str, text: str
) -> list[ContactPoint]:
    """With a text in a slot: the point that has it already gets one more place, a new one comes first."""
    for index, point in enumerate(points):
        if point.kind == kind and point.text == text:
            others = [place for place in point.slot.split() if place != _NOWHERE]
            return [*points[:index], evolve(point, slot=" ".join([*others, slot])), *points[index + 1 :]]
    return [_known(known, kind, text, slot), *points]


def _known(known: Iterable[ContactPoint], kind: str, text: str, slot: str) -> ContactPoint:
    """What a person typed: the point that shows so already, or a new one that nobody has proven."""
    found = next((point for point in known if point.kind == kind and point.text == text), None)
    return evolve(found, slot=slot) if found else ContactPoint(kind, "", text, verified=False, slot=slot, shown=text)
