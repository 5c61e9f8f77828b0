"""The table of what the simulated org shows and how that is known, made from the tests' markers."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.plugins.salesforce_simulator.recordings import not_applicable, operation, rows

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "salesforce-simulator.md"
ORDER = ("recorded", "documented", "assumed")


def behaviours() -> Iterator[tuple[str, str, str]]:
    """Yield evidence, text and test of every marked behaviour."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.behaviour":
                        evidence, text = (ast.literal_eval(argument) for argument in mark.args)
                        yield evidence, text, f"{path.name}::{node.name}"


def honesty_table() -> str:
    """Return the table of behaviours."""
    found = sorted(behaviours(), key=lambda row: (ORDER.index(row[0]), row[2]))
    lines = [f"| {evidence} | {text} | `{test}` |" for evidence, text, test in found]
    return "\n".join(["| known how | behaviour | shown by |", "|---|---|---|", *lines])


def recordings_table(corpus: Path, differing: dict[str, list[str]]) -> str:
    """Return the count of recorded rows by operation, replayed and equal, and of those that are not applicable."""
    replayed, equal, reasons = Counter[str](), Counter[str](), Counter[str]()
    for row in rows(corpus):
        reason = not_applicable(row)
        if reason:
            reasons[reason] += 1
        else:
            replayed[operation(row)] += 1
    equal.update(replayed)
    equal.subtract(Counter(name.split(" ", 2)[2] for name in differing))
    lines = [f"| {name} | {count} | {equal[name]} |" for name, count in sorted(replayed.items())]
    total = f"| **all** | **{replayed.total()}** | **{equal.total()}** |"
    others = [f"| {reason} | {count} |" for reason, count in reasons.most_common()]
    listed = [f"- {name.split(' ', 1)[1]}: {'; '.join(found)}" for name, found in differing.items()]
    head = ["| operation | replayed | equal |", "|---|---|---|", *lines, total]
    middle = ["", "Not applicable:", "", "| why | rows |", "|---|---|", *others]
    return "\n".join([*head, *middle, "", "Different:", "", *listed])


def put(page: str, name: str, text: str) -> str:
    """Return a page with the text between a name's two comments."""
    return re.sub(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", lambda m: m[1] + text + m[2], page, flags=re.DOTALL)


def part(page: str, name: str) -> str:
    """Return the text between a name's two comments."""
    match = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", page, flags=re.DOTALL)
    return match[1] if match else ""
