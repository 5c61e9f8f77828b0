"""Is what a plugin answered something that its hook can mean?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve

from crocevia.model import EVENT_TYPES, Chosen, ContactPoint, Event, Match

_EVENTS = tuple(EVENT_TYPES.values())

DECISIONS: dict[str, Callable[[Any], bool]] = {
    "crocevia_normalise_contact_point": lambda answer: isinstance(answer, ContactPoint),
    "crocevia_match_profiles": lambda answer: isinstance(answer, Match),
    "crocevia_resolve_conflict": lambda answer: isinstance(answer, Chosen) or answer in ("ours", "theirs", "ask"),
    "crocevia_deserve_record": lambda answer: isinstance(answer, (bool, str)),
    "crocevia_allow_delivery": lambda answer: answer is True or isinstance(answer, str),
}
"""What an entry of a decision may be, besides None."""


class NonsenseError(TypeError):
    """A plugin answered what its hook does not allow. The text is ours, without any of the values."""


def decisions(hook: str, answer: Any, asked: int) -> list[Any]:
    """One entry for each item asked about.

    Raises:
        NonsenseError: not a list, another length, or an entry of a type that the hook does not know.
    """
    if isinstance(answer, (str, bytes, Mapping)) or not isinstance(answer, Iterable):
        raise NonsenseError(f"expected a list of {asked} answers, got {type(answer).__name__}")
    found = list(answer)
    if len(found) != asked:
        raise NonsenseError(f"expected a list of {asked} answers, got {len(found)}")
    allowed = DECISIONS.get(hook)
    for entry in found:
        if entry is not None and allowed is not None and not allowed(entry):
            raise NonsenseError(f"an answer is a {type(entry).__name__}, which {hook} does not know")
    return found


def events(answer: Any, leaf: str) -> list[Event]:
    """The events of a translation, each at the leaf that they were made from, so that the books balance.

    Raises:
        NonsenseError: something that is no event, or a split whose events share a key.
    """
    found = [answer] if isinstance(answer, _EVENTS) else answer
    if isinstance(found, (str, bytes)) or not isinstance(found, Iterable):
        raise NonsenseError(f"expected an event, a list of events or None, got {type(answer).__name__}")
    found = list(found)
    for event in found:
        if not isinstance(event, _EVENTS):
            raise NonsenseError(f"expected events, got a {type(event).__name__}")
    keys = [event.dedupe_key for event in found if hasattr(event, "dedupe_key")]
    if len(set(keys)) != len(keys):
        raise NonsenseError("the events of a split share a key: give each a part of its own")
    return [event if event.leaf == leaf else evolve(event, leaf=leaf) for event in found]


def values(answer: Any) -> dict[str, Any]:
    """The values of a record. Raises NonsenseError for anything but a mapping with text keys."""
    if not isinstance(answer, Mapping) or not all(isinstance(name, str) for name in answer):
        raise NonsenseError(f"expected values by field name or None, got {type(answer).__name__}")
    return dict(answer)


def collected(answer: Any) -> Sequence[Any]:
    """What a register hook gave: the items of an iterable, or the pairs of a mapping; None is nothing."""
    if answer is None:
        return ()
    if isinstance(answer, Mapping):
        return tuple(answer.items())
    if isinstance(answer, (str, bytes)) or not isinstance(answer, Iterable):
        raise NonsenseError(f"expected a list, got {type(answer).__name__}")
    return tuple(answer)
