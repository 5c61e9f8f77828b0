"""ARI names no linked id: calls are put together by dialling, by bridges, and by the halves of Local channels."""

from collections.abc import Iterator
from typing import Any

import pytest

from crocevia_asterisk.ari_words import AriWords
from crocevia_asterisk.told import Told

CALLER, AGENT, SECOND, COLLEAGUE = "1795300000.1", "1795300000.2", "1795300010.3", "1795300010.4"


def channel(id_: str, name: str = "PJSIP/x-1", state: str = "Up") -> dict[str, Any]:
    """A channel, as ARI shows it."""
    return {"id": id_, "name": name, "state": state, "caller": {"number": "201"}, "dialplan": {"exten": "202"}}


def created(id_: str, **more: str) -> dict[str, Any]:
    """It begins."""
    return {"type": "ChannelCreated", "timestamp": "2026-11-21T20:26:40.500+0000", "channel": channel(id_, **more)}


def dial(caller: str, peer: str) -> dict[str, Any]:
    """One channel calls another."""
    return {"type": "Dial", "caller": channel(caller), "peer": channel(peer), "dialstatus": "", "dialstring": "202"}


def enters(id_: str, *others: str) -> dict[str, Any]:
    """A channel joins those that are in a bridge."""
    bridge = {"id": "b", "channels": [*others, id_]}
    return {"type": "ChannelEnteredBridge", "bridge": bridge, "channel": channel(id_)}


def told(*events: dict[str, Any]) -> Iterator[Told]:
    """What is told, oldest first."""
    words = AriWords()
    for event in events:
        yield from words.told(event, 7.0)


def test_who_is_dialled_is_of_the_callers_call() -> None:
    """From then on; a time that is told counts."""
    first, _, begin = told(created(CALLER), created(AGENT), dial(CALLER, AGENT))
    assert (first.at, first["Linkedid"]) == (1795292800.5, CALLER)
    assert (begin.name, begin.at, begin["DestUniqueid"], begin["DestLinkedid"]) == ("DialBegin", 7.0, AGENT, CALLER)


@pytest.mark.parametrize("swapped", [False, True])
def test_calls_that_meet_in_a_bridge_are_the_older_one(swapped: bool) -> None:  # noqa: FBT001 - pytest's
    """As the exchange itself does when a transfer joins two; everybody of the other one comes along."""
    consulted = [created(CALLER), dial(CALLER, AGENT), created(SECOND), dial(SECOND, COLLEAGUE)]
    meeting = enters(CALLER, COLLEAGUE) if swapped else enters(COLLEAGUE, CALLER)
    *_, moved, other, entered = told(*consulted, meeting)
    assert {(one["Uniqueid"], one["Linkedid"]) for one in (moved, other)} == {(SECOND, CALLER), (COLLEAGUE, CALLER)}
    assert (entered.name, entered["Linkedid"]) == ("BridgeEnter", CALLER)


def test_the_halves_of_a_local_channel_are_of_one_call() -> None:
    """Queues and originates make them."""
    one, other = told(created(CALLER, name="Local/201@q-0001;1"), created(AGENT, name="Local/201@q-0001;2"))
    assert (one["Linkedid"], other["Linkedid"]) == (CALLER, CALLER)


@pytest.mark.parametrize("odd", [None, 7, "x", [], {"id": 5}, {}])
def test_events_of_another_shape_tell_nothing_and_raise_nothing(odd: Any) -> None:
    """Whatever stands where a channel, bridge or recording is expected."""
    kinds = ("ChannelCreated", "Dial", "ChannelEnteredBridge", "RecordingFinished", "BridgeBlindTransfer", "Hologram")
    for kind in kinds:
        places = ("channel", "caller", "peer", "bridge", "recording", "timestamp")
        assert list(told({"type": kind, **dict.fromkeys(places, odd)})) == []
