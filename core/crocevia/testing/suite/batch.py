"""Bronze: the same leaves mean the same in a batch, again, and in another order."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any, ClassVar

import pytest
from attrs import evolve

from crocevia.model import Event, Ignored, Unrecognised
from crocevia.testing.suite.mutation import at, encoded, replaced
from crocevia.testing.suite.sample import Sample, shown
from crocevia.testing.suite.subject import Subject, expect
from crocevia.testing.suite.translation import account


class Batches:
    """Tests of batches, redelivery and order."""

    subject: ClassVar[Subject]

    def test_a_redelivery_is_recognised(self, sample: Sample) -> None:
        """Parsed again, by the same instance or a new one, a sample gives equal events and so equal dedupe keys."""
        connector, raw, context = self.subject.connector(), self.subject.raw(sample), self.subject.context
        first, second = list(connector.parse(raw, context)), list(connector.parse(raw, context))
        expect(first == second, f"{sample.name}: the same raw parsed twice gives different events")
        third = self.subject.parse(sample)
        expect(_keys(first) == _keys(third), f"{sample.name}: another instance gives other dedupe keys")

    def test_a_batch_means_what_its_leaves_mean(self) -> None:
        """Several samples in one raw give the events of each, none more and none less."""
        groups = self._groups()
        batches = [group for group in groups if len(group) > 1]
        if not batches:
            pytest.skip("no two samples share an envelope with a list of leaves (leaf_paths)")
        for group in batches:
            body = copy.deepcopy(group[0].json)
            outer = self._outer_list(body) or ""
            for sample in group[1:]:
                at(body, outer).extend(copy.deepcopy(at(sample.json, outer)))
            separate = [event for sample in group for event in self.subject.parse(sample)]
            together = self.subject.parse(group[0], encoded(body))
            names = ", ".join(sample.name for sample in group)
            _expect_equal(together, separate, f"{names} in one raw mean something else than one by one")
            account(self.subject, group[0], together, encoded(body))

    def test_order_within_a_raw_does_not_matter(self, sample: Sample) -> None:
        """With its lists reversed, a sample gives the same events."""
        body = sample.json
        lists = [pointer for pointer in self._leaf_lists(body) if len(at(body, pointer)) > 1] if body else []
        if not lists:
            pytest.skip("no list of several leaves in it")
        for pointer in lists:
            changed = encoded(replaced(body, pointer, at(body, pointer)[::-1]))
            _expect_equal(
                self.subject.parse(sample, changed),
                self.subject.parse(sample),
                f"{sample.name}: with {pointer} reversed it means something else",
            )

    def _groups(self) -> list[list[Sample]]:
        """Samples that may be put into one raw: same stream, headers and envelope."""
        groups: dict[Any, list[Sample]] = {}
        for sample in self.subject.samples:
            outer = self._outer_list(sample.json)
            if outer is not None:
                envelope = encoded(replaced(sample.json, outer, []))
                groups.setdefault((sample.stream, tuple(sorted(sample.headers.items())), envelope), []).append(sample)
        return list(groups.values())

    def _outer_list(self, body: Any) -> str | None:
        """The outermost list that leaves lie in; None when there is none."""
        lists = self._leaf_lists(body)
        return min(lists, key=len) if lists else None

    def _leaf_lists(self, body: Any) -> list[str]:
        """The lists that the paths to the leaves go through, outermost first."""
        found: dict[str, None] = {}
        for path in self.subject.connector_class.leaf_paths:
            steps = path.split(".")
            for depth, step in enumerate(steps):
                if step == "*":
                    for pointer in _expand(body, steps[:depth]):
                        found[pointer] = None
        return list(found)


def _expand(body: Any, steps: list[str], pointer: str = "") -> list[str]:
    if not steps:
        return [pointer] if isinstance(body, list) and pointer else []
    step, rest = steps[0], steps[1:]
    if step == "*" and isinstance(body, list):
        return [found for index, item in enumerate(body) for found in _expand(item, rest, f"{pointer}/{index}")]
    return _expand(body[step], rest, f"{pointer}/{step}") if isinstance(body, dict) and step in body else []


def _keys(events: list[Event]) -> list[str]:
    return [event.dedupe_key for event in events if not isinstance(event, Ignored | Unrecognised)]


def _expect_equal(actual: list[Event], expected: list[Event], message: str) -> None:
    """Compare events whatever their order and place."""
    is_, should = (Counter(_text(event) for event in events) for events in (actual, expected))
    lacking, extra = list((should - is_).elements()), list((is_ - should).elements())
    expect(not lacking and not extra, f"{message}\n  lacking {lacking[:2]}\n  extra   {extra[:2]}")


def _text(event: Event) -> str:
    return encoded(shown([evolve(event, leaf="")])).decode()
