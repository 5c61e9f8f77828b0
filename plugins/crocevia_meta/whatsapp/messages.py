"""Messages, in and out: seen, revised, removed; and the notices that come in the same list."""

from __future__ import annotations

from crocevia import FORMER, Event, InteractionRemoved, InteractionRevised, InteractionSeen, Party
from crocevia_meta.envelope import Leaf
from crocevia_meta.node import (
    Node,
    UnreadableError,
    optional_id,
    optional_node,
    optional_text,
    required_node,
    required_text,
    required_time,
)
from crocevia_meta.whatsapp import content
from crocevia_meta.whatsapp.parties import Number, point

_HISTORY_STATUS = {"sent": "sent", "delivered": "delivered", "read": "read", "played": "played", "error": "failed"}


def received(leaf: Leaf, number: Number) -> Event:
    """One of `messages`: from a customer to us; in a change of `history`, the file of one told before."""
    message: Node = leaf.node
    customer = number.customer(_sender(message), optional_id(message, "from_user_id"))
    if optional_text(leaf.around.get("changes", {}), "field") == "history":
        return _late_media(message, leaf)
    change = _change(message, leaf, customer)
    if change is not None:
        return change
    return _seen(message, leaf, number, customer)


def echoed(leaf: Leaf, number: Number) -> Event:
    """One of `message_echoes`: sent by a person of ours from the WhatsApp Business app."""
    message: Node = leaf.node
    change = _change(message, leaf, None)
    if change is not None:
        return change
    customer = number.customer(
        optional_id(message, "to"), optional_id(message, "to_user_id"), optional_id(message, "to_parent_user_id")
    )
    return _sent(message, leaf, number, customer, status="sent")


def remembered(leaf: Leaf, number: Number) -> Event:
    """One of a thread's messages in `history`: either way, with the status it had come to."""
    message, thread = leaf.node, leaf.around["threads"]
    thread_context = optional_node(thread, "context")
    customer = number.customer(
        optional_id(thread, "id"), optional_id(thread_context, "wa_id"), optional_id(thread_context, "user_id")
    )
    change = _change(message, leaf, None)
    if change is not None:
        return change
    sender = (_sender(message) or "").removeprefix("+")
    if sender != number.phone and not message.get("to"):
        return _seen(message, leaf, number, customer)
    status = optional_text(optional_node(message, "history_context"), "status") or ""
    return _sent(message, leaf, number, customer, status=_HISTORY_STATUS.get(status.lower()))


def _seen(message: Node, leaf: Leaf, number: Number, customer: Party) -> InteractionSeen:
    errors_beside = bool(leaf.around.get("value", {}).get("errors"))
    said = content.read(message, errors_beside=errors_beside)
    if message["type"] == "system":
        customer = _moved(message, customer)
    group = optional_id(message, "group_id")
    return InteractionSeen(
        key=required_text(message, "id"),
        author=customer,
        at=required_time(message),
        kind=said.kind,
        conversation=number.conversation(customer, group),
        text=said.text,
        attachments=said.attachments,
        in_reply_to=_answered(message),
        public=group is not None,
        leaf=leaf.pointer,
    )


def _sent(message: Node, leaf: Leaf, number: Number, customer: Party, *, status: str | None) -> InteractionSeen:
    said = content.read(message)
    return InteractionSeen(
        key=required_text(message, "id"),
        author=number.party(),
        recipients=(customer,),
        at=required_time(message),
        direction="outbound",
        kind=said.kind,
        conversation=number.conversation(customer),
        text=said.text,
        attachments=said.attachments,
        in_reply_to=_answered(message),
        status=status,  # type: ignore[arg-type]  # one of the values of _HISTORY_STATUS, or "sent"
        leaf=leaf.pointer,
    )


def _change(message: Node, leaf: Leaf, author: Party | None) -> InteractionRevised | InteractionRemoved | None:
    """An edit or a deletion of an earlier message; None for a message of its own.

    Source: .../whatsapp/webhooks/reference/messages/{edit,revoke} (2026-07): only numbers that the WhatsApp Business
    app shares are told; within 15 minutes and two days of sending.
    """
    type_ = message.get("type")
    if type_ not in ("edit", "revoke"):
        return None
    change = required_node(message, type_)
    key, of, at = required_text(message, "id"), required_text(change, "original_message_id"), required_time(message)
    if type_ == "revoke":
        return InteractionRemoved(key=key, of=of, at=at, author=author, leaf=leaf.pointer)
    said = content.read(required_node(change, "message"))
    return InteractionRevised(
        key=key, of=of, at=at, text=said.text, attachments=said.attachments or None, author=author, leaf=leaf.pointer
    )


def _late_media(message: Node, leaf: Leaf) -> InteractionRevised:
    """The media id of a message whose place the history held; it has the message's own id, so it revises it."""
    key = required_text(message, "id")
    said = content.read(message)
    return InteractionRevised(
        key=f"{key}:media",
        of=key,
        at=required_time(message),
        text=said.text,
        attachments=said.attachments,
        leaf=leaf.pointer,
    )


def _moved(message: Node, customer: Party) -> Party:
    """A customer who changed number or user id: one party with the new addresses, then those they have replaced.

    Source: .../whatsapp/webhooks/reference/messages/system (2026-08-11): `wa_id` and `user_id` are the new ones,
    `from` and `previous_user_id` the old; a change of number changes the user id too. `new_wa_id` and `customer` are
    the names of before v12.
    """
    system = optional_node(message, "system")
    new = [optional_id(system, name) for name in ("wa_id", "new_wa_id", "user_id", "parent_user_id")]
    old = [optional_id(system, name) for name in ("customer", "previous_user_id", "previous_parent_user_id")]
    fresh = [point(address) for address in new if address]
    stale = [point(address, slot=FORMER) for address in old if address]
    if not any(known.kind == "phone" for known in fresh):
        return Party(dict.fromkeys((*fresh, *stale, *customer.points)), name=customer.name)
    before = [point(known.value, slot=FORMER) for known in customer.points]
    return Party(dict.fromkeys((*fresh, *before, *stale)), name=customer.name)


def _answered(message: Node) -> str | None:
    """The key of the message that this one answers or reacts to."""
    target = optional_id(optional_node(message, "reaction"), "message_id")
    return target or optional_id(optional_node(message, "context"), "id")


def _sender(message: Node) -> str | None:
    sender = message.get("from")
    if sender is not None and not isinstance(sender, str):
        raise UnreadableError("'from' is not a text")
    return sender or None
