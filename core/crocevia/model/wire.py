"""Events as plain JSON values, and back: what `translate` prints, what is parked, what is announced."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import msgspec
from attrs import evolve

from crocevia.model.event import EVENT_TYPES, Event


def to_wire(event: Event) -> dict[str, Any]:
    """An event as JSON values: `"event"` names its type, the rest are its fields, all of them.

    Times are ISO 8601 in UTC, durations ISO 8601 (`"PT90S"`), tuples lists, contact points objects.
    """
    return {"event": event.tag, **msgspec.to_builtins(event)}


def from_wire(values: dict[str, Any]) -> Event:
    """The event that `to_wire` gave these values for; fields that are missing take their defaults.

    Raises:
        ValueError: no event, or one of a type or shape that this version does not know.
    """
    kind = EVENT_TYPES.get(values.get("event", ""))
    if kind is None:
        raise ValueError(f"no event is called {values.get('event')!r}")
    try:
        event: Event = msgspec.convert({name: value for name, value in values.items() if name != "event"}, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"no {kind.tag!r} event: {error}") from error
    at = getattr(event, "at", None)
    if at is None or at.tzinfo is UTC:
        return event
    if at.tzinfo is None:
        raise ValueError(f"no {kind.tag!r} event: its time has no zone")
    return evolve(event, at=at)  # through the converter, which msgspec does not call
