"""Days made by Hypothesis: the same every time, as many as asked for, shrunk to a short story when one goes wrong."""

from __future__ import annotations

import gc
import os
import tempfile
from collections import Counter
from pathlib import Path

from attrs import define, field
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from tests.model.hub import Ground, Hub, fault_points, silence
from tests.model.steps import Day

STEPS = 40
_MOST = 2**20
_CUSTOMERS = "write write write edit remove deliver deliver deliver redeliver "
_COLLEAGUES = "create rename tag tag renumber meanwhile delete undelete merge answer answer draft send_draft scribble "
_HAND = "merge_by_hand unmerge backfill "
_TROUBLE = "lose_answer lose_receipt throttle fail pause resume jump overtake overtake "
_KILLS = "kill kill kill kill kill kill "
_WORK = "turn turn turn turn turn turn turn turn turn turn turn turn wait round round "
MOODS: tuple[tuple[str, ...], ...] = tuple(
    tuple(("wait " + mood).split())
    for mood in (
        _CUSTOMERS * 2 + _COLLEAGUES * 2 + _HAND + _TROUBLE + _KILLS + _WORK * 2 + "rest outage",
        _CUSTOMERS + _WORK + _KILLS + "answer create answer rest",
        _CUSTOMERS + _WORK + _KILLS + _HAND * 2 + "delete undelete rest",
        _COLLEAGUES + _HAND + "write deliver deliver " + _WORK + "rest rest rest",
        _CUSTOMERS + _COLLEAGUES + _HAND + _TROUBLE * 2 + _KILLS * 2 + _WORK * 2,
    )
)
"""What sort of a day it is: which steps there are, and how often. The first is the one that a story shrinks to."""


@define
class Report:
    """What many days have come to."""

    days: int = 0
    kills: Counter[str] = field(factory=Counter)

    def add(self, other: Report) -> None:
        """Count other days in."""
        self.days += other.days
        self.kills.update(other.kills)

    def seldom(self, least: int) -> list[str]:
        """The fault points at which the process died less often."""
        return [point for point in fault_points() if self.kills[point] < least]

    def lines(self) -> list[str]:
        """How often the process died at each fault point."""
        told = [f"  {point:30} {self.kills[point]:6}" for point in fault_points()]
        return [f"{self.days} days of {STEPS} steps; killed at", *told]


_steps = st.tuples(st.integers(0, 255), st.integers(0, _MOST - 1))
_days = st.tuples(st.sampled_from(range(len(MOODS))), st.lists(_steps, min_size=STEPS, max_size=STEPS))


def live(shard: int, days: int, *, shrink: bool = False) -> Report:
    """So many days of one shard; each shard's are its own. Raises AssertionError with the story of one that fails.

    `CROCEVIA_TEST_EXAMPLES` makes other days each time.

    Args:
        shrink: Whether to look, for minutes, for the shortest day that goes wrong.
    """
    report = Report()
    chance = "CROCEVIA_TEST_EXAMPLES" in os.environ

    @seed(int.from_bytes(os.urandom(8)) if chance else shard)
    @settings(
        max_examples=days,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(_days)
    def one(made: tuple[int, list[tuple[int, int]]]) -> None:
        _one(ground, report, *made)

    with tempfile.TemporaryDirectory(prefix="crocevia-model-", dir=_in_memory()) as folder, silence():
        ground = Ground(Path(folder))
        gc.collect()
        gc.freeze()
        try:
            one()
        finally:
            gc.unfreeze()
            ground.store.close()
    return report


def _one(ground: Ground, report: Report, mood: int, made: list[tuple[int, int]]) -> None:
    day = Day(Hub(ground.clear()))
    steps = MOODS[mood]
    try:
        with day.hub.open():
            for step, number in made:
                day.play(steps[step % len(steps)], number)
            day.rest()
    except BaseException:
        note("\n".join(["the day so far:", *day.story]))
        raise
    report.days += 1
    report.kills.update(day.hub.kills)


def _in_memory() -> str | None:
    """Where files cost nothing, if there is such a place."""
    return next((folder for folder in ("/dev/shm",) if os.access(folder, os.W_OK)), None)
