"""Contact points that an object has no field for, as child rows: `Identity__c`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, frozen

from crocevia import ContactPoint
from crocevia.mapping import Lens
from crocevia_salesforce.children import ADDRESS, KIND, RELATIONSHIP, SCOPE, Identity
from crocevia_salesforce.values import written_text

_LONGEST = {KIND: 40, SCOPE: 255, ADDRESS: 255}
"""As the package deploys them."""
_NOWHERE = "other"


@frozen(kw_only=True)
class Identities(Lens):
    """The contact points that no field of the record shows, as `[kind, scope, address]` in `Identities__r`.

    Attributes:
        places: `{field: (kind, slot)}` of the fields beside. A field shows the first point of its place; a second
            mobile, a number that is neither mobile nor work, and every kind without a field are rows.
    """

    places: Mapping[str, tuple[str, str]]

    @property
    def fields(self) -> tuple[str, ...]:
        """The set of contact points."""
        return ("contact_points",)

    @property
    def remote(self) -> tuple[str, ...]:
        """The child relationship."""
        return (RELATIONSHIP,)

    @property
    def is_set(self) -> bool:
        """Merged element by element."""
        return True

    def write(self, canonical: Mapping[str, Any]) -> dict[str, Any]:
        """A row for each point that has no field, or stands elsewhere too."""
        if "contact_points" not in canonical:
            return {}
        points = tuple(canonical["contact_points"] or ())
        rows = {row for point in points if self._has_row(point, points) and (row := _row(point))}
        return {RELATIONSHIP: [list(row) for row in sorted(rows)]}

    def read(self, remote: Mapping[str, Any], canonical: Mapping[str, Any]) -> dict[str, Any]:
        """Rows that are missing leave the set, new ones join it."""
        return self.merge(self.encode(canonical), remote, canonical, theirs_first=True)

    def merge(
        self,
        base: Mapping[str, Any],
        remote: Mapping[str, Any],
        canonical: Mapping[str, Any],
        *,
        theirs_first: bool,
    ) -> dict[str, Any]:
        """Row by row; two rows never conflict. A point that a field shows as well keeps that place."""
        known = tuple(canonical.get("contact_points") or ())
        if RELATIONSHIP not in remote:
            return {"contact_points": known}
        before = {tuple(row) for row in base.get(RELATIONSHIP) or ()}
        after = {tuple(row) for row in remote[RELATIONSHIP] or ()}
        gone = before - after
        points = [kept for point in known if (kept := self._kept(point, known, gone)) is not None]
        for kind, scope, address in sorted(after - before):
            points = self._added(points, kind, scope, address)
        return {"contact_points": tuple(points)}

    def _kept(self, point: ContactPoint, known: tuple[ContactPoint, ...], gone: set[Any]) -> ContactPoint | None:
        if _row(point) not in gone or not self._has_row(point, known):
            return point
        shown = [slot for slot in self._slots(point.kind) if _first(known, point.kind, slot) is point]
        return evolve(point, slot=" ".join(shown)) if shown else None

    def _added(self, points: list[ContactPoint], kind: str, scope: str, address: str) -> list[ContactPoint]:
        for at, point in enumerate(points):
            if _row(point) == (kind, scope, address):
                if self._has_row(point, tuple(points)):
                    return points
                return [*points[:at], evolve(point, slot=f"{point.slot} {_NOWHERE}"), *points[at + 1 :]]
        slot = _NOWHERE if self._slots(kind) else ""
        return [*points, ContactPoint(kind, scope, address, verified=False, slot=slot, shown=address)]

    def _has_row(self, point: ContactPoint, points: tuple[ContactPoint, ...]) -> bool:
        slots = self._slots(point.kind)
        words = point.slot.split()
        return (
            not words
            or any(word not in slots for word in words)
            or not any(_first(points, point.kind, slot) is point for slot in words)
        )

    def _slots(self, kind: str) -> list[str]:
        return [slot for of, slot in self.places.values() if of == kind]


def _first(points: Iterable[ContactPoint], kind: str, slot: str) -> ContactPoint | None:
    """The point that a field of this place shows."""
    return next((point for point in points if point.kind == kind and slot in point.slot.split()), None)


def _row(point: ContactPoint) -> Identity | None:
    """The point as it is kept; None where nothing is left of its address."""
    kind, scope, address = _cut(KIND, point.kind), _cut(SCOPE, point.scope), _cut(ADDRESS, point.text)
    return (kind, scope, address) if address else None


def _cut(name: str, text: str) -> str:
    return (written_text(text) or "")[: _LONGEST[name]].rstrip()
