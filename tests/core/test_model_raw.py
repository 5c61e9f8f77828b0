"""A raw is read strictly: what two readers could understand differently is refused."""

import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crocevia import ParseContext, Raw, errors
from crocevia.model import EPOCH, from_us, leaves, to_us, utc

_NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def _raw(body: bytes) -> Raw:
    return Raw(connection="acme", kind="acme", body=body, received_at=_NOW)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_json_values)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    """With and without escapes."""
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        try:
            body = text.encode()
        except UnicodeEncodeError:
            continue
        assert _raw(body).json() == value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b" ", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a": 1}{"b": 2}', "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b"\x00", "not JSON"),
        (b'{"a": "\x00"}', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": 1, "a": 2}', "same key twice"),
        (b'{"b": [{"a": 1, "\\u0061": 2}]}', "same key twice"),
        (b'{"a": "\xff"}', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'"\xed\xa0\xbd"', "not UTF-8"),
        (b"[" * 65 + b"]" * 65, "deeper than 64"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "deeper than 64"),
        (b"[" * 100_000, "deeper than 64"),
        (b'{"a":' * 100_000, "deeper than 64"),
        (b"1" * 5000, "not JSON"),
    ],
)
def test_what_is_not_strict_json_is_malformed(body: bytes, reason: str) -> None:
    """The message says what, and repeats nothing of the body."""
    with pytest.raises(errors.MalformedError, match=reason) as caught:
        _raw(body).json()
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_refusal_does_not_quote_the_body() -> None:
    """Nor does its cause."""
    for body in (b'{"text": "canary", }', b'{"canary": 1, "canary": 2}', b'"canary\xff"', b'{"canary": NaN}'):
        with pytest.raises(errors.MalformedError) as caught:
            _raw(body).json()
        assert "canary" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_depth_is_counted_outside_texts() -> None:
    """Brackets that a customer typed nest nothing; 64 levels are enough for anybody."""
    brackets = "[{" * 1000 + '\\"[' * 10
    assert _raw(json.dumps({"text": brackets}).encode()).json() == {"text": brackets}
    assert _raw(b"[" * 64 + b"]" * 64).json() is not None
    wide = [[1]] * 1000
    assert _raw(json.dumps(wide).encode()).json() == wide


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary())
def test_nothing_else_is_raised_whatever_arrives(body: bytes) -> None:
    """JSON, or MalformedError."""
    with contextlib.suppress(errors.MalformedError):
        _raw(body).json()


def test_an_identical_redelivery_has_the_same_key() -> None:
    """Whenever it comes; one byte more is another raw."""
    assert _raw(b"{}").key == Raw(connection="b", kind="c", body=b"{}", received_at=EPOCH).key
    assert _raw(b"{}").key != _raw(b"{} ").key


# --- leaves -----------------------------------------------------------------------------------------------------------


def test_leaf_paths_expand_to_pointers() -> None:
    """By path, then position; a path that leads nowhere gives nothing."""
    body = {
        "entry": [
            {"changes": [{"value": {"messages": [1, 2], "statuses": [3]}}]},
            {"changes": [{"value": {"messages": []}}, {"value": None}, {"field": "x"}]},
        ]
    }
    messages, statuses = ("entry.*.changes.*.value.messages.*", "entry.*.changes.*.value.statuses.*")
    assert leaves(body, [messages, statuses]) == [
        "/entry/0/changes/0/value/messages/0",
        "/entry/0/changes/0/value/messages/1",
        "/entry/0/changes/0/value/statuses/0",
    ]
    assert leaves([{"a": 1}, 2], ["*.a"]) == ["/0/a"]
    assert leaves({"a": 1}, ["a", "b", "a.b", "a.*"]) == ["/a"]
    assert leaves(None, ["*", "a"]) == []


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given_time", [1767603600123, "1767603600123", 1767603600123.0])
def test_milliseconds_are_exact(given_time: float | str) -> None:
    """As a number or a text."""
    assert ParseContext.from_ms(given_time) == datetime(2026, 1, 5, 9, 0, 0, 123000, tzinfo=UTC)


@pytest.mark.parametrize("given_time", [1767603600, "1767603600", 1767603600.0, "1767603600.0"])
def test_seconds(given_time: float | str) -> None:
    """As a number or a text."""
    assert ParseContext.from_s(given_time) == datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "garbage", [None, "", "soon", "0x10", [], {}, "1" * 400, 10**400, float("nan"), float("inf"), "²", True]
)
def test_a_time_that_is_none_is_malformed(garbage: Any) -> None:
    """Whatever a vendor sends for it."""
    for read in (ParseContext.from_s, ParseContext.from_ms):
        with pytest.raises(errors.MalformedError) as caught:
            read(garbage)
        assert caught.value.__suppress_context__ is True or caught.value.__context__ is None


@pytest.mark.parametrize(
    "given_time",
    ["2026-01-05T09:00:00Z", "2026-01-05T10:00:00+01:00", "2026-01-05T09:00:00.000+0000", "20260105T090000Z"],
)
def test_iso_times(given_time: str) -> None:
    """Any zone, to UTC."""
    found = ParseContext.from_iso(given_time)
    assert found == datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "garbage", ["2026-01-05T09:00:00", "yesterday", "", None, 5, "2026-02-30T09:00:00Z", "0001-01-01T00:00:00+14:00"]
)
def test_an_iso_time_without_zone_is_malformed(garbage: Any) -> None:
    """Its zone would be a guess."""
    with pytest.raises(errors.MalformedError):
        ParseContext.from_iso(garbage)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_microseconds_round_trip(moment: datetime) -> None:
    """As the store keeps them, before 1970 too."""
    try:
        assert from_us(to_us(moment)) == utc(moment)
    except OverflowError:
        assert moment.year in (1, 9999)


def test_a_naive_time_is_refused() -> None:
    """Everywhere a record takes one."""
    with pytest.raises(ValueError, match="naive"):
        Raw(connection="a", kind="a", body=b"", received_at=datetime(2026, 1, 1))  # noqa: DTZ001 -- that is the point
