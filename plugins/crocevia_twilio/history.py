"""The API's lists: what no webhook told is found there.

A list is read page by page by the `next_page_uri` that each names, then again after a while, as far back as some hours
before the last reading: a message's status, and a call's recording, may come late. What was told before is recognised
by its id.
Source: https://www.twilio.com/docs/usage/twilios-response (paging; `PageSize` at most 1000) (2026-03).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import asdict, evolve, frozen

from crocevia import Http, RawPage
from crocevia.errors import GoneError, OutcomeUnknownError, RejectedError, RetryableError
from crocevia_twilio.account import AccountSettings
from crocevia_twilio.form import moment
from crocevia_twilio.refusals import refusal

PAGE_SIZE = "200"
_DAY_S = 86_400
_OVERLAP_S = 6 * 3600


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


@frozen(kw_only=True)
class List:
    """One of the account's lists.

    Attributes:
        path: Where it is.
        items: Under which name its items lie in a page.
        since: The parameter that takes the day to begin with.
        stamps: An item's times, the one that it is ordered by first.
    """

    path: str
    items: str
    since: str
    stamps: tuple[str, ...]

    def first(self, since_s: int) -> str:
        """Path of the first page."""
        day = datetime.fromtimestamp(since_s, UTC).date()
        return f"{self.path}?{self.since}={day}&PageSize={PAGE_SIZE}"

    def following(self, found: Mapping[str, Any], since_s: int) -> str:
        """Path of the next page; `""` behind the last, and where all that comes was before: the newest come first."""
        uri, items = found.get("next_page_uri"), found.get(self.items)
        if not isinstance(uri, str) or not uri.startswith(f"{self.path}?"):  # credentials go along with every call
            return ""
        last = items[-1] if isinstance(items, list) and items and isinstance(items[-1], dict) else {}
        at = next(filter(None, (moment(last.get(name)) for name in self.stamps)), None)
        return "" if at is not None and at.timestamp() < since_s else uri


def page(http: Http, settings: AccountSettings, listed: List, now: datetime, cursor: str | None) -> RawPage:
    """The next page of a list, or nothing where it was read a short while ago."""
    place, now_s = _place(cursor), int(now.timestamp())
    if place is None or not place.next:
        if not settings.reconcile_minutes or not (place is None or _due(place, settings, now_s)):
            return RawPage(body=b"", cursor=cursor or "")
        since = now_s - settings.history_days * _DAY_S if place is None else min(place.started, now_s) - _OVERLAP_S
        place = Place(since=since, started=now_s, next=listed.first(since))
    try:
        body, found = _asked(http, place.next)
    except (RejectedError, GoneError):
        first = listed.first(place.since)
        if place.next == first:
            raise
        return RawPage(body=b"", cursor=_cursor(evolve(place, next=first)), more=True)  # pages are not kept for ever
    after = evolve(place, next=listed.following(found, place.since))
    return RawPage(body=body if found.get(listed.items) else b"", cursor=_cursor(after), more=bool(after.next))


def _due(place: Place, settings: AccountSettings, now_s: int) -> bool:
    """Whether a list is to be read again; also where the clock was set back."""
    return not place.started <= now_s < place.started + settings.reconcile_minutes * 60


def _place(cursor: str | None) -> Place | None:
    return Place(**json.loads(cursor)) if cursor else None


def _cursor(place: Place) -> str:
    return json.dumps(asdict(place))


def _asked(http: Http, path: str) -> tuple[bytes, Mapping[str, Any]]:
    answer = http.request("GET", path)
    if not answer.ok:
        error = refusal(http, answer, what="the list")
        if isinstance(error, OutcomeUnknownError):  # reading changes nothing
            raise RetryableError(f"{http.connection}: the list got HTTP {answer.status}", status=answer.status)
        raise error
    found = answer.json()
    return answer.body, found if isinstance(found, dict) else {}
