"""The benchmarks run. How fast is for `make bench` to say: nothing here looks at a clock."""

import gc
import json
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks import (
    adoption,
    cpu_per_interaction,
    crm_calls,
    ingest,
    isolation,
    resolve_growth,
    salesforce_calls,
    statements,
)
from benchmarks.__main__ import modules

FIGURES: dict[str, Any] = {
    "adoption": lambda: adoption.run(count=300),
    "cpu_per_interaction": lambda: cpu_per_interaction.run(count=200, customers=20, rounds=1),
    "crm_calls": lambda: crm_calls.run(count=30, customers=10),
    "ingest": lambda: ingest.run(count=64, rounds=1),
    "isolation": lambda: isolation.run(backlog=200, rounds=1, seconds=1.0),
    "salesforce_calls": lambda: salesforce_calls.run(count=10, customers=5, minutes=1),
    "statements": lambda: statements.run(small=1_000, large=2_000, count=200),
    "resolve_growth": lambda: resolve_growth.run(small=300, large=600, batches=3),
}
ELSEWHERE = {"salesforce_backfill", "salesforce_simulator"}
"""They need long to tell anything; the connector's and the simulator's own tests run what they measure."""


@pytest.fixture
def collector() -> Iterator[None]:
    """The benchmark of CPU sets the collector as the daemon does; the tests after it get theirs back."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_every_benchmark_is_tried_here() -> None:
    """A new module of `benchmarks` has a line above."""
    assert set(modules()) == FIGURES.keys() | ELSEWHERE


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("name", sorted(FIGURES))
def test_a_benchmark_gives_its_figures(name: str) -> None:
    """Each figure has value, unit, floor and ratio, and goes into JSON."""
    figures = FIGURES[name]()

    assert any(found.startswith(name) for found in figures)
    for figure in json.loads(json.dumps(figures)).values():
        assert figure.keys() == {"value", "unit", "floor", "ratio"}
        assert figure["value"] > 0
        assert figure["ratio"] is None or figure["ratio"] == pytest.approx(figure["value"] / figure["floor"])


def test_a_backlog_of_known_customers_takes_two_calls_at_most() -> None:
    """A count, not a time: it holds on any machine."""
    figures = crm_calls.run(count=1_000, customers=50)

    assert figures["crm_calls_per_1000"]["value"] <= 2
