"""Silver: an id is a text, however long or odd; two that differ are two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crocevia.model import Event, Ignored, Unrecognised
from crocevia.testing.suite.mutation import at, encoded, nodes, replaced
from crocevia.testing.suite.peered import Peered
from crocevia.testing.suite.sample import Sample
from crocevia.testing.suite.subject import expect

_SHORTEST = 3
_BIG = 2**53
_NUMBERS = ((_BIG, _BIG + 1), (2**63, 2**63 + 1), (10**30, 10**30 + 1))
_ODD = "a/b+c=d|e#f;g&h?i%2F:j,k\\l'm {n}~é漢😀"
_TEXTS = (
    (f"{_ODD}1", f"{_ODD}2"),
    ("9007199254740992", "9007199254740993"),
    ("007", "7"),
    ("1e3", "1000"),
    ("A" * 300 + "1", "A" * 300 + "2"),
    ("caf\u00e9", "cafe\u0301"),
    ("Abc", "abc"),
)


class Ids(Peered):
    """Tests of huge and odd ids in `parse`."""

    def test_huge_and_odd_ids_stay_apart(self, sample: Sample) -> None:
        """Past 2**53, with any character, in any length: the leaf is still recognised, and no two become one."""
        body = sample.json
        usual = {event.leaf: event for event in self.subject.parse(sample)}
        places = list(_places(body, list(usual.values()))) if isinstance(body, dict | list) else []
        if not places:
            pytest.skip("no key of an event stands in it as it is (no JSON, or keys made of several parts)")
        for pointers, leaf in places:
            for one, other in _NUMBERS if isinstance(at(body, pointers[0]), int) else _TEXTS:
                keys = [self._key(sample, _with(body, pointers, value), leaf, value) for value in (one, other)]
                expect(keys[0] != keys[1], f"{sample.name}: {pointers[0]} {_shown(one)} and {_shown(other)} become one")

    def _key(self, sample: Sample, body: Any, leaf: str, value: Any) -> str:
        found = next((event for event in self.subject.parse(sample, encoded(body)) if event.leaf == leaf), None)
        known = found is not None and not isinstance(found, Ignored | Unrecognised)
        expect(known, f"{sample.name}: with the id {_shown(value)}, {leaf or 'the raw'} is no longer recognised")
        return str(getattr(found, "dedupe_key", ""))


def _places(body: Any, events: list[Event]) -> Iterator[tuple[list[str], str]]:
    """Where an event's own key stands in its leaf: every place of it, and the leaf."""
    for event in events:
        key = getattr(event, "key", None) or getattr(event, "id", None)
        if isinstance(key, str) and len(key) >= _SHORTEST:
            found = [
                pointer
                for pointer, value in nodes(body)
                if pointer.startswith(f"{event.leaf}/") and not isinstance(value, bool | float) and str(value) == key
            ]
            if found:
                yield found, event.leaf


def _with(body: Any, pointers: list[str], value: Any) -> Any:
    for pointer in pointers:
        body = replaced(body, pointer, value)
    return body


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"of {len(text)} characters ending in {text[-1]}"
