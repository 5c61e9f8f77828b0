"""Records of the model: what makes two of them the same, and what keeps them apart."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crocevia import (
    ConsentReported,
    ContactPoint,
    InteractionCompleted,
    InteractionRemoved,
    InteractionRevised,
    InteractionSeen,
    Party,
    PartyIdentified,
    RecordChanged,
    RecordDeleted,
    RecordMerged,
    StatusReported,
    errors,
)
from crocevia.model import EVENT_TYPES, Applicable, Status
from crocevia.model.status import advances

_AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_PHONE = ContactPoint("phone", "", "+393331234567")


# --- contact points ---------------------------------------------------------------------------------------------------


def test_a_contact_point_is_its_kind_scope_and_value() -> None:
    """Who showed it, where it is listed and how it was written make no other address of it."""
    same = ContactPoint("phone", "", "+393331234567", verified=False, slot="work", shown="333 1234567")
    assert same == _PHONE
    assert len({same, _PHONE}) == 1
    assert same.text == "333 1234567"
    assert _PHONE.text == "+393331234567"
    assert ContactPoint("whatsapp", "page 1", "39333") != ContactPoint("whatsapp", "page 2", "39333")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), st.text(), st.text())
def test_an_address_round_trips(kind: str, scope: str, value: str) -> None:
    """Whatever a vendor uses for names of scopes and users."""
    try:
        point = ContactPoint(kind, scope, value)
        assert ContactPoint.from_address(point.address) == point
    except UnicodeEncodeError:
        assert any("\ud800" <= letter <= "\udfff" for letter in scope)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.tuples(*[st.sampled_from(["a", "a|b", "|", ""])] * 4))
def test_two_contact_points_never_share_an_address(parts: tuple[str, str, str, str]) -> None:
    """The separator in a scope or a value tells nothing."""
    one, other = ContactPoint("k", *parts[:2]), ContactPoint("k", *parts[2:])
    assert (one.address == other.address) == (one == other)


def test_a_text_that_is_no_address_is_refused() -> None:
    """Not read as something else."""
    for text in ("", "phone", "phone|+39333"):
        with pytest.raises(ValueError, match=r".+"):
            ContactPoint.from_address(text)


# --- events -----------------------------------------------------------------------------------------------------------


def _one_of_each() -> list[Applicable]:
    author = Party([_PHONE], name="Ada")
    return [
        InteractionSeen(key="k", author=author, at=_AT),
        InteractionSeen(key="k", author=author, at=_AT, part="2"),
        InteractionRevised(key="k", of="o", at=_AT),
        InteractionRemoved(key="k", of="o", at=_AT),
        InteractionCompleted(key="k", of="o", at=_AT),
        ConsentReported(key="k", party=author, at=_AT, granted=False),
        PartyIdentified(key="k", party=author, at=_AT),
        StatusReported(of="k", status="delivered", at=_AT),
        StatusReported(of="k", status="read", at=_AT),
        RecordChanged(object="Contact", id="k", values={}, at=_AT, version="1"),
        RecordChanged(object="Contact", id="k", values={}, at=_AT, version="2"),
        RecordChanged(object="Account", id="k", values={}, at=_AT, version="1"),
        RecordDeleted(object="Contact", id="k", at=_AT),
        RecordMerged(object="Contact", id="k", into="m", at=_AT),
    ]


def test_dedupe_keys_tell_events_apart() -> None:
    """Each sort, part, status and version has its own; all types but the two that apply nothing have one."""
    events = _one_of_each()
    assert len({event.dedupe_key for event in events}) == len(events)
    assert {event.tag for event in events} == set(EVENT_TYPES) - {"ignored", "unrecognised"}


def test_the_same_event_again_has_the_same_key() -> None:
    """From another leaf of another raw."""
    for event in _one_of_each():
        assert evolve(event, leaf="/elsewhere/7").dedupe_key == event.dedupe_key


def test_a_deletion_after_an_undelete_is_another_one() -> None:
    """The same record can be deleted twice."""
    first = RecordDeleted(object="Contact", id="k", at=_AT)
    assert evolve(first, at=_AT + timedelta(days=1)).dedupe_key != first.dedupe_key


def test_times_of_events_are_in_utc() -> None:
    """Whatever zone the vendor writes; a naive one is refused."""
    rome = datetime(2026, 1, 5, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    event = InteractionSeen(key="k", author=Party(), at=rome)
    assert (event.at, event.at.tzinfo) == (_AT, UTC)
    with pytest.raises(ValueError, match="naive"):
        InteractionSeen(key="k", author=Party(), at=datetime(2026, 1, 5))  # noqa: DTZ001 -- that is the point


def test_the_customer_is_the_party_that_is_not_us() -> None:
    """The author of what comes in, the first recipient of what goes out."""
    ada, shop = Party([_PHONE]), Party(name="Shop")
    assert InteractionSeen(key="k", author=ada, recipients=[shop], at=_AT).customer == ada
    assert InteractionSeen(key="k", author=shop, recipients=[ada], at=_AT, direction="outbound").customer == ada
    assert InteractionSeen(key="k", author=shop, at=_AT, direction="outbound").customer == Party()


def test_records_do_not_change() -> None:
    """A list given for a tuple is a tuple afterwards."""
    party = Party([_PHONE])
    assert party.points == (_PHONE,)
    with pytest.raises(FrozenInstanceError):
        party.name = "Bob"  # type: ignore[misc]  # that it cannot be is the test


# --- statuses ---------------------------------------------------------------------------------------------------------


def test_a_later_report_never_takes_an_interaction_back() -> None:
    """In whatever order they arrive."""
    order: tuple[Status, ...] = ("to send", "sending", "sent", "delivered", "read", "played")
    for index, status in enumerate(order):
        assert [advances(later, status) for later in order[index:]] == [False] + [True] * (len(order) - index - 1)
        assert not any(advances(earlier, status) for earlier in order[:index])
    assert all(advances(status, None) for status in order)


def test_failed_is_final_unless_it_was_delivered_all_the_same() -> None:
    """A device that was off for a day."""
    assert advances("failed", "sent")
    assert not advances("sent", "failed")
    assert advances("delivered", "failed")
    assert not advances("failed", "delivered")
    assert not advances("failed", "failed")


# --- errors -----------------------------------------------------------------------------------------------------------


def test_errors_carry_their_facts() -> None:
    """As attributes, with the decision as the class."""
    assert issubclass(errors.ThrottledError, errors.RetryableError)
    throttled = errors.ThrottledError(
        "acme: slow down", after=timedelta(seconds=3), scope="send", code="E1", status=429
    )
    assert (throttled.after, throttled.scope, throttled.code, throttled.status) == (
        timedelta(seconds=3),
        "send",
        "E1",
        429,
    )
    assert errors.GoneError("x", survivor="7").survivor == "7"
    assert errors.DuplicateError("x", candidates=["1", "2"]).candidates == ("1", "2")
    assert errors.SchemaDriftError("x", fields=["a"]).fields == ("a",)
    problems = errors.ConfigError("a: expected b, got c", "d: expected e, got f")
    assert problems.problems == ("a: expected b, got c", "d: expected e, got f")
    assert str(problems) == "a: expected b, got c\nd: expected e, got f"
