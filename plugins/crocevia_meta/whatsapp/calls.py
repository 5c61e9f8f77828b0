"""WhatsApp calls: one interaction a call, told when it ends, for only then its length is known."""

from __future__ import annotations

from datetime import timedelta

from crocevia import Event, Ignored, InteractionSeen
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
    outcome = optional_text(call, "status")
    return InteractionSeen(
        key=required_text(call, "id"),
        author=us if by_us else customer,
        recipients=(customer if by_us else us,),
        at=required_time(call, "start_time" if call.get("start_time") else "timestamp"),
        direction="outbound" if by_us else "inbound",
        kind="call",
        conversation=number.conversation(customer),
        subject=outcome.lower() if outcome else None,
        duration=timedelta(seconds=seconds) if seconds else None,
        status="failed" if by_us and outcome == "FAILED" else None,
        leaf=leaf.pointer,
    )
