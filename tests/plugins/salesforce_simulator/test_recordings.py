"""The recorded answers of real orgs, replayed on the simulated one."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from crocevia_salesforce.simulator import Options, running_simulator
from tests.plugins.salesforce_simulator.conftest import Api
from tests.plugins.salesforce_simulator.honesty import PAGE, part, put, recordings_table
from tests.plugins.salesforce_simulator.recordings import (
    Stage,
    describes,
    differences,
    not_applicable,
    operation,
    rows,
)

FLOOR = 0.9


@pytest.fixture(scope="module")
def stage(corpus: Path) -> Iterator[Stage]:
    """An org whose objects are the recorded ones."""
    recorded = {name: body for name, body in describes(corpus).items() if "PersonAccount" not in name}
    options = Options(describes=tuple(recorded.values()), packages=(), daily_limit=10_000_000)
    with running_simulator(options) as sim:
        api = Api.of(sim)
        with api.session:
            yield Stage(api)


@pytest.mark.behaviour("recorded", "Status, key set, types and error codes of the recorded answers (table below)")
def test_recorded_answers_come_again(corpus: Path, stage: Stage) -> None:
    """At least nine of ten recorded answers of simulated operations come with equal status, keys and codes."""
    outcome = replay(corpus, stage)
    differing = {name: found for name, found in outcome.items() if found}
    assert len(outcome) >= 150
    assert 1 - len(differing) / len(outcome) >= FLOOR, differing


def replay(corpus: Path, stage: Stage) -> dict[str, list[str]]:
    """Return the differences of every applicable row, by its name."""
    outcome = {}
    for number, row in enumerate(rows(corpus)):
        if not_applicable(row) is None and "PersonAccount" not in row.file:
            outcome[f"{number} {row.file} {operation(row)}"] = differences(row, stage.replay(row))
    return outcome


@pytest.mark.behaviour("recorded", "The describe of an org with person accounts")
def test_person_accounts_describe_comes_again(corpus: Path) -> None:
    """An org with person accounts is loaded from its describe and shows the same one."""
    (row,) = [row for row in rows(corpus) if "PersonAccount" in row.file]
    with running_simulator(Options(describes=(row.body,), packages=())) as sim:
        api = Api.of(sim)
        with api.session:
            found = differences(row, Stage(api).replay(row))
    assert found == []


def test_every_row_is_replayed_or_has_a_reason(corpus: Path) -> None:
    """No row of the corpus is passed over in silence."""
    reasons = Counter(not_applicable(row) or "replayed" for row in rows(corpus))
    assert reasons.total() == len(list(rows(corpus)))
    assert reasons["replayed"] >= 150


def test_the_table_of_recordings_is_the_truth(corpus: Path, stage: Stage) -> None:
    """The documentation's count of replayed rows is that of this run; CROCEVIA_WRITE_DOCS=1 writes it anew."""
    differing = {name: found for name, found in replay(corpus, stage).items() if found}
    table = recordings_table(corpus, differing)
    if os.environ.get("CROCEVIA_WRITE_DOCS"):
        PAGE.write_text(put(PAGE.read_text("utf-8"), "recordings", table), "utf-8")
    assert part(PAGE.read_text("utf-8"), "recordings") == table
