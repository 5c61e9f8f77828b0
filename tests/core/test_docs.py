"""The documentation is true: its hooks exist, its examples run, its links lead somewhere.

Code blocks of one page run in order, in one namespace, in a folder of their own. A comment right above a block says
what else it is: ``<!-- file: NAME -->`` is written to that file, and can be imported by later blocks;
``<!-- not run: REASON -->`` is only compiled. Blocks with ``>>>`` are pytest's doctests.
"""

import ast
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crocevia import hookspecs
from crocevia.cli import COMMANDS
from crocevia.cli.session import Session

_ROOT = Path(__file__).resolve().parents[2]
_PAGES = [path for path in (_ROOT / "README.md", *sorted((_ROOT / "docs").rglob("*.md"))) if path.exists()]
_PAGES_WITH_CODE = [page for page in _PAGES if "```python" in page.read_text()]
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>file|not run): (?P<value>[^\n]+) -->\n+)?^```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s#]+)(?:#[^)]*)?\)")
_SHELLS = {"bash", "console", "sh", "shell"}
_COMMAND = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?(crocevia|make) ([a-z][a-z-]*)", re.MULTILINE)
_HOOK = re.compile(r"\bcrocevia_[a-z]+(?:_[a-z]+)+(?=\()")


class Block(NamedTuple):
    """One fenced block of a page: its language, its code, its comment if it has one, and the line it starts on."""

    language: str
    code: str
    mark: str | None
    value: str | None
    line: int


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("code"))
        yield Block(match["language"], match["code"], match["mark"], match["value"], line)


def _signatures() -> dict[str, str]:
    """Each hook's name and its signature as the source writes it, in one line."""
    functions = [node for node in ast.parse(inspect.getsource(hookspecs)).body if isinstance(node, ast.FunctionDef)]
    return {
        node.name: f"{node.name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns) if node.returns else None}"
        for node in functions
        if node.name.startswith("crocevia_")
    }


def _page_id(page: Path) -> str:
    return page.relative_to(_ROOT).as_posix()


@pytest.mark.parametrize("signature", _signatures().values(), ids=_signatures())
def test_every_hook_is_documented_with_its_exact_signature(signature: str) -> None:
    """A hook that is added or changed is added or changed in docs/hooks.md too."""
    page = re.sub(r"\s+", " ", (_ROOT / "docs" / "hooks.md").read_text())
    assert signature in page


def test_no_hook_is_documented_that_does_not_exist() -> None:
    """A hook that is renamed or removed leaves no page that still calls it."""
    mentioned = {name for page in _PAGES for name in _HOOK.findall(page.read_text())}
    assert mentioned - set(_signatures()) == set()


@pytest.fixture
def reader_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder that Python imports from; what was imported from it is forgotten for the next page."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[name]


@pytest.mark.parametrize("page", _PAGES_WITH_CODE, ids=_page_id)
def test_examples_of_a_page_run(page: Path, reader_folder: Path) -> None:
    """Each Python block of the page runs after those above it, as a reader would type them."""
    namespace: dict[str, Any] = {"__name__": "example"}
    for block in _blocks(page):
        if block.mark == "file":
            target = reader_folder / str(block.value)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.code)
            sys.modules.pop(target.stem, None)  # another test's plugin may have the same name
        if block.language != "python" or ">>>" in block.code:
            continue
        # Blank lines above, so that a traceback names the page's own line.
        code = compile("\n" * block.line + block.code, page, "exec")
        if block.mark != "not run":
            exec(code, namespace)  # noqa: S102 -- running the page's own example is the test


def test_settings_in_pages_are_toml() -> None:
    """Each block of settings can be read as it is printed."""
    problems = []
    for page in _PAGES:
        for block in _blocks(page):
            if block.language == "toml":
                try:
                    tomllib.loads(block.code)
                except tomllib.TOMLDecodeError as error:
                    problems.append(f"{_page_id(page)}:{block.line}: {error}")
    assert problems == []


def test_commands_in_pages_exist() -> None:
    """What a page tells to type after `crocevia`, or after `make`, is a command or a target that there is."""
    targets = set(re.findall(r"^([a-z-]+):", (_ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = {*COMMANDS, *Session(_ROOT / "crocevia.toml").plugin_commands(COMMANDS)}
    known = {"crocevia": commands, "make": targets}
    typed = {
        (_page_id(page), program, word)
        for page in _PAGES
        for block in _blocks(page)
        if block.language in _SHELLS
        for program, word in _COMMAND.findall(block.code)
    }
    assert {(page, program, word) for page, program, word in typed if word not in known[program]} == set()


def test_links_in_pages_lead_somewhere() -> None:
    """A link to another file of the project names one that is there."""
    links = {(page, target) for page in _PAGES for target in _LINK.findall(page.read_text()) if ":" not in target}
    assert {(_page_id(page), target) for page, target in links if not (page.parent / target).exists()} == set()
