"""Updates of a conversation: messages and what becomes of them, choices, reactions, receipts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from attrs import evolve

from crocevia import (
    Attachment,
    Event,
    Ignored,
    InteractionRemoved,
    InteractionRevised,
    InteractionSeen,
    StatusReported,
)
from crocevia_meta.account import Account, marked
from crocevia_meta.envelope import Leaf
from crocevia_meta.messaging import notices, said
from crocevia_meta.messaging.update import Update
from crocevia_meta.node import (
    Node,
    UnreadableError,
    label,
    optional_id,
    optional_node,
    optional_text,
    required_node,
    required_text,
)

OWN_KEYS = ("postback:", "reaction:", "referral:", "optin:", "payment:")
"""How the keys begin that are ours, of updates that have no id."""


def read(leaf: Leaf, account: Account, received_at: datetime) -> Event:
    """One update, or one message of a delivery receipt.

    Raises:
        UnreadableError: it is of no known kind, or what it needs is missing.
        MalformedError: its time is none.
    """
    if isinstance(leaf.node, str):
        enclosing = leaf.around["messaging" if "messaging" in leaf.around else "standby"]
        return _delivered(Update(enclosing, account, leaf, received_at), leaf.node)
    update = Update(leaf.node, account, leaf, received_at)
    for name, reader in _READERS.items():
        if leaf.node.get(name) is not None:
            return evolve(reader(update), leaf=leaf.pointer)
    for name, reason in notices.IGNORED.items():
        if name in leaf.node:
            return Ignored(reason=reason, leaf=leaf.pointer)
    raise UnreadableError("an update of no known kind")


def seen(update: Update, key: str, **more: object) -> InteractionSeen:
    """A touch of the conversation, either way."""
    return InteractionSeen(
        key=key,
        author=update.us if update.by_us else update.customer,
        recipients=(update.customer,) if update.by_us else (),
        at=update.at,
        direction="outbound" if update.by_us else "inbound",
        conversation=update.conversation,
        status="sent" if update.by_us else None,
        **more,  # type: ignore[arg-type]  # named as in InteractionSeen by the callers below
    )


def _message(update: Update) -> Event:
    """A message; an echo of one that the account sent; or that its author took it back.

    Source: .../webhooks/webhook-events/message-echoes (2026-03-18): `metadata` is what the sending app gave.
    """
    message = required_node(update.node, "message")
    mid = required_text(message, "mid")
    if message.get("is_deleted") is True:
        return InteractionRemoved(key=f"{mid}:deleted", of=mid, at=update.at, author=update.customer)
    sent_by = marked(optional_text(message, "metadata")) if update.by_us else None
    if sent_by is not None:
        return _echo(update, mid, *sent_by)
    return seen(
        update,
        mid,
        text=optional_text(message, "text"),
        attachments=said.attachments(message, mid),
        in_reply_to=optional_id(optional_node(message, "reply_to"), "mid"),
    )


def _echo(update: Update, mid: str, connection: str, id_: str) -> Event:
    """What Crocevia itself sent: it is known, and now surely sent."""
    if connection != update.account.connection:
        return Ignored(reason=f"sent by the connection {label(connection)}, which keeps it")
    return StatusReported(of=mid, status="sent", at=update.at, callback=id_, recipient=update.customer)


def _postback(update: Update) -> Event:
    """A button was pressed: of a card, the menu, "Get started"."""
    postback = required_node(update.node, "postback")
    payload = optional_text(postback, "payload")
    return seen(
        update,
        optional_text(postback, "mid") or f"postback:{update.other.value}:{update.ms}",
        text=optional_text(postback, "title") or None,
        attachments=(
            *((Attachment(kind="choice", detail=payload),) if payload else ()),
            *said.referral(optional_node(postback, "referral")),
        ),
    )


def _reaction(update: Update) -> Event:
    """An emoji on a message; `""` when it was taken back, which tells the message and not the reaction."""
    reaction = required_node(update.node, "reaction")
    mid, action = required_text(reaction, "mid"), required_text(reaction, "action")
    if action not in ("react", "unreact"):
        raise UnreadableError(f"reaction {label(action)}")
    emoji = optional_text(reaction, "emoji") or optional_text(reaction, "reaction")
    return seen(
        update,
        f"reaction:{mid}:{update.other.value}:{update.ms}:{action}",
        kind="reaction",
        text=(emoji or "") if action == "react" else "",
        in_reply_to=mid,
    )


def _edit(update: Update) -> Event:
    edit = required_node(update.node, "message_edit")
    mid = required_text(edit, "mid")
    number = optional_id(edit, "num_edit") or update.ms
    return InteractionRevised(
        key=f"{mid}:edit:{number}", of=mid, at=update.at, text=optional_text(edit, "text"), author=update.customer
    )


def _read(update: Update) -> Event:
    """Instagram names the message; Messenger the time up to which all were read, and no message."""
    receipt: Node = required_node(update.node, "read")
    if mid := optional_text(receipt, "mid"):
        return StatusReported(of=mid, status="read", at=update.at, recipient=update.customer)
    if optional_id(receipt, "watermark") is None:
        raise UnreadableError("a read receipt with neither 'mid' nor 'watermark'")
    return Ignored(reason="read up to a time: which messages is not said")


def _delivery(update: Update) -> Event:
    """A delivery receipt that names no message."""
    if optional_id(required_node(update.node, "delivery"), "watermark") is None:
        raise UnreadableError("a delivery receipt with neither 'mids' nor 'watermark'")
    return Ignored(reason="delivered up to a time: which messages is not said")


def _delivered(update: Update, mid: str) -> Event:
    """One message of a delivery receipt."""
    if not mid:
        raise UnreadableError("a delivery receipt of no message")
    told = update.at
    return StatusReported(of=mid, status="delivered", at=told, recipient=update.customer, leaf=update.leaf.pointer)


_READERS: dict[str, Callable[[Update], Event]] = {
    "message": _message,
    "postback": _postback,
    "reaction": _reaction,
    "message_edit": _edit,
    "read": _read,
    "delivery": _delivery,
    "optin": notices.opted,
    "referral": notices.referred,
    "payment": notices.paid,
}
