"""API usage: the rolling day's calls, the limit, and the header that tells of both.

Source: REST API guide, "Limit Info Header", v60.0. Recorded replies show that the count goes back now and then:
it is a gauge, not a counter.
"""

from __future__ import annotations

import random

from attrs import define, field

from crocevia_salesforce.simulator.clock import Clock
from crocevia_salesforce.simulator.database import Database

_HOURS = 24
_WAVER_CHANCE = 0.1


@define
class Usage:
    """Counts calls by the hour of the org's clock."""

    database: Database
    clock: Clock
    daily_limit: int
    seed: int
    frozen_at: int | None = None
    _random: random.Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make the table and the seeded waver."""
        self._random = random.Random(f"usage {self.seed}")  # noqa: S311  # a simulation, not a secret
        self.database.execute("CREATE TABLE IF NOT EXISTS sim_usage (hour INTEGER PRIMARY KEY, calls INTEGER NOT NULL)")

    def _hour(self) -> int:
        return int(self.clock.now().timestamp()) // 3600

    def count(self, calls: int = 1) -> None:
        """Add calls to this hour."""
        sql = "INSERT INTO sim_usage VALUES (?, ?) ON CONFLICT (hour) DO UPDATE SET calls = calls + excluded.calls"
        self.database.execute(sql, (self._hour(), calls))

    def used(self) -> int:
        """Return the calls of the last 24 hours."""
        since = self._hour() - _HOURS
        return int(self.database.one("SELECT IFNULL(SUM(calls), 0) FROM sim_usage WHERE hour > ?", (since,))[0])

    @property
    def exhausted(self) -> bool:
        """Whether the day's calls are used up."""
        return self.used() >= self.daily_limit

    def header(self, *, stale: bool = False) -> str:
        """Return ``Sforce-Limit-Info``; a stale one shows the number of an earlier time."""
        used = self.used()
        if stale:
            self.frozen_at = used = min(self.frozen_at if self.frozen_at is not None else used, used)
        elif self._random.random() < _WAVER_CHANCE:
            used = max(1, used - 2)
        return f"api-usage={used}/{self.daily_limit}"
