"""Settings, opening hours, and what `check` says of them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from crocevia import Message, Secret
from crocevia.errors import ConfigError, UndeliverableError
from crocevia.model import ContactPoint
from crocevia_webchat import WebChat
from crocevia_webchat.hours import OpeningHours
from crocevia_webchat.text import clean

from .conftest import make_settings

WEEK = {"mon": "09:00-13:00 14:00-18:00", "sat": "22:00-24:00", "sun": "00:00-02:00"}


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-23T07:59Z", False),
        ("2026-11-23T08:00Z", True),
        ("2026-11-23T12:00Z", False),
        ("2026-11-23T13:00Z", True),
        ("2026-11-23T17:00Z", False),
        ("2026-11-24T10:00Z", False),
        ("2026-11-21T22:59Z", True),
        ("2026-11-21T23:30Z", True),
        ("2026-11-22T01:00Z", False),
        ("2026-06-22T07:00Z", True),
        ("2026-12-07T09:00Z", False),
    ],
)
def test_the_company_is_open_by_its_own_clock(moment: str, *, expected: bool) -> None:
    """Summer time, noon, midnight, a day that is not named, and a holiday."""
    hours = OpeningHours.of(WEEK, "Europe/Rome", ["2026-12-07"])
    assert hours.open_at(datetime.fromisoformat(moment)) is expected


def test_without_hours_it_is_always_open_but_on_holidays() -> None:
    """Nothing set: nothing closes it."""
    hours = OpeningHours.of({}, "UTC", ["2026-12-25"])
    assert hours.open_at(datetime(2026, 12, 24, 3, tzinfo=UTC))
    assert not hours.open_at(datetime(2026, 12, 25, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"secret": Secret("short")}, "secret: expected at least 32 characters, got fewer"),
        ({"previous_secret": Secret("short")}, "previous_secret: expected at least 32 characters, got fewer"),
        ({"origins": ("https://shop.example/",)}, "got 'https://shop.example/'"),
        ({"origins": ("*",)}, "got '*'"),
        ({"origins": ("https://Shop.example",)}, "got 'https://Shop.example'"),
        ({"colour": "blue"}, "colour: expected a colour like #0b57d0, got 'blue'"),
        ({"opening_hours": {"monday": "09:00-10:00"}}, "opening_hours.monday: expected one of mon"),
        ({"opening_hours": {"mon": "10:00-09:00"}}, "opening_hours.mon: expected spans"),
        ({"opening_hours": {"mon": "9-10"}}, "opening_hours.mon: expected spans"),
        ({"timezone": "Rome"}, "timezone: expected a name like Europe/Rome, got 'Rome'"),
        ({"timezone": "../../etc"}, "timezone: expected a name like Europe/Rome"),
        ({"closed_on": ("Christmas",)}, "closed_on: expected days like '2026-12-25', got 'Christmas'"),
    ],
)
def test_a_wrong_setting_is_named(changed: dict[str, Any], problem: str) -> None:
    """With what was expected; never a secret itself."""
    with pytest.raises(ConfigError, match="expected") as raised:
        make_settings(**changed)
    assert problem in str(raised.value)


def findings(**changed: Any) -> list[tuple[str, str]]:
    """What `check` finds."""
    return [(found.level, found.what) for found in WebChat(make_settings(**changed)).check()]


def test_check_looks_at_who_may_call() -> None:
    """No origin, one in the clear, and a secret that is being changed."""
    assert findings() == [("ok", "pages of https://www.shop.example")]
    assert findings(origins=()) == [("warning", "origins")]
    assert findings(origins=("http://shop.example", "http://localhost:8000", "http://localhost.evil.example")) == [
        ("warning", "http://shop.example"),
        ("ok", "pages of http://localhost:8000"),
        ("warning", "http://localhost.evil.example"),
    ]
    assert findings(previous_secret=Secret("the secret of before, long enough"))[-1] == ("warning", "previous_secret")


def test_a_message_goes_to_visitors_of_this_site_only() -> None:
    """Its key is its own id, each time; another site's visitor, or a phone, is no road."""
    chat = WebChat(make_settings())
    message = Message(id="i1", to=ContactPoint("webchat", "shop.example", "v1"), conversation="v2", text="Hello")
    assert [chat.send(message).key, chat.send(message).key] == ["i1", "i1"]
    assert chat.send(message).conversation == "v1"
    for to in (ContactPoint("webchat", "other.example", "v1"), ContactPoint("phone", "", "+393331234567")):
        with pytest.raises(UndeliverableError):
            chat.send(Message(id="i2", to=to, text="Hello"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a\r\nb\rc\u2028d\x0be ", "a\nb\nc\nd\ne"),
        ("a\x00b\x07c\x9bd\x7f", "abcd"),
        ("tab\tstays", "tab\tstays"),
        ("👩‍👩‍👧 مرحبا", "👩‍👩‍👧 مرحبا"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        ("\x00 \n", ""),
    ],
)
def test_text_is_kept_as_written_without_control_characters(text: str, expected: str) -> None:
    """Line breaks are one kind; emoji, right-to-left and markup are text."""
    assert clean(text) == expected
