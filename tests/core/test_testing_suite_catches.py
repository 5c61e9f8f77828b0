"""The suite catches what it is for: a broken connector fails the test that its docstring names, a good one none."""

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("suite_broken")  # one run over all of them, by one worker

_HERE = Path(__file__).parent
_BROKEN = dict(
    re.findall(r'^class (\w+)\(.*\n    """(test_\w+)\."""$', (_HERE / "suite_broken.py").read_text(), re.MULTILINE)
)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[str]]:
    """`{(class, test): outcomes}` of one run over all of them."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copytree(_HERE / "suite_samples", folder / "suite_samples")
    shutil.copy(_HERE / "suite_broken.py", folder / "test_broken.py")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -q -p no:cacheprovider --import-mode=importlib\n")
    wanted = [f"test_broken.py::Test{name}::{test}" for name, test in _BROKEN.items()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--junitxml=out.xml", "test_broken.py::TestGood", *wanted],
        cwd=folder,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=200,
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


def test_a_good_connector_passes(outcomes: dict[tuple[str, str], list[str]]) -> None:
    """With no test failed, and those that apply run."""
    of_connector = {test: found for (name, test), found in outcomes.items() if name == "TestGood"}
    assert {test for test, found in of_connector.items() if {"failure", "error"} & set(found)} == set()
    assert sum("passed" in found for found in of_connector.values()) >= 20
