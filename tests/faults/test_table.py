"""The table of faults in the documentation names tests that are there."""

import ast
import re
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| (\d+) \|")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_WITHOUT = {12: "none: see *What is left out*", 40: "not yet: erasure is not built"}


def rows() -> dict[int, str]:
    """The last cell of each row, by number."""
    lines = (_ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
    return {int(found[1]): line.split(" | ")[-1].removesuffix(" |") for line in lines if (found := _ROW.match(line))}


def functions(path: Path) -> set[str]:
    """Names of the test functions of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_each_of_forty_faults_has_a_test_that_exists_or_says_why_not() -> None:
    """Those without one are known here, so that none is forgotten."""
    found = rows()
    assert sorted(found) == list(range(1, 41))
    assert {number: cell for number, cell in found.items() if not _TEST.search(cell)} == _WITHOUT
    missing = [
        cell
        for cell in found.values()
        for path, name in _TEST.findall(cell)
        if not (_ROOT / path).is_file() or name not in functions(_ROOT / path)
    ]
    assert missing == []
