"""A real Asterisk that cannot be heard for a while, or dies: each call once, whatever happened to it meanwhile."""

from collections import Counter
from datetime import timedelta

import pytest

from crocevia import Event, InteractionCompleted, InteractionSeen
from crocevia.errors import RetryableError
from tests.peers.asterisk_office import Office
from tests.plugins.asterisk.listener import Listener

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("asterisk")]


def once(*found: Event) -> tuple[InteractionSeen, InteractionCompleted]:
    """The one call that was told, however often somebody began to listen."""
    seen = [event for event in found if isinstance(event, InteractionSeen)]
    completed = [event for event in found if isinstance(event, InteractionCompleted)]
    assert Counter(event.key for event in seen) == Counter(event.of for event in completed)
    assert len(seen) == 1
    return seen[0], completed[0]


@pytest.mark.parametrize("events", ["ami", "ari"])
def test_a_break_in_the_middle_of_a_call(asterisk_office: Office, events: str) -> None:
    """The call goes on, and ends when somebody listens again."""
    asterisk_office.wait_until(lambda: not asterisk_office.channels(""))
    connector = asterisk_office.connector(events=events)
    first = Listener(connector)
    first.ready()
    asterisk_office.call("+39051000001", ms=4000)
    began = first.events(1)
    asterisk_office.wait_until(lambda: asterisk_office.talking("201"))
    first.end()
    second = Listener(connector, first.pages[-1].cursor)
    _, completed = once(*began, *second.events(1))
    second.end()
    assert completed.outcome == "answered"
    assert completed.duration is not None
    assert abs(completed.duration - timedelta(seconds=4)) <= timedelta(seconds=1)


@pytest.mark.parametrize("cdr", [True, False])
def test_a_call_that_ends_in_a_break(asterisk_office: Office, cdr: bool) -> None:  # noqa: FBT001 - pytest's
    """The CDR file tells how long it was; without it, nobody says."""
    asterisk_office.wait_until(lambda: not asterisk_office.channels(""))
    connector = asterisk_office.connector() if cdr else asterisk_office.connector(cdr_csv="")
    first = Listener(connector)
    first.ready()
    asterisk_office.call("+39051000001", ms=2000)
    began = first.events(1)
    asterisk_office.wait_until(lambda: asterisk_office.talking("201"))
    first.end()
    asterisk_office.wait_until(lambda: not asterisk_office.channels(""))
    second = Listener(connector, first.pages[-1].cursor)
    _, completed = once(*began, *second.events(1))
    second.end()
    if cdr:
        assert (completed.outcome, completed.duration) in [("answered", timedelta(seconds=s)) for s in (1, 2, 3)]
    else:
        assert (completed.duration, "not known" in (completed.text or "")) == (None, True)


def test_calls_that_nobody_heard(asterisk_office: Office) -> None:
    """They began and ended in the break: the CDR file tells both, once each, also to who comes a third time."""
    asterisk_office.wait_until(lambda: not asterisk_office.channels(""))
    connector = asterisk_office.connector()
    first = Listener(connector)
    first.ready()
    first.end()
    for exten, how in (("+39051000001", "caller"), ("+39051000002", "refused")):
        asterisk_office.call(exten, how=how, ms=1000).wait(20)
    asterisk_office.wait_until(lambda: not asterisk_office.channels(""))
    second = Listener(connector, first.pages[-1].cursor)
    found = second.events(4)
    second.end()
    outcomes = [event.outcome for event in found if isinstance(event, InteractionCompleted)]
    assert outcomes == ["answered", "busy"]
    third = Listener(connector, second.pages[-1].cursor)
    third.ready()
    third.end()
    assert [page.body for page in third.pages if page.body] == []


def test_the_exchange_dies_and_comes_back(asterisk_office: Office) -> None:
    """What was up is closed, since it is up no more; what comes then is heard as ever."""
    asterisk_office.wait_until(lambda: not asterisk_office.channels(""))
    connector = asterisk_office.connector()
    first = Listener(connector)
    first.ready()
    asterisk_office.call("+39051000001", ms=60_000)
    began = first.events(1)
    asterisk_office.wait_until(lambda: asterisk_office.talking("201"))
    asterisk_office.kill()
    assert isinstance(first.broken(), RetryableError)
    asterisk_office.start()
    second = Listener(connector, first.pages[-1].cursor)
    seen, completed = once(*began, *second.events(1))
    assert (completed.of, completed.duration) == (seen.key, None)
    assert "not known" in (completed.text or "")
    asterisk_office.call("+39051000001", number="+393334445566", ms=1000)
    later = second.events(3)[1:]
    second.end()
    assert once(*later)[1].outcome == "answered"
