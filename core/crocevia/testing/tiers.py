"""What the conformance suite found, connector by connector: a pytest plugin.

`pytest -p crocevia.testing.tiers` ends with a line for each connector: the tier that its passed tests show, and
how many of them there were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import define, field

from crocevia.testing.suite.subject import TIERS, Subject

_PROPERTY = "crocevia conformance"


@define
class Shown:
    """What the tests of one connector came to.

    Attributes:
        aim: The highest tier that its suites test for.
        outcomes: How many tests of each tier passed, failed and were left out.
    """

    kind: str
    aim: str = "bronze"
    outcomes: dict[str, Counter[str]] = field(factory=lambda: {tier: Counter() for tier in TIERS})

    @property
    def tier(self) -> str | None:
        """The highest tier of which every test that applies passed, and of each below; None: not even bronze."""
        found = None
        for tier in TIERS[: TIERS.index(self.aim) + 1]:
            if self.outcomes[tier]["failed"] or not self.outcomes[tier]["passed"]:
                break
            found = tier
        return found

    def __str__(self) -> str:
        counts = sum(self.outcomes.values(), Counter[str]())
        left_out = f", {counts['skipped']} do not apply" if counts["skipped"] else ""
        return f"{self.kind}: {self.tier or 'no tier'} ({counts['passed']} passed, {counts['failed']} failed{left_out})"


class Tiers:
    """Collects outcomes; one instance a run."""

    def __init__(self) -> None:
        self._shown: dict[str, Shown] = {}

    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        """Mark each test of a suite with its connector and tier: the mark travels with the report, also with xdist."""
        for item in items:
            cls = getattr(item, "cls", None)
            subject = getattr(cls, "subject", None)
            if cls is not None and isinstance(subject, Subject):
                test = getattr(item, "originalname", item.name)
                mark = [subject.connector_class.kind, subject.tier, tier_of(cls, test)]
                item.user_properties.append((_PROPERTY, mark))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count it: a test passes as a whole, and fails or is left out in any phase."""
        mark: Any = dict(report.user_properties).get(_PROPERTY)
        if mark is None or (report.passed and report.when != "call"):
            return
        kind, aim, tier = mark
        shown = self._shown.setdefault(kind, Shown(kind))
        shown.aim = max(shown.aim, aim, key=TIERS.index)
        shown.outcomes[tier][report.outcome] += 1

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """A line for each connector."""
        if self._shown:
            terminalreporter.section("conformance")
            for _, shown in sorted(self._shown.items()):
                terminalreporter.write_line(str(shown))


def tier_of(cls: type[Any], test: str) -> str:
    """The tier of a test: that of the class that defines it."""
    definer = next((base for base in cls.__mro__ if test in base.__dict__), cls)
    return str(getattr(definer, "tier", "bronze"))


def pytest_configure(config: pytest.Config) -> None:
    """Register a collector of this run."""
    config.pluginmanager.register(Tiers(), "crocevia conformance")
