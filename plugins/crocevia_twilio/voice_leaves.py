"""What the raws of calls tell of: calls, their ends and legs, recordings, transcripts."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from crocevia import Raw
from crocevia_twilio import resources
from crocevia_twilio.account import handed_back
from crocevia_twilio.form import Fields

UNDER_WAY = frozenset({"queued", "initiated", "ringing", "in-progress"})
LIVE_LINE = "a line of a live transcript"


@frozen
class Leaf:
    """One statement of a raw."""

    pointer: str
    says: str
    fields: Fields


def leaves(raw: Raw) -> list[Leaf]:
    """Every statement of a raw: calls, how they and their legs ended, recordings, transcripts."""
    ours = handed_back(raw) is not None
    return [leaf for one in resources.found(raw) for leaf in _of(one, ours=ours)] or [Leaf("", "nothing", {})]


def _of(one: resources.Found, *, ours: bool) -> Iterator[Leaf]:
    said, pointer = one.fields, one.pointer
    if said is None:
        yield Leaf(pointer, "no object", {})
    elif "CallSid" not in said:
        yield Leaf(pointer, "a message" if "MessageSid" in said or "SmsSid" in said else "no id", said)
    elif "TranscriptionSid" in said:
        yield Leaf(pointer, LIVE_LINE if "TranscriptionEvent" in said else "a transcript", said)
    elif "CallStatus" not in said:
        yield Leaf(pointer, "a recording" if "RecordingSid" in said else "something else", said)
    elif "ParentCallSid" in said:
        yield Leaf(pointer, "a leg", said)
    else:
        yield from _of_call(pointer, said, ours=ours)


def _of_call(pointer: str, said: Fields, *, ours: bool) -> Iterator[Leaf]:
    yield Leaf(pointer, "a call of ours" if ours else "a call", said)
    if said["CallStatus"] not in UNDER_WAY:
        yield Leaf(f"{pointer}/status", "an end", said)
    if "DialCallStatus" in said:
        yield Leaf(f"{pointer}/dial", "a leg that was dialled", said)
    if "QueueResult" in said:
        yield Leaf(f"{pointer}/queue", "a queue", said)
    if "RecordingUrl" in said:
        yield Leaf(f"{pointer}/recording", "a recording", said)
