"""Bronze: the two laws of lenses, for each lens of the connector's default mapping.

1. `decode(encode(c), c) == c`: what we wrote and read back changes nothing here, even where the CRM holds less.
2. `encode(decode(r, c)) == r`: what a person entered is not written over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from crocevia.connector import ReadsRecords
from crocevia.mapping import Lens
from crocevia.model import ObjectSchema
from crocevia.testing.suite import strategies
from crocevia.testing.suite.subject import Subject, expect

_EXAMPLES = 60
_WRONG_TYPE = (ValueError, TypeError, AttributeError, ArithmeticError)
# Derandomised: an author's suite gives the same answer twice.
_bounded = settings(
    max_examples=_EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


class LensLaws:
    """Tests of `mappings()`."""

    subject: ClassVar[Subject]

    def test_mapped_fields_are_described(self) -> None:
        """Every field that the default mapping names is there, and can be written where it is to be."""
        if self.subject.crm is None:
            pytest.skip("give crm= a function that makes a connector which can describe")
        connector = self.subject.crm()
        for mapping in _reader(connector).mappings():
            schema = _reader(connector).describe(mapping.object)
            missing = [name for name in mapping.remote_fields if name not in schema.fields]
            expect(not missing, f"{mapping.object} has no field {', '.join(missing)}")
            for lens in mapping.lenses:
                fixed = [name for name in lens.remote if not schema.fields[name].createable]
                expect(
                    lens.direction == "from crm" or not fixed, f"{mapping.object}.{', '.join(fixed)} cannot be written"
                )

    def test_a_round_trip_changes_nothing(self, lens: _Mapped) -> None:
        """Law 1."""
        _first_law(lens.lens, lens.where)

    def test_what_a_person_entered_is_kept(self, lens: _Mapped) -> None:
        """Law 2, for what forms take, and for what we would have written ourselves for somebody else."""
        if lens.lens.direction != "both":
            pytest.skip(f"the lens goes one way ({lens.lens.direction})")
        _second_law(lens.lens, lens.schema, lens.where)


class _Mapped:
    """One lens of the default mapping, fitted to the described object where that is known."""

    def __init__(self, object_name: str, lens: Lens, schema: ObjectSchema | None) -> None:
        self.lens = lens if schema is None else lens.fit(schema)
        self.schema = schema
        self.where = f"{object_name}: {type(lens).__name__} of {', '.join(lens.fields)}"


def lenses(subject: Subject) -> Mapping[str, _Mapped]:
    """The lenses to be held to the laws; none where the connector reads no records."""
    if not issubclass(subject.connector_class, ReadsRecords):
        return {}
    connector = subject.crm() if subject.crm else subject.connector()
    found = {}
    for mapping in _reader(connector).mappings():
        schema = _reader(connector).describe(mapping.object) if subject.crm else None
        for lens in mapping.lenses:
            name = f"{mapping.object}-{'+'.join(lens.fields)}"
            name = f"{name}-{type(lens).__name__}" if name in found else name  # two lenses over one field of ours
            found[name] = _Mapped(mapping.object, lens, schema)
    return found


def _first_law(lens: Lens, where: str) -> None:
    @_bounded
    @given(strategies.canonical(lens))
    def law(canonical: dict[str, Any]) -> None:
        encoded = _encoded(lens, canonical)
        changed = lens.decode(_stored(encoded), canonical)
        expect(changed == {}, f"{where}: written as {encoded} and read back, {canonical} becomes {changed}")
        long = [name for name, limit in lens.limits.items() if len(str(encoded.get(name) or "")) > limit]
        expect(not long, f"{where}: {', '.join(long)} longer than the CRM can hold")

    law()


def _second_law(lens: Lens, schema: ObjectSchema | None, where: str) -> None:
    ours = strategies.canonical(lens).map(lambda other: _encoded(lens, other))
    entered = strategies.remote(lens, schema)
    values = ours if entered is None else st.one_of(entered, ours)

    @_bounded
    @given(values, strategies.canonical(lens))
    def law(remote: dict[str, Any], canonical: dict[str, Any]) -> None:
        assume(remote)
        _encoded(lens, canonical)
        decoded = lens.decode(_stored(remote), canonical)
        again = _encoded(lens, {**canonical, **decoded})
        different = [name for name in remote if not lens.same(name, remote[name], again.get(name))]
        expect(
            not different,
            f"{where}: somebody entered {remote} where we hold {canonical}; read as {decoded}, it is written over "
            f"with {again}",
        )

    law()


def _encoded(lens: Lens, canonical: Mapping[str, Any]) -> dict[str, Any]:
    """Encode; a value that is not of the type of the lens is no example."""
    try:
        return lens.encode(canonical)
    except _WRONG_TYPE:
        assume(condition=False)
        raise


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """As the CRM gives it back: a CRM knows no empty text."""
    return {name: None if value == "" else value for name, value in values.items()}


def _reader(connector: Any) -> ReadsRecords:
    if not isinstance(connector, ReadsRecords):
        pytest.skip("the connector reads no records")
    return connector
