"""The README's table of connectors, made of the suites that `make test` runs: a tier stands for tests that pass."""

import importlib
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from crocevia.testing.suite.subject import TIERS, Subject
from tests.connectors.words import from_vendor, to_vendor

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
_START, _END = "<!-- connectors: written by `make connectors` -->\n", "<!-- end of connectors -->\n"
_PAGES = {"facebook_page": "facebook-page", "twilio_sms": "twilio", "twilio_voice": "twilio"}


@frozen
class Row:
    """One connector, as its suites test it."""

    kind: str
    tier: str
    verified_against: str
    from_vendor: tuple[str, ...]
    to_vendor: tuple[str, ...]

    @classmethod
    def of(cls, kind: str, subjects: list[Subject]) -> "Row":
        """The row of the suites of one kind: of the highest tier that one of them tests for."""
        best = max(subjects, key=lambda subject: TIERS.index(subject.tier))
        against = best.connector_class.verified_against
        return cls(kind, best.tier, against, tuple(from_vendor(subjects)), tuple(to_vendor(best)))

    def __str__(self) -> str:
        page = f"docs/connectors/{_PAGES.get(self.kind, self.kind)}.md"
        name = f"[`{self.kind}`]({page})" if (ROOT / page).exists() else f"`{self.kind}`"
        carried = (", ".join(words) or "-" for words in (self.from_vendor, self.to_vendor))
        return f"| {' | '.join((name, self.tier, self.verified_against, *carried))} |"


def rows() -> list[Row]:
    """Every connector that has a suite in a `test_conformance*.py`, by kind."""
    of_kind: dict[str, list[Subject]] = {}
    for subject in _subjects():
        of_kind.setdefault(subject.connector_class.kind, []).append(subject)
    return [Row.of(kind, subjects) for kind, subjects in sorted(of_kind.items())]


def table(found: list[Row]) -> str:
    """The table in Markdown."""
    head = ["| kind | tier | verified against | from the vendor | to the vendor |", "|---|---|---|---|---|"]
    return "\n".join([*head, *map(str, found)]) + "\n"


def with_table(readme: str, found: list[Row]) -> str:
    """The README with this table in the place of the one it has."""
    before, rest = readme.split(_START)
    return f"{before}{_START}{table(found)}{_END}{rest.split(_END)[1]}"


def _subjects() -> Iterator[Subject]:
    for path in sorted((ROOT / "tests").glob("*/**/test_conformance*.py")):
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for name, value in vars(module).items():
            subject = getattr(value, "subject", None)
            if name.startswith("Test") and isinstance(subject, Subject):
                yield subject
