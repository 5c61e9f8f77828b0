"""Twenty seeds of the demo day, each with at least five kills: `make campaign`."""

from pathlib import Path

import pytest

from tests.system.test_demo import play, recompute

pytestmark = [pytest.mark.slow, pytest.mark.campaign, pytest.mark.xdist_group("demo")]


@pytest.mark.parametrize("seed", range(100, 120))
def test_the_day_survives_kills(tmp_path: Path, seed: int) -> None:
    """Every leaf one interaction and one record, every reply sent once, nothing lost."""
    report = play(tmp_path, "--seed", str(seed), "--kills", str(5 + seed % 4))
    recompute(tmp_path, report)
    assert report["passed"]
