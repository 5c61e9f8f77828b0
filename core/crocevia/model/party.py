"""Who an interaction is from or to."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

from crocevia.model.contact_point import ContactPoint


def _points(points: Iterable[ContactPoint]) -> tuple[ContactPoint, ...]:
    return tuple(points)


@frozen
class Party:
    """Several contact points and a display name, as the channel showed them.

    Attributes:
        points: The addresses, the most telling first. May be empty: an anonymous caller.
        name: The display name the channel showed; None when it showed none.
        language: BCP 47 tag the channel showed; None when it showed none.
    """

    points: tuple[ContactPoint, ...] = field(converter=_points, default=())
    name: str | None = None
    language: str | None = None
