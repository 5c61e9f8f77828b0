"""What every test may ask for."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of recorded vendor input beside the checkout; it is not part of the project."""
    path = _ROOT.parent / "shared" / "corpus"
    if not path.is_dir():
        pytest.skip("no corpus of recorded vendor input at ../shared/corpus")
    return path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a skipped test of the peers lane where the lane must be whole (CROCEVIA_PEERS_REQUIRED=1)."""
    report = yield
    required = os.environ.get("CROCEVIA_PEERS_REQUIRED") == "1" and item.get_closest_marker("peers") is not None
    if required and report.skipped and not hasattr(report, "wasxfail") and not _does_not_apply(report):
        report.outcome = "failed"
        report.longrepr = f"a peer is required here and is missing: {report.longreprtext}"
    return report


def _does_not_apply(report: pytest.TestReport) -> bool:
    """Whether the conformance suite left it out, since the connector does nothing of the kind."""
    where = report.longrepr[0] if isinstance(report.longrepr, tuple) else ""
    return "crocevia/testing" in Path(where).as_posix()
