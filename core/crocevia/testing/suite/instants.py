"""Silver: a moment is the same moment in every zone, and whatever our own clock says."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from attrs import evolve

from crocevia.model import Event, Ignored, Unrecognised
from crocevia.testing.suite.peered import Peered
from crocevia.testing.suite.sample import Sample
from crocevia.testing.suite.subject import expect

_ISO = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:?\d\d)")
_MAIL = re.compile(rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (?:[+-]\d{4}|GMT)")
_ZONES = {"India": timedelta(hours=5, minutes=30), "Newfoundland": -timedelta(hours=3, minutes=30), "UTC": timedelta(0)}


class Instants(Peered):
    """Tests of time in `parse`."""

    def test_a_moment_is_the_same_in_every_zone(self, sample: Sample) -> None:
        """Written with another offset, a time is the same instant: the day may differ, the moment not."""
        places = len(_ISO.findall(sample.body)) + len(_MAIL.findall(sample.body))
        if not places:
            pytest.skip("no time with an offset in it: numbers since 1970 have none")
        before = _moments(self.subject.parse(sample))
        for zone, offset in _ZONES.items():
            moved = _MAIL.sub(_moved(offset, _mail), _ISO.sub(_moved(offset, _iso), sample.body))
            after = _moments(self.subject.parse(sample, moved))
            expect(after == before, f"{sample.name}: with its times written as in {zone}, it is of another moment")

    def test_our_own_clock_changes_no_moment(self, sample: Sample) -> None:
        """A raw that is parsed late, or by a machine whose clock is wrong, says what it said."""
        connector, raw, context = self.subject.connector(), self.subject.raw(sample), self.subject.context
        usual = list(connector.parse(raw, context))
        for off in (timedelta(days=-400), timedelta(hours=13), timedelta(days=4000)):
            other = list(connector.parse(raw, evolve(context, now=context.now + off)))
            expect(other == usual, f"{sample.name}: parsed when our clock is off by {off}, it says something else")


def _moments(events: list[Event]) -> list[datetime]:
    return sorted(event.at for event in events if not isinstance(event, Ignored | Unrecognised))


def _moved(offset: timedelta, write: Callable[[str, timezone], str]) -> Callable[[re.Match[bytes]], bytes]:
    def move(found: re.Match[bytes]) -> bytes:
        return write(found.group().decode(), timezone(offset)).encode()

    return move


def _iso(text: str, zone: timezone) -> str:
    """In the vendor's own fashion: with or without a colon, with as many decimals."""
    moment = datetime.fromisoformat(text).astimezone(zone)
    decimals = re.search(r"\.(\d+)", text)
    shown = moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{decimals[1]}" if decimals else "")
    offset = moment.strftime("%z")
    return shown + (offset if re.search(r"[+-]\d{4}$", text) else f"{offset[:3]}:{offset[3:]}")


def _mail(text: str, zone: timezone) -> str:
    return format_datetime(parsedate_to_datetime(text).astimezone(zone))
