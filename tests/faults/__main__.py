"""`python -m tests.faults`: runs of the real daemon under faults, judged from outside."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.oracle import Verdict
from tests.faults.run import Report, run
from tests.faults.schedule import Schedule, schedule
from tests.faults.stores import left_mounted

ROOT = Path(__file__).parents[2] / ".cache" / "faults"


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign; 0 when nothing was lost, doubled or unbalanced."""
    given = _parser().parse_args(arguments)
    plans = [
        schedule(seed, store=given.store, tryton=given.tryton, seconds=given.seconds)
        for seed in range(given.seed, given.seed + given.runs)
    ]
    ROOT.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with ThreadPoolExecutor(given.jobs) as pool:
        reports = list(pool.map(lambda plan: _one(plan, last=plan is plans[-1]), plans))
    _tell(reports, time.monotonic() - began)
    lost, doubled, unbalanced = (
        sum(len(getattr(report.verdict, what)) for report in reports) for what in ("lost", "doubled", "unbalanced")
    )
    print(f"runs {len(reports)} lost {lost} doubled {doubled} unbalanced {unbalanced}")
    return int(bool(lost or doubled or unbalanced))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the others follow")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), help="default: as the seed says")
    parser.add_argument("--tryton", action=argparse.BooleanOptionalAction, help="default: as the seed says")
    parser.add_argument("--seconds", type=float, default=12.0, help="how long people are busy in each run")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    return parser


def _one(plan: Schedule, *, last: bool) -> Report:
    folder = ROOT / str(plan.seed)
    left_mounted(folder)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        report = run(plan, folder)
    except Exception as error:  # noqa: BLE001 - whatever broke one run must not hide the others
        traceback.print_exc()
        report = Report(plan, Verdict(unbalanced=[f"the run itself failed: {type(error).__name__}: {error}"]))
    found = report.verdict
    for what in ("lost", "doubled", "unbalanced"):
        for line in getattr(found, what):
            print(f"seed {plan.seed} {what}: {line}", flush=True)
    where = "" if found.passed and not last else f", ledgers in .cache/faults/{plan.seed}"
    with_tryton = "+tryton" if plan.tryton else ""
    print(
        f"seed {plan.seed} {plan.store}{with_tryton}: {report.kills.total()} kills, {report.facts}"
        f"{' passed' if found.passed else ' FAILED'}{where}",
        flush=True,
    )
    if found.passed and not last:
        shutil.rmtree(folder)
    return report


def _tell(reports: list[Report], seconds: float) -> None:
    kills = sum((report.kills for report in reports), Counter[str]())
    hits = sum((report.hits for report in reports), Counter[str]())
    print(f"{kills.total()} kills in {seconds:.0f} s: {_listed(kills)}")
    print(f"faults: {_listed(hits)}")
    for reason in sorted({reason for report in reports for reason in report.skipped}):
        print(f"left out: {reason}")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()) if count)


if __name__ == "__main__":
    sys.exit(main())
