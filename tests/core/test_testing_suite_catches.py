"""The suite catches what it is for: a broken connector fails the test that its docstring names, a good one none."""

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from crocevia.testing.suite import GoldSuite

pytestmark = pytest.mark.xdist_group("suite_broken")  # one run over all of them, by one worker

_HERE = Path(__file__).parent
_FILES = ("suite_broken.py", "suite_broken_gold.py", "suite_broken_crm.py")
_GOOD = ("Good", "GoodChannel", "GoodCRM")
_NO_SHRINKING = """
from hypothesis import Phase, settings

settings.register_profile("caught", phases=[Phase.generate])  # the smallest example is for a reader
settings.load_profile("caught")
"""
_CLASS = re.compile(r'^class (\w+)\(.*\n    """(test_\w+)\."""$', re.MULTILINE)


def _broken(*files: str) -> dict[str, str]:
    """Each broken connector, and the test that is to notice."""
    return {name: test for file in files for name, test in _CLASS.findall((_HERE / file).read_text())}


_FILE_OF = {
    **dict.fromkeys(("Good", *_broken(_FILES[0])), _FILES[0]),
    **dict.fromkeys(("GoodChannel", *_broken("suite_broken_peer.py", _FILES[1])), _FILES[1]),
    **dict.fromkeys(("GoodCRM", *_broken(_FILES[2])), _FILES[2]),
}
_BROKEN = _broken(*_FILES, "suite_broken_peer.py")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[str]]:
    """`{(class, test): outcomes}` of one run over all of them."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copytree(_HERE / "suite_samples", folder / "suite_samples")
    for file in _FILES:
        shutil.copy(_HERE / file, folder / f"test_{file}")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -q -p no:cacheprovider --import-mode=importlib\n")
    (folder / "conftest.py").write_text(_NO_SHRINKING)
    wanted = [f"test_{_FILE_OF[name]}::Test{name}::{test}" for name, test in _BROKEN.items()]
    good = ["Good", "GoodChannel", *(f"GoodCRM::{test}" for test in sorted(set(_broken(_FILES[2]).values())))]
    good = [f"test_{_FILE_OF[name.split(':')[0]]}::Test{name}" for name in good]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--junitxml=out.xml", *good, *wanted],
        cwd=folder,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-3000:]
    found: dict[tuple[str, str], list[str]] = {}
    for case in ET.parse(folder / "out.xml").iter("testcase"):  # noqa: S314 -- written by pytest a moment ago
        name = case.get("classname", "").rsplit(".", 1)[-1]
        outcome = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
        message = next((child.get("message") or "" for child in case if child.tag == "failure"), "")
        assert not message or message.startswith(("AssertionError", "ExceptionGroup", "Failed")), f"{name}: {message}"
        found.setdefault((name, case.get("name", "").split("[")[0]), []).append(outcome)
    return found


@pytest.mark.parametrize(("connector", "test"), _BROKEN.items(), ids=_BROKEN)
def test_a_broken_connector_is_caught(outcomes: dict[tuple[str, str], list[str]], connector: str, test: str) -> None:
    """By the test that is there for it, with a message for its author and not a stray exception."""
    assert "failure" in outcomes[f"Test{connector}", test]


@pytest.mark.parametrize("good", _GOOD)
def test_a_good_connector_passes(outcomes: dict[tuple[str, str], list[str]], good: str) -> None:
    """With no test failed, and those that apply run."""
    of_connector = {test: found for (name, test), found in outcomes.items() if name == f"Test{good}"}
    assert {test for test, found in of_connector.items() if {"failure", "error"} & set(found)} == set()
    assert sum("passed" in found for found in of_connector.values()) >= 12


def test_every_test_of_the_suite_has_a_connector_that_it_catches() -> None:
    """A test that no broken connector fails might as well not be there."""
    tests = {name for cls in GoldSuite.__mro__ for name in vars(cls) if name.startswith("test_")}
    assert tests - set(_BROKEN.values()) == {"test_there_are_samples", "test_a_good_signature_is_accepted"}
