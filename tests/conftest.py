"""What every test may ask for."""

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
