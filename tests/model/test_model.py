"""A hub, three CRMs and a channel against a plain oracle: whatever happened, at rest invariants A to G hold."""

import os
import re
from pathlib import Path

import pytest

import crocevia
from tests.model.days import live
from tests.model.hub import fault_points

SHARDS = 6
DAYS = int(os.environ.get("CROCEVIA_TEST_EXAMPLES", "12"))


@pytest.mark.parametrize("shard", range(SHARDS))
def test_whatever_happened_at_rest_the_invariants_hold(shard: int) -> None:
    """Each shard has days of its own; `make model` lives two thousand of them."""
    report = live(shard, DAYS)
    assert report.days >= DAYS
    assert report.kills.total() > 0, "processes die, or nothing is shown"
    print("\n".join(report.lines()))


def test_every_fault_point_of_the_core_is_known_here() -> None:
    """They are read from the source; one that is named otherwise than by a literal would be forgotten."""
    source = "".join(path.read_text(encoding="utf-8") for path in Path(crocevia.__path__[0]).rglob("*.py"))
    assert len(re.findall(r"faults\.reach\(", source)) == len(re.findall(r'faults\.reach\(\s*"[^"]+"\)', source))
    assert set(fault_points()) >= {"journal.committed", "intake.before_commit", "pull.committed", "push.called"}
