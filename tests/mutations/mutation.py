"""One mechanism taken away, and the tests that must notice."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).resolve().parents[2]


@frozen
class Mutation:
    """A change to one file that removes what keeps an invariant.

    Attributes:
        why: What the mechanism is for; the change takes it away.
        file: Below the project's root.
        old: The exact text; it stands in the file once.
        new: What stands there instead.
        tests: Below `tests/core` unless they say otherwise; at least one of them must fail.
    """

    why: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, root: Path = ROOT) -> str:
        """The file's text with the change.

        Raises:
            LookupError: the old text does not stand there exactly once: the table has to follow the code.
        """
        text = (root / self.file).read_text(encoding="utf-8")
        found = text.count(self.old)
        if found != 1 or self.old == self.new:
            msg = f"{self.file}: expected this once, found it {found} times:\n{self.old}"
            raise LookupError(msg)
        return text.replace(self.old, self.new)

    @property
    def ids(self) -> list[str]:
        """The tests as pytest is told."""
        return [test if test.startswith("tests/") else f"tests/core/{test}" for test in self.tests]


def mutation(file: str, why: str, old: str, new: str, *tests: str) -> Mutation:
    """One row of the table; `file` below `core/crocevia`."""
    return Mutation(why, f"core/crocevia/{file}", old, new, tests)
