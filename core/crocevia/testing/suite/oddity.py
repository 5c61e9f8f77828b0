"""Bronze: what a connector does not know is neither an exception nor silence; nonsense is called so."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from attrs import evolve

from crocevia.errors import MalformedError
from crocevia.model import Event, RecordChanged, Unrecognised
from crocevia.testing.suite.mutation import MARKER, encoded, nodes, replaced, with_unknown_fields
from crocevia.testing.suite.sample import Sample
from crocevia.testing.suite.subject import Subject, expect
from crocevia.testing.suite.translation import account

_TYPE_KEYS = {"type", "kind", "event", "event_type", "action", "status", "subtype", "item", "verb", "operation", "code"}
_NO_LEAVES: list[Any] = [{}, None, "odd", 7, [], {"type": "crocevia-unknown"}]
# What a connector that looks into a body of another shape stumbles over; the core quarantines such a raw as well.
_STUMBLES = (LookupError, TypeError, AttributeError)
_OTHER_SHAPES = (b"null", b"[]", b"{}", b'""', b"0", b"true", b"[null]", b'[{"type": null}]')


class Oddities:
    """Tests of unknown fields, unknown types and malformed bodies."""

    subject: ClassVar[Subject]

    def test_unknown_fields_change_nothing(self, sample: Sample) -> None:
        """A vendor adds fields without notice: in every object, one more is overlooked."""
        body = _json(sample)
        actual = [_forget(event) for event in self.subject.parse(sample, encoded(with_unknown_fields(body)))]
        expect(
            actual == self.subject.parse(sample, encoded(body)), f"{sample.name}: an unknown field changes the result"
        )

    def test_unknown_types_are_unrecognised(self, sample: Sample) -> None:
        """A vendor adds types without notice: each is an Unrecognised, its neighbours mean what they meant."""
        body = _json(sample)
        leaves = self.subject.leaves(sample) or []
        kinds = [
            pointer
            for pointer, value in nodes(body)
            if isinstance(value, str) and pointer.rsplit("/", 1)[-1] in _TYPE_KEYS
        ]
        if not kinds:
            pytest.skip("nothing in it names a type")
        for pointer in kinds:
            changed = encoded(replaced(body, pointer, "crocevia-unknown"))
            leaf = next((leaf for leaf in leaves if pointer.startswith(f"{leaf}/")), None)
            events = self._parse_odd(sample, changed, f"{pointer} unknown", envelope=leaf is None)
            if events is not None:
                account(self.subject, sample, events, changed)
            if events is not None and leaf is not None and pointer == f"{leaf}/type":
                of_leaf = next(event for event in events if event.leaf == leaf)
                expect(
                    isinstance(of_leaf, Unrecognised),
                    f"{sample.name}: {leaf} has an unknown type and became '{of_leaf.tag}' instead of Unrecognised",
                )

    def test_an_odd_leaf_spoils_only_itself(self, sample: Sample) -> None:
        """Whatever stands in a leaf's place is Unrecognised; the other leaves mean what they meant."""
        body = _json(sample)
        leaves = self.subject.leaves(sample)
        if not leaves or leaves == [""]:
            pytest.skip("the connector declares no leaf_paths: a raw is understood as a whole")
        before = {event.leaf: event for event in self.subject.parse(sample)}
        for leaf in leaves:
            for odd in _NO_LEAVES:
                changed = encoded(replaced(body, leaf, odd))
                what = f"{leaf} replaced by {json.dumps(odd)}"
                events = self._parse_odd(sample, changed, what, envelope=False) or []
                account(self.subject, sample, events, changed)
                spoilt = [event.leaf for event in events if event.leaf != leaf and event != before.get(event.leaf)]
                expect(not spoilt, f"{sample.name}: {what} changes {', '.join(spoilt)}")

    def test_bodies_of_another_shape_are_refused(self, shape: bytes) -> None:
        """JSON that is not the vendor's: events, MalformedError, or what looking into it raises (also quarantined)."""
        sample = self._any_sample()
        try:
            self.subject.parse(sample, shape)
        except (MalformedError, *_STUMBLES):
            return
        except Exception as error:
            reason = f"a body of another shape ({shape.decode()}): {type(error).__name__} instead of MalformedError"
            raise AssertionError(reason) from error

    def test_broken_bodies_are_malformed(self, broken: str) -> None:
        """Bodies that are no text, no JSON, or JSON that two readers could understand differently: MalformedError."""
        sample = self._any_sample()
        is_object = isinstance(sample.json, dict) and bool(sample.json)
        body = _broken(sample, broken)
        if body is None:
            pytest.skip("the samples are not JSON objects")
        try:
            events = self.subject.parse(sample, body)
        except MalformedError:
            return
        except Exception as error:  # noqa: BLE001 - any other is what is tested for
            reason = f"{sample.name}, {broken}: {type(error).__name__} instead of MalformedError; use raw.json()"
            raise AssertionError(reason) from None
        must_refuse = is_object and broken not in _HARMLESS
        expect(
            not must_refuse, f"{sample.name}, {broken}: {len(events)} events instead of MalformedError; use raw.json()"
        )

    def _parse_odd(self, sample: Sample, body: bytes, what: str, *, envelope: bool) -> list[Event] | None:
        """Parse; None for a MalformedError, which only a broken envelope may raise."""
        try:
            return self.subject.parse(sample, body)
        except MalformedError as error:
            expect(envelope, f"{sample.name}: {what}: MalformedError ({error}) instead of Unrecognised")
            return None
        except Exception as error:
            reason = f"{sample.name}: {what}: {type(error).__name__} instead of Unrecognised"
            raise AssertionError(reason) from error

    def _any_sample(self) -> Sample:
        samples = self.subject.samples
        if not samples:
            pytest.skip("there are no samples")
        return next((sample for sample in samples if isinstance(sample.json, dict)), samples[0])


OTHER_SHAPES = {body.decode(): body for body in _OTHER_SHAPES}
BROKEN = (
    "empty",
    "blank",
    "cut in half",
    "cut at the end",
    "NaN",
    "Infinity",
    "a key twice",
    "100,000 brackets",
    "100,000 objects",
    "invalid UTF-8",
    "half a surrogate",
    "NUL",
    "NUL inside",
    "UTF-16",
    "two documents",
)
_HARMLESS: frozenset[str] = frozenset({"half a surrogate"})  # JSON allows it; what it stands for is one odd character


def _broken(sample: Sample, how: str) -> bytes | None:
    """The body of a sample, broken; None where only JSON can be broken so and the sample is none."""
    body = sample.body
    whole = {
        "empty": b"",
        "blank": b" \n",
        "cut in half": body[: len(body) // 2],
        "cut at the end": body.rstrip()[:-1],
        "100,000 brackets": b"[" * 100_000,
        "100,000 objects": b'{"a":' * 100_000,
        "invalid UTF-8": b"\xff\xfe" + body,
        "NUL": b"\x00",
        "NUL inside": body[: len(body) // 2] + b"\x00" + body[len(body) // 2 :],
        "UTF-16": body.decode(errors="replace").encode("utf-16"),
        "two documents": body + body,
    }
    if how in whole:
        return whole[how]
    if not isinstance(sample.json, dict) or not sample.json:
        return None
    more = {
        "NaN": b'"crocevia": NaN',
        "Infinity": b'"crocevia": -Infinity',
        "a key twice": b'"crocevia": 1, "crocevia": 2',
        "half a surrogate": b'"crocevia": "\\ud83d"',
    }[how]
    return b"{" + more + b", " + encoded(sample.json).lstrip()[1:]


def _json(sample: Sample) -> Any:
    body = sample.json
    if not isinstance(body, dict | list):
        pytest.skip("the sample is not JSON")
    return body


def _forget(event: Event) -> Event:
    """Without the field added by the suite, where a record's values are handed through."""
    if isinstance(event, RecordChanged) and MARKER in event.values:
        return evolve(event, values={name: value for name, value in event.values.items() if name != MARKER})
    return event
