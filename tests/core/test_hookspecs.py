"""The page of hooks keeps its promises to a reader."""

import ast
import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crocevia import hookspecs

HOOKS: dict[str, Callable[..., Any]] = {
    name: function for name, function in vars(hookspecs).items() if name.startswith("crocevia_")
}
LINES = ("Called:", "Order:", "May do:", "If it raises:")


@pytest.mark.parametrize("name", HOOKS)
def test_docstring_has_the_four_fixed_lines(name: str) -> None:
    """When it is called, in which order, what it may do and what happens when it raises: each once, in this order."""
    lines = [line.strip() for line in (inspect.getdoc(HOOKS[name]) or "").splitlines()]
    found = [mark for line in lines for mark in LINES if line.startswith(mark)]
    assert found == list(LINES)


@pytest.mark.parametrize("name", HOOKS)
def test_name_has_a_verb_and_a_noun(name: str) -> None:
    """Every hook is `crocevia_<verb>_<noun>`, or for announcements `crocevia_<noun>_<what happened>`."""
    assert re.fullmatch(r"crocevia_[a-z]+_[a-z_]+", name)


@pytest.mark.parametrize("name", HOOKS)
def test_signature_is_typed(name: str) -> None:
    """An author's checker knows every argument and the answer."""
    signature = inspect.signature(HOOKS[name])
    untyped = [p.name for p in signature.parameters.values() if p.annotation is inspect.Parameter.empty]
    assert (untyped, signature.return_annotation is inspect.Signature.empty) == ([], False)


def test_first_hooks_are_those_of_the_design() -> None:
    """A hook is added together with this list, its caller and its page."""
    assert sorted(HOOKS) == [
        "crocevia_allow_delivery",
        "crocevia_conflict_raised",
        "crocevia_connection_changed",
        "crocevia_deserve_record",
        "crocevia_interaction_logged",
        "crocevia_map_record",
        "crocevia_match_profiles",
        "crocevia_normalise_contact_point",
        "crocevia_profile_changed",
        "crocevia_profiles_merged",
        "crocevia_profiles_unmerged",
        "crocevia_read_record",
        "crocevia_register_commands",
        "crocevia_register_connectors",
        "crocevia_register_engines",
        "crocevia_register_simulators",
        "crocevia_resolve_conflict",
        "crocevia_translate_event",
    ]


PAGE = Path(__file__).resolve().parents[2] / "docs" / "hooks.md"
MARK = "<!-- from here on: written from hookspecs.py by CROCEVIA_WRITE_DOCS=1 pytest tests/core/test_hookspecs.py -->\n"


def reference() -> str:
    """Each hook with its signature and its docstring, by section of the module."""
    lines: list[str] = []
    source = inspect.getsource(hookspecs)
    headings = {source.count("\n", 0, m.start()): m[1] for m in re.finditer(r"^# --- (.+?) -+$", source, re.MULTILINE)}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for at in [at for at in headings if at < node.lineno]:
            title = headings.pop(at)
            lines += [f"## {title[0].upper()}{title[1:]}", ""]
        answer = ast.unparse(node.returns) if node.returns else "None"
        lines += [f"### {node.name}", "", "```text", f"{node.name}({ast.unparse(node.args)}) -> {answer}", "```", ""]
        text = ast.get_docstring(node) or ""
        text = re.sub(r"\n    +", " ", text)
        lines += [re.sub(r"^(Called|Order|May do|If it raises):", r"- *\1*:", text, flags=re.MULTILINE), ""]
    return "\n".join(lines).rstrip() + "\n"


def test_page_of_hooks_is_what_the_module_says() -> None:
    """docs/hooks.md cannot fall behind."""
    head, _, rest = PAGE.read_text().partition(MARK)
    if os.environ.get("CROCEVIA_WRITE_DOCS"):
        PAGE.write_text(f"{head}{MARK}\n{reference()}")
        return
    assert rest.lstrip("\n") == reference()
