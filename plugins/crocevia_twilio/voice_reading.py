"""Calls as they come in: what a webhook or the API's lists say of each, as events.

A call is one interaction under the id of its first leg; what is told of it later, and of the legs that it was put
through to, completes it. Each webhook of a call tells that there is one, so that they may come in any order and any of
them may be missing.
Source: https://www.twilio.com/docs/voice/twiml#request-parameters, .../voice/api/call-resource#statuscallback,
.../voice/twiml/dial#action, .../voice/twiml/record, .../voice/twiml/enqueue#action (2026-03).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from attrs import frozen

from crocevia import (
    Event,
    Ignored,
    InteractionCompleted,
    InteractionSeen,
    Party,
    Raw,
    StatusReported,
    Unrecognised,
)
from crocevia_twilio import addresses
from crocevia_twilio.account import handed_back
from crocevia_twilio.form import Fields, moment, number
from crocevia_twilio.recordings import recording, transcript
from crocevia_twilio.voice_leaves import LIVE_LINE, UNDER_WAY, Leaf, leaves

CallOutcome = Literal["answered", "missed", "busy", "cancelled", "failed", "voicemail"]
OUTCOMES: dict[str, CallOutcome] = {
    **dict.fromkeys(("completed", "answered"), "answered"),
    "busy": "busy",
    "no-answer": "missed",
    "canceled": "cancelled",
    "failed": "failed",
}
"""By `CallStatus` or `DialCallStatus` at the end of a leg."""
_QUEUED: dict[str, CallOutcome] = {
    **dict.fromkeys(("bridged", "bridging-in-process"), "answered"),
    **dict.fromkeys(("hangup", "leave"), "cancelled"),
    **dict.fromkeys(("queue-full", "error", "system-error", "redirected", "redirected-from-bridged"), "missed"),
}
_OUTBOUND = ("outbound", "trunking-terminating")


@frozen(kw_only=True)
class Routing:
    """How a connection answers, as far as it tells what the end of a call means.

    Attributes:
        put_through: Whether a call goes on to somebody, or to a voicemail: that it was taken says nothing then.
        together: Whether several telephones ring at once: that one of them was not answered says nothing then.
        telephones: Those of ours that ring first where we call a customer.
    """

    put_through: bool = False
    together: bool = False
    telephones: frozenset[str] = frozenset()


def events(raw: Raw, routing: Routing) -> Iterator[Event]:
    """One event, ignored or unrecognised for each statement."""
    for leaf in leaves(raw):
        match leaf.says:
            case "a call" | "an end" if _rings_first(leaf, routing) and handed_back(raw) is None:
                yield Ignored(reason="a telephone of ours that rings first; its leg tells", leaf=leaf.pointer)
            case "a call":
                yield _call(leaf, raw.received_at)
            case "a call of ours":
                yield _own(leaf, raw)
            case "an end":
                yield _end(leaf, raw.received_at, routing, ours=handed_back(raw) is not None)
            case "a leg":
                yield _leg(leaf, raw.received_at, together=routing.together and handed_back(raw) is None)
            case "a leg that was dialled":
                yield _dialled(leaf, raw.received_at)
            case "a queue":
                yield _queued(leaf, raw.received_at)
            case "a recording":
                yield recording(leaf, raw.received_at)
            case "a transcript":
                yield transcript(leaf, raw.received_at)
            case _:
                yield _other(leaf)


def _other(leaf: Leaf) -> Event:
    if leaf.says == "a message":
        return Ignored(
            reason="a message: give the number's messaging webhook to a twilio_sms connection", leaf=leaf.pointer
        )
    if leaf.says == "nothing":
        return Ignored(reason="an empty page", leaf=leaf.pointer)
    if leaf.says == LIVE_LINE:
        return Ignored(reason=f"{LIVE_LINE}; the whole one comes at the end", leaf=leaf.pointer)
    if "ConferenceSid" in leaf.fields:
        return Ignored(reason="what happens within a conference", leaf=leaf.pointer)
    return Unrecognised(what=f"about a call: {leaf.says}", leaf=leaf.pointer)


def _is_outbound(said: Fields) -> bool:
    return said.get("Direction", "inbound").startswith(_OUTBOUND)


def _call(leaf: Leaf, received_at: datetime) -> Event:
    said = leaf.fields
    outbound = _is_outbound(said)
    ours, theirs = (
        (said.get("From", ""), said.get("To", "")) if outbound else (said.get("To", ""), said.get("From", ""))
    )
    road, _ = addresses.split(theirs)
    if road not in addresses.ROADS:
        return Unrecognised(what=f"an address of the road {road[:20]!r}", leaf=leaf.pointer)
    customer = addresses.party(theirs, name=said.get("CallerName"))
    us = addresses.party(ours) if ours else Party()
    return InteractionSeen(
        key=said["CallSid"],
        author=us if outbound else customer,
        recipients=(customer,) if outbound else (us,),
        direction="outbound" if outbound else "inbound",
        kind="call",
        at=_started(said, received_at),
        leaf=leaf.pointer,
    )


def _rings_first(leaf: Leaf, routing: Routing) -> bool:
    return _is_outbound(leaf.fields) and leaf.fields.get("To") in routing.telephones


def _own(leaf: Leaf, raw: Raw) -> Event:
    """A call that we have asked for: the interaction is there already, and now it has its key."""
    said = leaf.fields
    failed = OUTCOMES.get(said["CallStatus"], "answered") != "answered"
    return StatusReported(
        of=said["CallSid"],
        status="failed" if failed else "sent",
        at=_at(said, raw.received_at),
        detail="nobody took the telephone that was to call" if failed else None,
        callback=handed_back(raw),
        leaf=leaf.pointer,
    )


def _started(said: Fields, received_at: datetime) -> datetime:
    """When the call began, as well as one webhook or object of it tells."""
    told = moment(said.get("StartTime")) or moment(said.get("DateCreated"))
    if told is not None:
        return told
    return _at(said, received_at) - timedelta(seconds=number(said.get("CallDuration")) or 0)


def _at(said: Fields, received_at: datetime) -> datetime:
    return moment(said.get("Timestamp")) or received_at


def _seconds(text: str | None) -> timedelta | None:
    found = number(text)
    return None if found is None else timedelta(seconds=found)


def _end(leaf: Leaf, received_at: datetime, routing: Routing, *, ours: bool) -> Event:
    """How a call ended.

    One that is put through counts as taken as soon as Twilio takes it. It is missed, said at its beginning, so that
    whatever its legs and its voicemail say of it stands instead.
    """
    said = leaf.fields
    outcome = OUTCOMES.get(said["CallStatus"])
    if outcome is None:
        return Unrecognised(what=f"a call's status {said['CallStatus'][:20]!r}", leaf=leaf.pointer)
    at, duration = _at(said, received_at), _seconds(said.get("CallDuration")) if outcome == "answered" else None
    if outcome == "answered" and (ours or (routing.put_through and not _is_outbound(said))):
        outcome, at, duration = "missed", _started(said, received_at), None
    elif ours:  # the customer's telephone never rang
        outcome = "failed"
    elif outcome == "answered" and said.get("AnsweredBy", "").startswith(("machine", "fax")):
        outcome = "voicemail"
    key = f"{said['CallSid']}:{said['CallStatus']}"
    return InteractionCompleted(
        of=said["CallSid"], key=key, at=at, outcome=outcome, duration=duration, leaf=leaf.pointer
    )


def _leg(leaf: Leaf, received_at: datetime, *, together: bool) -> Event:
    """What becomes of a telephone that rings for a call."""
    said = leaf.fields
    status = said["CallStatus"]
    if status in UNDER_WAY:
        return Ignored(reason="a leg of a call, under way", leaf=leaf.pointer)
    outcome = OUTCOMES.get(status)
    if outcome is None:
        return Unrecognised(what=f"a call's status {status[:20]!r}", leaf=leaf.pointer)
    if outcome != "answered" and together:
        return Ignored(reason="one of several telephones that rang was not answered", leaf=leaf.pointer)
    return _leg_ended(leaf, said["ParentCallSid"], said["CallSid"], outcome, said.get("CallDuration"), received_at)


def _dialled(leaf: Leaf, received_at: datetime) -> Event:
    """The same, told to the call that was put through, by the `action` of its `<Dial>`."""
    said = leaf.fields
    outcome = OUTCOMES.get(said["DialCallStatus"])
    if outcome is None:
        return Unrecognised(what=f"a dialled call's status {said['DialCallStatus'][:20]!r}", leaf=leaf.pointer)
    leg = said.get("DialCallSid") or said["DialCallStatus"]
    return _leg_ended(leaf, said["CallSid"], leg, outcome, said.get("DialCallDuration"), received_at)


def _leg_ended(
    leaf: Leaf, call: str, leg: str, outcome: CallOutcome, duration: str | None, received_at: datetime
) -> InteractionCompleted:
    return InteractionCompleted(
        of=call,
        key=f"{call}:leg:{leg}",
        at=_at(leaf.fields, received_at),
        outcome=outcome,
        duration=_seconds(duration) if outcome == "answered" else None,
        leaf=leaf.pointer,
    )


def _queued(leaf: Leaf, received_at: datetime) -> Event:
    said = leaf.fields
    outcome = _QUEUED.get(said["QueueResult"])
    if outcome is None:
        return Unrecognised(what=f"a queue's result {said['QueueResult'][:20]!r}", leaf=leaf.pointer)
    call = said["CallSid"]
    key = f"{call}:queue:{said.get('QueueSid', '')}"
    return InteractionCompleted(of=call, key=key, at=_at(said, received_at), outcome=outcome, leaf=leaf.pointer)
