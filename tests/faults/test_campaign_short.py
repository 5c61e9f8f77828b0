"""`make faults` in short: the real daemon is killed again and again, and judged from outside."""

from pathlib import Path

import pytest
from attrs import evolve

from tests.faults.__main__ import main
from tests.faults.oracle import Verdict
from tests.faults.run import run
from tests.faults.schedule import Schedule, StoreKind, schedule

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("faults")]


def short(seed: int, *, store: StoreKind, tryton: bool, lives: int) -> Schedule:
    """A run of a few seconds and lives."""
    plan = schedule(seed, store=store, tryton=tryton, seconds=3)
    return evolve(plan, lives=tuple(of_one[:lives] for of_one in plan.lives))


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(short(101, store="sqlite", tryton=False, lives=5), id="sqlite"),
        pytest.param(
            short(102, store="postgresql", tryton=False, lives=3), id="postgresql", marks=pytest.mark.campaign
        ),
        pytest.param(short(103, store="sqlite", tryton=True, lives=5), id="tryton", marks=pytest.mark.peers),
    ],
)
def test_nothing_is_lost_doubled_or_out_of_balance(tmp_path: Path, plan: Schedule) -> None:
    """Every life ends by kill -9, some at a fault point; afterwards the ledgers and the CRMs agree."""
    report = run(plan, tmp_path / "run")
    assert report.verdict == Verdict()
    assert report.kills.total() + sum(report.ended.values()) == sum(map(len, plan.lives))
    assert report.kills.total() >= 3


@pytest.mark.campaign
def test_the_campaign_prints_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """The last line is the figures, the exit code says whether they are right."""
    code = main(["--seed", "1", "--runs", "2", "--jobs", "2"])
    assert capsys.readouterr().out.splitlines()[-1] == "runs 2 lost 0 doubled 0 unbalanced 0"
    assert code == 0
