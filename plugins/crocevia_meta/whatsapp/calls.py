"""WhatsApp calls: one interaction a call, told when it ends, for only then its length is known."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from crocevia import Event, Ignored, InteractionCompleted, InteractionSeen
from crocevia_meta.envelope import Leaf
from crocevia_meta.node import (
    Node,
    UnreadableError,
    label,
    optional_id,
    optional_text,
    required_text,
    required_time,
)
from crocevia_meta.whatsapp.parties import Number


def called(leaf: Leaf, number: Number) -> Event:
    """One of `calls`: `connect` when it rings, `terminate` when it is over, answered or not.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/calling/reference (2026-05).
    """
    call: Node = leaf.node
    event = required_text(call, "event")
    if event == "connect":
        required_text(call, "id")
        return Ignored(reason="a call rings; it is told when it ends, with its length", leaf=leaf.pointer)
    if event != "terminate":
        raise UnreadableError(f"call event {label(event)}")
    by_us = optional_text(call, "direction") == "BUSINESS_INITIATED"
    side = "to" if by_us else "from"
    customer = number.customer(optional_id(call, side), optional_id(call, f"{side}_user_id"))
    us = number.party()
    duration = call.get("duration")
    seconds = duration if isinstance(duration, int) and 0 <= duration < 1_000_000 else 0
    failed = optional_text(call, "status") == "FAILED"
    return InteractionSeen(
        key=required_text(call, "id"),
        author=us if by_us else customer,
        recipients=(customer if by_us else us,),
        at=required_time(call, "start_time" if call.get("start_time") else "timestamp"),
        direction="outbound" if by_us else "inbound",
        kind="call",
        conversation=number.conversation(customer),
        duration=timedelta(seconds=seconds) if seconds else None,
        outcome=_outcome(answered=bool(seconds or call.get("start_time")), failed=failed, by_us=by_us),
        status="failed" if by_us and failed else None,
        leaf=leaf.pointer,
    )


def _outcome(*, answered: bool, failed: bool, by_us: bool) -> Literal["answered", "missed", "failed"]:
    """How it ended: only a call that was picked up has a start and a length.

    A customer's call that failed rang here, and nobody had it: for us it is one that was missed.
    """
    if answered:
        return "answered"
    return "failed" if failed and by_us else "missed"


def progressed(leaf: Leaf, of: str, status: str) -> Event:
    """One of `statuses` of type `call`: how a call of ours fares at the customer's."""
    if status == "REJECTED":
        at = required_time(leaf.node)
        return InteractionCompleted(key=f"{of}:rejected", of=of, at=at, outcome="rejected", leaf=leaf.pointer)
    if status in ("RINGING", "ACCEPTED"):
        return Ignored(reason="progress of a call, told whole when it ends", leaf=leaf.pointer)
    raise UnreadableError(f"call status {label(status)}")
