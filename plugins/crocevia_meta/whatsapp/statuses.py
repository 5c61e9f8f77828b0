"""How what we sent fares. Statuses come in any order, more than once, and before the answer to the send itself."""

from __future__ import annotations

from crocevia import Event, Ignored, InteractionRemoved, Party, StatusReported
from crocevia_meta.envelope import Leaf
from crocevia_meta.node import (
    Node,
    UnreadableError,
    label,
    optional_id,
    optional_nodes,
    optional_text,
    required_text,
    required_time,
)
from crocevia_meta.whatsapp import calls
from crocevia_meta.whatsapp.content import error_text
from crocevia_meta.whatsapp.parties import Number

_REPORTED = frozenset({"sent", "delivered", "read", "played", "failed"})


def reported(leaf: Leaf, number: Number) -> Event:
    """One of `statuses`.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status
    (2026-05): sent, delivered, read, played (voice), failed. `deleted` and `warning` are of the on-premises API.
    """
    status: Node = leaf.node
    about = optional_text(status, "type") or "message"
    name = required_text(status, "status")
    if about == "payment":
        return Ignored(reason="progress of a payment, told whole elsewhere", leaf=leaf.pointer)
    of = required_text(status, "id")
    if about == "call":
        return calls.progressed(leaf, of, name)
    at = required_time(status)
    if name == "deleted":
        return InteractionRemoved(key=f"{of}:deleted", of=of, at=at, leaf=leaf.pointer)
    if name == "warning":
        return Ignored(reason="a warning about a catalogue item, the message goes on", leaf=leaf.pointer)
    if name not in _REPORTED:
        raise UnreadableError(f"status {label(name)}")
    errors = optional_nodes(status, "errors")
    return StatusReported(
        of=of,
        status=name,  # type: ignore[arg-type]  # one of _REPORTED
        at=at,
        detail="; ".join(map(error_text, errors)) or None,
        callback=optional_text(status, "biz_opaque_callback_data") or None,
        recipient=_recipient(status, number),
        leaf=leaf.pointer,
    )


def _recipient(status: Node, number: Number) -> Party | None:
    """Who it is about; in a group, the one member. None where unsaid."""
    names = ("recipient_participant_id", "recipient_id", "recipient_user_id", "recipient_parent_user_id")
    if optional_text(status, "recipient_type") == "group":
        names = ("recipient_participant_id", "recipient_participant_user_id", "", "")
    addresses = [optional_id(status, name) for name in names]
    return number.customer(*addresses) if any(addresses) else None
