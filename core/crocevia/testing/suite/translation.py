"""Bronze: samples mean what they should, and nothing in them is passed over."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import UTC
from typing import Any, ClassVar

import pytest

from crocevia.model import Event, Ignored, Unrecognised
from crocevia.testing.suite.mutation import at, encoded
from crocevia.testing.suite.sample import Sample, shown
from crocevia.testing.suite.subject import Subject, expect

UPDATE = "CROCEVIA_UPDATE_EXPECTED"
_FIRST_YEAR, _LAST_YEAR = 1990, 2100


def account(subject: Subject, sample: Sample, events: list[Event], body: bytes | None = None) -> None:
    """Hold the events to the leaves: each exactly once. Raises AssertionError."""
    leaves = subject.leaves(sample, body)
    if leaves is None:
        expect(events, f"{sample.name}: parse gave nothing; a raw without meaning is Ignored, with the reason")
        return
    told = Counter(event.leaf for event in events)
    silent = [leaf for leaf in leaves if not told[leaf]]
    twice = [leaf for leaf, times in told.items() if times > 1]
    unknown = [leaf for leaf in told if leaf not in leaves]
    expect(not silent, f"{sample.name}: no event, Ignored or Unrecognised for {_list(silent)}")
    expect(not twice, f"{sample.name}: more than one event for {_list(twice)}")
    expect(not unknown, f"{sample.name}: events for what leaf_paths does not list: {_list(unknown)}")


class Translation:
    """Tests of `parse` on the samples."""

    subject: ClassVar[Subject]

    def test_there_are_samples(self) -> None:
        """The folder holds real input, one raw a file."""
        expect(self.subject.samples, f"no samples in {self.subject.samples_path}: record one raw a file there")

    def test_each_leaf_is_accounted_for(self, sample: Sample) -> None:
        """Every leaf is exactly one event, Ignored or Unrecognised."""
        account(self.subject, sample, self.subject.parse(sample))

    def test_a_sample_means_what_is_expected(self, sample: Sample) -> None:
        """The result is the one in the `.expected.json` beside it."""
        actual = json.loads(encoded(shown(self.subject.parse(sample))))
        path = sample.expected_path
        if os.environ.get(UPDATE):
            path.write_text(json.dumps(actual, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
        if not path.exists():
            pytest.fail(f"{path.name} is missing: run with {UPDATE}=1, read what it wrote, and keep it", pytrace=False)
        expected = json.loads(path.read_text())
        different = [index for index, pair in enumerate(zip(actual, expected, strict=False)) if pair[0] != pair[1]]
        where = different[0] if different else min(len(actual), len(expected))
        expect(
            actual == expected,
            f"{sample.name}: {len(actual)} events, {len(expected)} expected; number {where} differs:\n"
            f"  is       {_at(actual, where)}\n  expected {_at(expected, where)}",
        )

    def test_times_are_plausible(self, sample: Sample) -> None:
        """Every time is aware, in UTC, and of our age: seconds taken for milliseconds are not."""
        for event in self.subject.parse(sample):
            if not isinstance(event, Ignored | Unrecognised):
                expect(event.at.tzinfo is UTC, f"{sample.name}: {event.leaf or event.tag} has a time that is not UTC")
                expect(
                    _FIRST_YEAR < event.at.year < _LAST_YEAR,
                    f"{sample.name}: {event.leaf or event.tag} is of {event.at.year}: seconds for milliseconds?",
                )

    def test_dedupe_keys_tell_leaves_apart(self, sample: Sample) -> None:
        """Two leaves with one key would become one event: the second would be lost."""
        seen: dict[str, Any] = {}
        leaves = self.subject.leaves(sample)
        for event in self.subject.parse(sample):
            if isinstance(event, Ignored | Unrecognised):
                continue
            said = at(sample.json, event.leaf) if leaves is not None and sample.json is not None else event
            before = seen.setdefault(event.dedupe_key, said)
            expect(before == said, f"{sample.name}: two different leaves have the dedupe key of {event.leaf or 'one'}")


def _list(leaves: list[str]) -> str:
    return ", ".join(leaf or "the whole raw" for leaf in leaves)


def _at(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else "nothing"
