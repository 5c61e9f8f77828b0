"""Faults, seeded: which request, which row, how often, and what goes wrong."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, field, fields_dict, frozen

ROW_KINDS = frozenset({"row_lock", "row_error"})
KINDS = {
    "lock": "the whole request fails with UNABLE_TO_LOCK_ROW",
    "refused": "the whole request is refused with `status`, `code` and `message`",
    "unavailable": "503 with an HTML page",
    "server_error": "500 without a body",
    "not_acceptable": "406 from the edge, without JSON",
    "enhance_calm": "420 from the edge, without JSON",
    "drop_before": "the connection is cut before anything is done",
    "commit_then_drop": "everything is done and committed, then the connection is cut without an answer",
    "truncate": "everything is done; the answer breaks off half-way",
    "expire_session": "the session is ended: 401 INVALID_SESSION_ID",
    "slow": "the answer takes `seconds`",
    "total_limit": "403 REQUEST_LIMIT_EXCEEDED, TotalRequests",
    "concurrent_limit": "403 REQUEST_LIMIT_EXCEEDED, ConcurrentRequests",
    "no_limit_header": "Sforce-Limit-Info is missing",
    "stale_limit_header": "Sforce-Limit-Info shows an old number",
    "late_commit": "records carry a SystemModstamp `seconds` before their commit",
    "row_lock": "single rows fail with UNABLE_TO_LOCK_ROW",
    "row_error": "single rows fail with `code` and `message`",
}
"""What can go wrong, and how it shows."""


@frozen
class FaultRule:
    """One rule.

    Attributes:
        kind: One of ``KINDS``.
        route: Regular expression searched in ``METHOD path`` (for rows: ``op Object``, as in ``create Contact``).
        probability: Chance at each request or row that matches.
        after: Matches to leave alone first.
        times: How often at most; None without end.
        seconds: Of ``slow`` and ``late_commit``.
        code: Of ``row_error`` and ``refused``.
        message: Of ``row_error`` and ``refused``.
        status: HTTP status of ``refused``.
    """

    kind: str
    route: str = ""
    probability: float = 1.0
    after: int = 0
    times: int | None = None
    seconds: float = 0.0
    code: str = "UNKNOWN_EXCEPTION"
    message: str = "An unexpected error occurred."
    status: int = 400

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> FaultRule:
        """Read a rule from JSON.

        Raises:
            ValueError: An unknown kind or key, or a broken expression.
        """
        unknown = set(given) - set(fields_dict(cls))
        if unknown:
            raise ValueError(f"fault rule: unknown keys {', '.join(sorted(unknown))}")
        rule = cls(**given)
        if rule.kind not in KINDS:
            raise ValueError(f"fault rule: kind {rule.kind!r} is none of {', '.join(KINDS)}")
        re.compile(rule.route)
        return rule


@define
class _Armed:
    rule: FaultRule
    random: random.Random
    matches: int = 0
    fired: int = 0

    def fires(self, where: str) -> bool:
        if not re.search(self.rule.route, where):
            return False
        self.matches += 1
        if self.matches <= self.rule.after or (self.rule.times is not None and self.fired >= self.rule.times):
            return False
        if self.random.random() >= self.rule.probability:
            return False
        self.fired += 1
        return True


@define
class Faults:
    """The rules in force. The same seed, rules and requests give the same faults."""

    seed: int
    armed: list[_Armed] = field(factory=list)

    def replace(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Put these rules in the place of all others; counting begins anew."""
        self.armed = []
        for rule in rules:
            self.add(rule)

    def add(self, rule: Mapping[str, Any]) -> None:
        """Add a rule."""
        seeded = random.Random(f"{self.seed} {len(self.armed)}")  # noqa: S311  # a simulation, not a secret
        self.armed.append(_Armed(FaultRule.of(rule), seeded))

    def of_request(self, method: str, path: str) -> dict[str, FaultRule]:
        """Return the faults of one request by kind."""
        where = f"{method} {path}"
        found = [armed.rule for armed in self.armed if armed.rule.kind not in ROW_KINDS and armed.fires(where)]
        return {rule.kind: rule for rule in found}

    def of_row(self, op: str, object_name: str) -> FaultRule | None:
        """Return the fault of one row, or None."""
        where = f"{op} {object_name}"
        return next((armed.rule for armed in self.armed if armed.rule.kind in ROW_KINDS and armed.fires(where)), None)

    def fired(self) -> list[dict[str, Any]]:
        """Return what each rule has met and done."""
        return [
            {"kind": armed.rule.kind, "route": armed.rule.route, "matches": armed.matches, "fired": armed.fired}
            for armed in self.armed
        ]
