"""Text messages as they come in: what a webhook or the API's list says of each, as events.

Source: https://www.twilio.com/docs/messaging/guides/webhook-request, .../guides/track-outbound-message-status,
.../tutorials/advanced-opt-out (2026-03).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from attrs import frozen

from crocevia import (
    Attachment,
    ConsentReported,
    Event,
    Ignored,
    InteractionSeen,
    Party,
    Raw,
    StatusReported,
    Unrecognised,
)
from crocevia_twilio import addresses, resources
from crocevia_twilio.account import handed_back
from crocevia_twilio.form import Fields, moment, number
from crocevia_twilio.refusals import reason

_STATUSES: dict[str, Literal["sending", "sent", "delivered", "read", "failed"]] = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending"), "sending"),
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    **dict.fromkeys(("undelivered", "failed", "canceled"), "failed"),
}
_WANTED = {"STOP": False, "START": True}
"""By `OptOutType`, with which Twilio marks a keyword of Advanced Opt-Out; words without the mark are the core's."""
_INBOUND = frozenset({"received", "receiving"})
_KINDS = {"image": "image", "audio": "audio", "video": "video"}
_CARDS = frozenset({"text/vcard", "text/x-vcard", "text/directory"})
MOST_MEDIA = 10
"""Files of one message. Source: https://www.twilio.com/docs/messaging/guides/accepted-mime-types (2026-03)."""


@frozen
class Leaf:
    """One statement of a raw."""

    pointer: str
    says: str
    fields: Fields


def leaves(raw: Raw) -> list[Leaf]:
    """Every statement of a raw: messages, what became of ours, and what customers want to be sent."""
    return [leaf for one in resources.found(raw) for leaf in _of(one)] or [Leaf("", "nothing", {})]


def _of(one: resources.Found) -> Iterator[Leaf]:
    said = one.fields
    if said is None:
        yield Leaf(one.pointer, "no object", {})
    elif "CallSid" in said and "MessageSid" not in said:
        yield Leaf(one.pointer, "a call", said)
    elif not _sid(said):
        yield Leaf(one.pointer, "no id", said)
    else:
        yield from _of_message(one.pointer, said)


def _of_message(pointer: str, said: Fields) -> Iterator[Leaf]:
    outbound = said.get("Direction", "").startswith("outbound")
    told = _status(said)
    if outbound:  # of the API's list
        yield Leaf(pointer, "a message", said)
        yield Leaf(f"{pointer}/status", "a status", said)
    elif told is not None and told not in _INBOUND:
        yield Leaf(pointer, "a status", said)
    else:
        yield Leaf(pointer, "a message", said)
        if said.get("OptOutType", "").upper() in _WANTED:
            yield Leaf(f"{pointer}/consent", "a consent", said)


def events(raw: Raw) -> Iterator[Event]:
    """One event, ignored or unrecognised for each statement."""
    for leaf in leaves(raw):
        match leaf.says:
            case "a message":
                yield _message(leaf, raw.received_at)
            case "a status":
                yield _reported(leaf, raw)
            case "a consent":
                yield _consent(leaf, raw.received_at)
            case "a call":
                yield Ignored(
                    reason="a call: give the number's voice webhook to a twilio_voice connection", leaf=leaf.pointer
                )
            case "nothing":
                yield Ignored(reason="an empty page", leaf=leaf.pointer)
            case what:
                yield Unrecognised(what=f"a message with {what}" if what == "no id" else what, leaf=leaf.pointer)


def _sid(said: Fields) -> str | None:
    return said.get("MessageSid") or said.get("SmsSid") or said.get("SmsMessageSid")


def _status(said: Fields) -> str | None:
    return said.get("MessageStatus") or said.get("SmsStatus")


def conversation(ours: str, theirs: str) -> str:
    """A thread: our address and the customer's, each with its road."""
    return f"{ours},{theirs}"


def _message(leaf: Leaf, received_at: datetime) -> Event:
    said = leaf.fields
    outbound = said.get("Direction", "").startswith("outbound")
    ours, theirs = (
        (said.get("From", ""), said.get("To", "")) if outbound else (said.get("To", ""), said.get("From", ""))
    )
    road, _ = addresses.split(theirs)
    if road not in addresses.ROADS:
        return Unrecognised(what=f"an address of the road {road[:20]!r}", leaf=leaf.pointer)
    customer = addresses.party(theirs, ours, said.get("ProfileName"))
    us = addresses.party(ours) if ours else Party()
    return InteractionSeen(
        key=_sid(said) or "",
        author=us if outbound else customer,
        recipients=(customer,) if outbound else (us,),
        direction="outbound" if outbound else "inbound",
        at=moment(said.get("DateSent")) or moment(said.get("DateCreated")) or received_at,
        conversation=conversation(ours, theirs),
        text=said.get("Body"),
        attachments=tuple(_attachments(said)),
        in_reply_to=said.get("OriginalRepliedMessageSid"),
        leaf=leaf.pointer,
    )


def _attachments(said: Fields) -> Iterator[Attachment]:
    told = number(said.get("NumMedia")) or 0
    named = 0
    for index in range(min(told, MOST_MEDIA)):
        url, mime_type = said.get(f"MediaUrl{index}"), said.get(f"MediaContentType{index}")
        if url:
            named += 1
            yield Attachment(kind=_kind(mime_type), key=url.rpartition("/")[2], url=url, mime_type=mime_type)
    if named < told:  # the API's list only counts them
        yield Attachment(kind="document", key=f"{_sid(said)}/Media", detail=f"files at Twilio: {told - named}")
    if "Latitude" in said and "Longitude" in said:
        place = said.get("Label") or said.get("Address")
        yield Attachment(kind="location", name=place, detail=f"{said['Latitude']},{said['Longitude']}")
    if "ReferralSourceId" in said:
        yield Attachment(kind="referral", key=said["ReferralSourceId"], url=said.get("ReferralSourceUrl"))


def _kind(mime_type: str | None) -> str:
    if mime_type in _CARDS:
        return "contact"
    return _KINDS.get((mime_type or "").partition("/")[0], "document")


def _reported(leaf: Leaf, raw: Raw) -> Event:
    said = leaf.fields
    status = _STATUSES.get(_status(said) or "")
    if status is None:
        return Unrecognised(what=f"a message's status {(_status(said) or 'that is missing')[:20]!r}", leaf=leaf.pointer)
    theirs = said.get("To")
    return StatusReported(
        of=_sid(said) or "",
        status=status,
        at=moment(said.get("Timestamp")) or raw.received_at,
        detail=_why(said) if status == "failed" else None,
        callback=handed_back(raw),
        recipient=addresses.party(theirs, said.get("From", "")) if theirs else None,
        leaf=leaf.pointer,
    )


def _why(said: Fields) -> str | None:
    known = reason(said.get("ErrorCode"), said.get("ErrorMessage"))
    return known or ("canceled before it was sent" if _status(said) == "canceled" else None)


def _consent(leaf: Leaf, received_at: datetime) -> ConsentReported:
    said = leaf.fields
    word = said["OptOutType"].upper()
    return ConsentReported(
        key=_sid(said) or "",
        party=addresses.party(said.get("From", ""), said.get("To", "")),
        at=moment(said.get("DateSent")) or received_at,
        granted=_WANTED[word],
        evidence=f"keyword {word}",
        leaf=leaf.pointer,
    )
