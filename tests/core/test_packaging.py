"""What is built is what is in the tree, and an outsider's connector stands beside it as ours do."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("packaging")

_ROOT = Path(__file__).resolve().parents[2]
_SOURCE_ROOTS = ("core", "plugins", "contrib")
_NOT_SHIPPED = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info", "build")
_OUTSIDER_PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "outsider-meta"
version = "3.2.1"
dependencies = ["crocevia"]

[project.entry-points.crocevia]
outsider = "outsider_meta"

[tool.setuptools.package-data]
"*" = ["**/*"]
"""
_WEBHOOK = {
    "object": "whatsapp_business_account",
    "entry": [
        {
            "id": "102290129340398",
            "changes": [
                {
                    "field": "messages",
                    "value": {
                        "messaging_product": "whatsapp",
                        "metadata": {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"},
                        "contacts": [{"profile": {"name": "Ada"}, "wa_id": "16505551234"}],
                        "messages": [
                            {
                                "from": "16505551234",
                                "id": "wamid.outsider",
                                "timestamp": "1749416383",
                                "type": "text",
                                "text": {"body": "Does it come in another color?"},
                            }
                        ],
                    },
                }
            ],
        }
    ],
}


def _run(*command: str | Path, cwd: Path) -> str:
    """Run one program of this test, without this process's import paths, and return what it printed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV_", "PYTEST"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment | {"COLUMNS": "200", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _build_wheel(project: Path, into: Path) -> Path:
    """Build a project with the setuptools that is installed, so that nothing is downloaded."""
    _run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"),
        *("--wheel-dir", into, project),
        cwd=project,
    )
    (wheel,) = into.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def crocevia_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crocevia's wheel, built from a copy so that no build folder is left in the checkout."""
    project = tmp_path_factory.mktemp("project")
    for root in _SOURCE_ROOTS:
        shutil.copytree(_ROOT / root, project / root, ignore=_NOT_SHIPPED)
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(_ROOT / name, project)
    return _build_wheel(project, tmp_path_factory.mktemp("crocevia-wheel"))


@pytest.fixture(scope="module")
def outsider_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of our WhatsApp connector under another's name: its own package, kind, pyproject and version."""
    project = tmp_path_factory.mktemp("outsider")
    package = project / "outsider_meta"
    shutil.copytree(_ROOT / "plugins" / "crocevia_meta", package, ignore=_NOT_SHIPPED)
    for module in package.rglob("*.py"):
        text = module.read_text().replace("crocevia_meta", "outsider_meta")
        module.write_text(
            re.sub(r"""^(\s+kind\b.*=\s*)"whatsapp"$""", r'\1"outsider_whatsapp"', text, flags=re.MULTILINE)
        )
    (project / "pyproject.toml").write_text(_OUTSIDER_PYPROJECT)
    return _build_wheel(project, tmp_path_factory.mktemp("outsider-wheel"))


@pytest.fixture(scope="module")
def clean_environment(tmp_path_factory: pytest.TempPathFactory, crocevia_wheel: Path, outsider_wheel: Path) -> Path:
    """A new environment with the two wheels; other packages are read from this one's folder, not downloaded.

    A path that a ``.pth`` file adds has its own ``.pth`` files left alone, so an editable Crocevia of this environment
    does not come along; and it comes last, so the wheels' metadata is found first.
    """
    environment = tmp_path_factory.mktemp("clean") / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=environment.parent)
    python = environment / "bin" / "python"
    _run(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"),
        *(crocevia_wheel, outsider_wheel),
        cwd=environment.parent,
    )
    (site_packages,) = environment.glob("lib/python*/site-packages")
    (site_packages / "third-party.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment


def test_the_wheel_holds_every_file_of_the_source_roots(crocevia_wheel: Path) -> None:
    """No template, migration, Tryton view or module is left behind, and nothing else comes along."""
    expected = {
        path.relative_to(_ROOT / root).as_posix()
        for root in _SOURCE_ROOTS
        for path in (_ROOT / root).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".egg-info" not in str(path)
    }
    with zipfile.ZipFile(crocevia_wheel) as wheel:
        actual = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert actual == expected


def test_the_environment_runs_the_wheels_and_not_the_checkout(clean_environment: Path) -> None:
    """Both packages are imported from the clean environment, and none of their files from the checkout."""
    code = "import crocevia, outsider_meta; print(crocevia.__file__); print(outsider_meta.__file__)"
    printed = _run(clean_environment / "bin" / "python", "-c", code, cwd=clean_environment)
    assert [Path(line).is_relative_to(clean_environment) for line in printed.splitlines()] == [True, True]


def test_an_outsiders_connector_is_listed_beside_ours(clean_environment: Path) -> None:
    """`crocevia plugins` names the outsider's plugin, and its connector, from its entry point alone."""
    listed = _run(clean_environment / "bin" / "crocevia", "plugins", cwd=clean_environment)
    names = set(re.findall(r"[\w-]+", listed))
    assert {"meta", "whatsapp", "salesforce", "tryton", "odoo", "outsider", "outsider_whatsapp"} - names == set()


def test_an_outsiders_connector_translates_as_ours_does(clean_environment: Path) -> None:
    """The installed copy makes of a webhook what our own connector makes of it."""
    sample = clean_environment / "webhook.json"
    sample.write_text(json.dumps(_WEBHOOK))
    crocevia = clean_environment / "bin" / "crocevia"
    theirs = _run(crocevia, "translate", "outsider_whatsapp", sample, cwd=clean_environment)
    ours = _run(crocevia, "translate", "whatsapp", sample, cwd=clean_environment)
    assert "Does it come in another color?" in ours
    assert theirs.replace("outsider_whatsapp", "whatsapp") == ours
