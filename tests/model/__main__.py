"""`python -m tests.model --seeds 2000`: so many days, and how often the process died at each fault point."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

import click

from tests.model.days import STEPS, Report, live

FIRST_SHARD = 1000
"""Its days are none of those that the test suite lives."""
DAYS = 50


@click.command()
@click.option("--seeds", default=2000, show_default=True, help="Days to live.")
@click.option("--workers", default=os.cpu_count() or 2, show_default=True)
@click.option("--first", default=FIRST_SHARD, show_default=True, help="The first shard: other shards, other days.")
@click.option("--least", default=20, show_default=True, help="So often has each fault point to be hit.")
def main(seeds: int, workers: int, first: int, least: int) -> None:
    """Live days until one goes wrong, whose story is told; exit 1 then, or where a fault point was hit too seldom."""
    report, began = Report(), time.monotonic()
    shards = range(first, first + -(-seeds // DAYS))
    with ProcessPoolExecutor(workers) as pool:
        running = [pool.submit(live, shard, DAYS, shrink=True) for shard in shards]
        for done in as_completed(running):
            if (error := done.exception()) is not None:
                pool.shutdown(cancel_futures=True)
                notes = getattr(error, "__notes__", [])
                raise click.ClickException("\n".join([f"{type(error).__name__}: {error}", *notes]))
            report.add(done.result())
    click.echo("\n".join(report.lines()))
    seldom = report.seldom(least)
    if seldom:
        click.echo(f"hit less than {least} times: {', '.join(seldom)}")
    killed, points = report.kills.total(), len(report.lines()) - 1
    took = f"{time.monotonic() - began:.0f} s"
    click.echo(f"seeds {report.days} steps {report.days * STEPS} kills {killed} points {points} took {took}")
    sys.exit(bool(seldom))


if __name__ == "__main__":
    main()
