"""Requests that depend on when a record was last modified.

Source: REST API guide, "Conditional Requests", v60.0: ``If-Modified-Since`` and ``If-Unmodified-Since``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from crocevia_salesforce.simulator.clock import parse_moment
from crocevia_salesforce.simulator.errors import refuse
from crocevia_salesforce.simulator.http import Call


def http_date(row: Mapping[str, Any]) -> str:
    """Return ``LastModifiedDate`` as HTTP writes it."""
    return format_datetime(parse_moment(row["LastModifiedDate"]), usegmt=True)


def _named(call: Call, header: str, row: Mapping[str, Any]) -> tuple[datetime, datetime] | None:
    """Return when the record was modified and the moment that a header names; None without one that can be read."""
    if header not in call.headers or not row.get("LastModifiedDate"):
        return None
    try:
        named = parsedate_to_datetime(call.headers[header])
    except (ValueError, OverflowError):
        return None
    named = named if named.tzinfo else named.replace(tzinfo=UTC)
    return parse_moment(row["LastModifiedDate"]), named


def is_unchanged(call: Call, row: Mapping[str, Any]) -> bool:
    """Return whether the client has the record already: 304.

    Raises:
        ApiError: 412, when ``If-Unmodified-Since`` says that it must not have changed and it has.
    """
    check_unmodified(call, row)
    found = _named(call, "if-modified-since", row)
    return found is not None and found[0] <= found[1]


def check_unmodified(call: Call, row: Mapping[str, Any]) -> None:
    """Refuse a request on a record that was modified after ``If-Unmodified-Since``.

    Raises:
        ApiError: 412 PRECONDITION_FAILED.
    """
    found = _named(call, "if-unmodified-since", row)
    if found is not None and found[0] > found[1]:
        raise refuse(412, "PRECONDITION_FAILED", "The record has been modified since the date of the condition")
