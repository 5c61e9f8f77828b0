"""What the in-memory CRM keeps, and what it remembers of its own life."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from attrs import define, frozen


@define(kw_only=True)
class Row:
    """One record. `sequence` grows with every commit of the whole CRM; `at` is when it says it was changed."""

    object: str
    id: str
    values: dict[str, Any]
    sequence: int
    at: datetime
    by: str
    deleted: bool = False
    merged_into: str | None = None

    @property
    def version(self) -> str:
        """Sorts as text in the order of the commits."""
        return f"{self.sequence:012d}"


@frozen(kw_only=True)
class Mutation:
    """One committed change. `values`: only what it changed; of a merge, `{"into": survivor}`."""

    operation: Literal["create", "update", "delete", "undelete", "merge"]
    object: str
    id: str
    values: dict[str, Any]
    by: str
    at: datetime


@frozen(kw_only=True)
class Call:
    """One call over the API. `size`: records written, ids fetched or points looked for."""

    operation: str
    object: str
    size: int
