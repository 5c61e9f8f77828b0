"""The API's lists: what no webhook told is found there.

A list is read page by page by the `next_page_uri` that each names, then again after a while from the day of the last
reading on: a status may change for a day. What was told before is recognised by its id.
Source: https://www.twilio.com/docs/usage/twilios-response (paging; `PageSize` at most 1000) (2026-03).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import asdict, frozen

from crocevia import Http, RawPage
from crocevia.errors import OutcomeUnknownError, RetryableError
from crocevia_twilio.account import AccountSettings
from crocevia_twilio.refusals import refusal

PAGE_SIZE = "200"
_DAY_S = 86_400
_OVERLAP_S = _DAY_S


@frozen(kw_only=True)
class Place:
    """Where the reading of a list stands.

    Attributes:
        since: Unix seconds from which on it is read.
        started: When the reading began.
        next: Path of the next page; `""`: the reading is over, and begins again after a while.
    """

    since: int
    started: int
    next: str = ""


def page(
    http: Http, settings: AccountSettings, path: str, items: str, filter_by: str, now: datetime, cursor: str | None
) -> RawPage:
    """The next page of a list, or nothing where it was read a short while ago.

    Args:
        path: Of the list.
        items: Under which name its items lie in a page.
        filter_by: The parameter that takes the day to begin with.
    """
    place = _place(cursor)
    now_s = int(now.timestamp())
    if place is None or not place.next:
        due = place is None or now_s >= place.started + settings.reconcile_minutes * 60
        if not settings.reconcile_minutes or not due:
            return RawPage(body=b"", cursor=cursor or "")
        since = now_s - settings.history_days * _DAY_S if place is None else place.started - _OVERLAP_S
        day = datetime.fromtimestamp(since, UTC).date()
        place = Place(since=since, started=now_s, next=f"{path}?{filter_by}={day}&PageSize={PAGE_SIZE}")
    body, found = _asked(http, place.next)
    following = found.get("next_page_uri")
    following = following if isinstance(following, str) and following.startswith(f"{path}?") else ""
    after = Place(since=place.since, started=place.started, next=following)
    return RawPage(body=body if found.get(items) else b"", cursor=json.dumps(asdict(after)), more=bool(following))


def _place(cursor: str | None) -> Place | None:
    return Place(**json.loads(cursor)) if cursor else None


def _asked(http: Http, path: str) -> tuple[bytes, Mapping[str, Any]]:
    answer = http.request("GET", path)
    if not answer.ok:
        error = refusal(http, answer, what="the list")
        if isinstance(error, OutcomeUnknownError):  # reading changes nothing
            raise RetryableError(f"{http.connection}: the list got HTTP {answer.status}", status=answer.status)
        raise error
    found = answer.json()
    return answer.body, found if isinstance(found, dict) else {}
