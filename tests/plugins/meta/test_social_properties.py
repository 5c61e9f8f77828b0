"""Whatever Meta or somebody else sends to a page's or account's URL: events or MalformedError, never anything else."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crocevia import Event, Ignored, ParseContext, Raw, Secret, Unrecognised
from crocevia.errors import MalformedError
from crocevia_meta import FacebookPage, Instagram, Messenger
from crocevia_meta.facebook_page import Settings as PageSettings
from crocevia_meta.instagram import Settings as InstagramSettings
from crocevia_meta.messenger import Settings as MessengerSettings
from tests.plugins.meta.test_properties import ANY_JSON, places, put

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECRETS: dict[str, Any] = {name: Secret(name) for name in ("app_secret", "access_token", "verify_token")}
HERE = Path(__file__).parent
CHANNELS: dict[str, Messenger | Instagram | FacebookPage] = {
    "messenger": Messenger(MessengerSettings(page_id="1065000000000001", **SECRETS), connection="suite"),
    "instagram": Instagram(InstagramSettings(account_id="17841400000000001", **SECRETS)),
    "page": FacebookPage(PageSettings(page_id="1065000000000001", **SECRETS)),
}
BODIES = {
    name: [
        json.loads(path.read_text())
        for path in sorted((HERE / f"samples_{name}").glob("*.json"))
        if "." not in path.stem
    ]
    for name in CHANNELS
}
QUICK = settings(max_examples=50, deadline=None)


def parsed(name: str, body: Any) -> list[Event]:
    """What a channel makes of a body; every leaf is exactly one event."""
    channel = CHANNELS[name]
    raw = Raw(connection="suite", kind=channel.kind, body=json.dumps(body).encode(), received_at=NOW)
    events = list(channel.parse(raw, ParseContext(now=NOW)))
    assert sorted(event.leaf for event in events) == sorted(channel.leaves(raw))
    return events


@QUICK
@given(data=st.data())
@pytest.mark.parametrize("name", CHANNELS)
def test_a_change_in_any_place_is_survived(name: str, data: st.DataObject) -> None:
    """Any value in any place of any sample: every leaf is still one event, or the whole is malformed."""
    body = data.draw(st.sampled_from(BODIES[name]))
    place = data.draw(st.sampled_from(list(places(body))))
    changed = put(body, place, data.draw(ANY_JSON))
    try:
        parsed(name, changed)
    except MalformedError:
        assert len(place) <= 1


@pytest.mark.parametrize("name", CHANNELS)
def test_order_and_company_change_no_key(name: str) -> None:
    """Each entry alone, in the other order, or twice: a redelivery in other company is recognised."""

    def keys(events: list[Event]) -> set[str]:
        return {event.dedupe_key for event in events if not isinstance(event, Ignored | Unrecognised)}

    entries = [(body["object"], entry) for body in BODIES[name] if "object" in body for entry in body["entry"]]
    mine = [entry for of, entry in entries if of == CHANNELS[name].account.object and isinstance(entry, dict)]
    alone = [keys(parsed(name, {"object": CHANNELS[name].account.object, "entry": [entry]})) for entry in mine]
    together = {"object": CHANNELS[name].account.object, "entry": [*reversed(mine), *mine]}
    assert keys(parsed(name, together)) == set().union(*alone)
    assert len(set().union(*alone)) >= 8


@pytest.mark.parametrize(
    ("told", "year"),
    [(1763700000, 2025), ("1763700000", 2025), (1763700000000, 2025), ("1763700000000", 2025), (None, 2026)],
)
def test_a_time_is_read_in_whatever_unit_it_is_told(told: Any, year: int) -> None:
    """Seconds, milliseconds, as numbers or text; without any, when it came."""
    update = {"sender": {"id": "7"}, "recipient": {"id": "1065000000000001"}, "message": {"mid": "m", "text": "x"}}
    entry = {"id": "1065000000000001", "messaging": [{**update, "timestamp": told}]}
    [event] = parsed("messenger", {"object": "page", "entry": [entry]})
    assert getattr(event, "at").year == year  # noqa: B009 - an event of any kind


def test_huge_and_odd_ids_stay_what_they_are() -> None:
    """Numbers beyond 2^53 lose no digit."""
    big = 9_007_199_254_740_993_123
    update = {"sender": {"id": big}, "recipient": {"id": 1065000000000001}, "message": {"mid": "m", "text": "x"}}
    [event] = parsed("messenger", {"object": "page", "entry": [{"id": 1065000000000001, "messaging": [update]}]})
    assert getattr(event, "conversation") == f"1065000000000001:{big}"  # noqa: B009 - an event of any kind
