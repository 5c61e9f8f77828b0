"""A backfill through Bulk 2.0 by a real daemon, killed with kill -9 while the org works on the job."""

import pytest

from benchmarks.salesforce_backfill import backfilled


@pytest.mark.campaign
def test_a_backfill_that_is_killed_goes_on_with_the_job_that_it_had_begun() -> None:
    """The next process takes the job's results: one job, each interaction once, and the forecast held."""
    said: list[str] = []

    done = backfilled(3_000, said.append)

    opened = [call for call in done.calls if call["method"] == "POST" and call["path"].endswith("/jobs/ingest")]
    assert done.killed_at > 0
    assert {look.process for look in done.looks} == {1, 2}
    assert done.looks[-1].written == 3_000
    assert len(opened) == 1
    assert any("3000 looked at, 3000 records to ask for: about 16 calls" in line for line in said)
