"""The API's lists, page by page over real HTTP: each item once, wherever the reading broke off."""

import json
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from crocevia import Connector, InteractionSeen, Polls, RawPage
from crocevia.errors import RejectedError, RetryableError
from crocevia.testing import FakeClock
from crocevia_twilio import TwilioSms, TwilioVoice
from tests.plugins.twilio.conftest import parsed, sms_settings, voice_settings
from tests.plugins.twilio.twilio_api import OURS, TwilioApi

ANNA = "+393331112233"


def text(number: int) -> dict[str, Any]:
    """An inbound message."""
    return {
        "sid": f"SM{number:032d}",
        "direction": "inbound",
        "from": ANNA,
        "to": OURS,
        "body": str(number),
        "status": "received",
        "date_sent": "Fri, 20 Nov 2026 11:00:00 +0000",
    }


def pages(connector: Polls, cursor: str | None = None, most: int = 20) -> list[RawPage]:
    """Pages until nothing more waits."""
    found: list[RawPage] = []
    for _ in range(most):
        page = connector.poll(found[-1].cursor if found else cursor)
        found.append(page)
        if not page.more:
            return found
    raise AssertionError("it never ends")


def keys(connector: Connector[Any], found: list[RawPage]) -> list[str]:
    """What the pages tell of."""
    events = [event for page in found if page.body for event in parsed(connector, page.body)]
    return [event.key for event in events if isinstance(event, InteractionSeen)]


def sms(api: TwilioApi, clock: FakeClock, **changed: Any) -> TwilioSms:
    """Messages, on a clock of the test's."""
    return TwilioSms(sms_settings(base_url=api.url, **changed), clock=clock)


def test_each_message_of_five_pages_comes_once(api: TwilioApi) -> None:
    """By `next_page_uri`, as Twilio gives it."""
    api.items["Messages"] = [text(number) for number in range(9, 0, -1)]
    reader = sms(api, FakeClock())
    found = pages(reader)
    assert keys(reader, found) == [f"SM{number:032d}" for number in range(9, 0, -1)]
    assert len(api.asked) == 5


def test_a_reading_that_broke_off_goes_on_where_it_was(api: TwilioApi) -> None:
    """The cursor is all there is; the same page again has the same keys."""
    api.items["Messages"] = [text(number) for number in range(5, 0, -1)]
    clock = FakeClock()
    first = sms(api, clock).poll(None)
    again = sms(api, clock)
    rest = pages(again, first.cursor)
    assert len(keys(again, [first, *rest])) == 5
    assert keys(again, [again.poll(first.cursor)]) == keys(again, rest[:1])


def test_a_list_is_read_again_after_a_while_from_some_hours_before(api: TwilioApi) -> None:
    """Not sooner: each reading is a call; from before the last one, for what changed since."""
    api.items["Messages"] = [text(1)]
    clock = FakeClock()
    reader = sms(api, clock, history_days=7)
    cursor = pages(reader)[-1].cursor
    assert f"DateSent%3E={(clock.now() - timedelta(days=7)).date()}" in api.asked[0]
    clock.advance(59 * 60)
    assert pages(reader, cursor) == [RawPage(body=b"", cursor=cursor)]
    clock.advance(60)
    assert keys(reader, pages(reader, cursor)) == [f"SM{1:032d}"]
    assert len(api.asked) == 2
    assert f"DateSent%3E={(clock.now() - timedelta(hours=7)).date()}" in api.asked[1]


def test_a_later_reading_ends_where_everything_was_read_before(api: TwilioApi) -> None:
    """The newest come first: of a long list two pages are enough."""
    clock = FakeClock()
    old = [
        {**text(number), "date_sent": format_datetime(clock.now() - timedelta(hours=20))} for number in range(9, 0, -1)
    ]
    api.items["Messages"] = old
    reader = sms(api, clock)
    cursor = pages(reader)[-1].cursor
    assert len(api.asked) == 5
    clock.advance(3700)
    api.items["Messages"] = [{**text(10), "date_sent": format_datetime(clock.now())}, *old]
    assert keys(reader, pages(reader, cursor))[:1] == [f"SM{10:032d}"]
    assert len(api.asked) == 6


def test_a_page_that_is_not_kept_any_more_begins_the_reading_again(api: TwilioApi) -> None:
    """After a night without network, say; a list that is refused from its first page on is told."""
    api.items["Messages"] = [text(number) for number in range(3, 0, -1)]
    reader = sms(api, FakeClock())
    first = reader.poll(None)
    api.says.append((404, {"code": 20404, "status": 404}))
    assert sorted(set(keys(reader, [first, *pages(reader, first.cursor)]))) == [f"SM{n:032d}" for n in (1, 2, 3)]
    api.says.append((404, {"code": 20404, "status": 404}))
    with pytest.raises(RejectedError):
        reader.poll(None)


def test_a_clock_that_is_set_back_does_not_stop_the_reading(api: TwilioApi) -> None:
    """A day forward and back again."""
    api.items["Messages"] = []
    clock = FakeClock()
    reader = sms(api, clock)
    clock.jump(timedelta(days=1))
    cursor = pages(reader)[-1].cursor
    clock.jump(timedelta(days=-1))
    api.items["Messages"] = [text(1)]
    assert keys(reader, pages(reader, cursor)) == [f"SM{1:032d}"]


def test_lists_are_not_read_where_the_settings_say_so(api: TwilioApi) -> None:
    """`reconcile_minutes = 0`."""
    assert pages(sms(api, FakeClock(), reconcile_minutes=0)) == [RawPage(body=b"", cursor="")]
    assert api.asked == []


def test_calls_then_recordings_each_in_its_own_place(api: TwilioApi) -> None:
    """Two lists, one cursor."""
    api.items["Calls"] = [
        {"sid": f"CA{n}", "direction": "inbound", "from": ANNA, "to": OURS, "status": "completed"} for n in range(3)
    ]
    api.items["Recordings"] = [{"sid": "RE1", "call_sid": "CA1", "status": "completed", "media_url": "https://x"}]
    reader = TwilioVoice(voice_settings(base_url=api.url), clock=FakeClock())
    found = pages(reader)
    bodies = [next(iter(json.loads(page.body))) for page in found if page.body]
    assert bodies == ["calls", "calls", "recordings"]
    assert keys(reader, found) == ["CA0", "CA1", "CA2"]
    assert pages(reader, found[-1].cursor) == [RawPage(body=b"", cursor=found[-1].cursor)]


def test_a_list_that_cannot_be_had_is_asked_for_again(api: TwilioApi) -> None:
    """Reading does nothing that could have happened."""
    failing = sms(api, FakeClock())
    api.says.append((502, None))
    with pytest.raises(RetryableError):
        failing.poll(None)


def test_a_next_page_elsewhere_is_not_followed(api: TwilioApi) -> None:
    """Our credentials go along with every call."""
    reader = sms(api, FakeClock())
    api.says.append((200, {"messages": [text(1)], "next_page_uri": "@evil.example/2010-04-01"}))
    assert reader.poll(None).more is False
