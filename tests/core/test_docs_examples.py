"""The packages under docs/examples are what the pages say, pass their own tests, and install as an outsider's would."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_ACME = _ROOT / "docs" / "examples" / "crocevia_acme"

pytestmark = pytest.mark.xdist_group("packaging")


def _run(*command: str | Path, cwd: Path, path: Path | None = None) -> str:
    """Run Python outside the checkout; `path` goes before everything that Python imports."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV_", "PYTEST"))}
    environment |= {"NO_COLOR": "1"} | ({} if path is None else {"PYTHONPATH": str(path)})
    done = subprocess.run(
        [sys.executable, *(str(part) for part in command)],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """A copy of the example package, so that nothing is written into the checkout."""
    return shutil.copytree(_ACME, tmp_path / "acme", ignore=shutil.ignore_patterns("__pycache__", ".*", "build"))


@pytest.mark.parametrize("name", ["crocevia_acme.py", "pyproject.toml", "tests/test_acme_chat.py"])
def test_the_page_shows_the_package_as_it_is(name: str) -> None:
    """What a reader copies from the page is what is tested here."""
    page = (_ROOT / "docs" / "write-a-plugin.md").read_text()
    assert (_ACME / name).read_text() in page


def test_the_example_passes_its_own_tests(acme: Path) -> None:
    """Run as its author would, in its own folder: the conformance suite, on its samples."""
    told = _run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=acme)
    assert " passed" in told


def test_the_example_installs_and_is_listed(acme: Path, tmp_path: Path) -> None:
    """Its wheel gives Crocevia a connector, without any setting."""
    offline = ("-q", "--no-deps", "--no-index")
    _run("-m", "pip", "wheel", *offline, "--no-build-isolation", "-w", tmp_path, acme, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    _run("-m", "pip", "install", *offline, "--target", tmp_path / "site", wheel, cwd=tmp_path)
    told = _run("-c", "from crocevia.cli import main; main()", "plugins", cwd=tmp_path, path=tmp_path / "site")
    assert "acme  (crocevia-acme 1.0.0)\n  connectors: acme_chat\n" in told
