"""What is told in a conversation besides messages: where somebody came from, what they want to be sent, who answers."""

from __future__ import annotations

from crocevia import Attachment, ConsentReported, ContactPoint, Event, InteractionSeen, Party
from crocevia_meta.messaging import said
from crocevia_meta.messaging.update import Update
from crocevia_meta.node import UnreadableError, label, optional_id, optional_node, optional_text, required_node

_THREAD = "which app answers in this thread, not a touch"
IGNORED = {
    "pass_thread_control": _THREAD,
    "take_thread_control": _THREAD,
    "request_thread_control": _THREAD,
    "app_roles": _THREAD,
    "account_linking": "a login on the linked website, which knows what the code stands for",
    "policy-enforcement": "Meta's word to the app about its policies: see the App dashboard",
    "policy_enforcement": "Meta's word to the app about its policies: see the App dashboard",
    "game_play": "a game, not a touch",
    "pre_checkout": "a step of a checkout, not a touch",
    "checkout_update": "a step of a checkout, not a touch",
    "message_context": "which advertisement a message follows, which the message tells itself",
}
"""Kinds of update, by why there is nothing to do.

Source: https://developers.facebook.com/documentation/business-messaging/messenger-platform/webhooks/webhook-events
(2024-06-26).
"""
_STOP, _RESUME = "STOP_NOTIFICATIONS", "RESUME_NOTIFICATIONS"


def _notice(update: Update, name: str, **more: object) -> InteractionSeen:
    return InteractionSeen(
        key=f"{name}:{update.other.value}:{update.ms}",
        author=more.pop("author", update.customer),  # type: ignore[arg-type]  # a Party where one is given
        at=update.at,
        kind="notice",
        conversation=update.conversation,
        **more,  # type: ignore[arg-type]  # named as in InteractionSeen by the callers below
    )


def referred(update: Update) -> Event:
    """A customer came again, by an m.me link, an advertisement or a code, into a conversation that was there."""
    return _notice(update, "referral", attachments=said.referral(required_node(update.node, "referral")))


def opted(update: Update) -> Event:
    """A plugin was used, or marketing messages were allowed, stopped or resumed.

    Source: .../webhook-events/messaging_optins (2026-03): `notification_messages` with `notification_messages_status`.
    """
    optin = required_node(update.node, "optin")
    type_ = optional_text(optin, "type") or ""
    if type_ in ("notification_messages", "one_time_notif_req"):
        status = optional_text(optin, "notification_messages_status") or _RESUME
        if status not in (_STOP, _RESUME):
            raise UnreadableError(f"opt-in status {label(status)}")
        return ConsentReported(
            key=f"optin:{update.other.value}:{update.ms}",
            party=update.customer,
            at=update.at,
            granted=status == _RESUME,
            purpose="marketing",
            evidence=f"{type_} {status}",
        )
    if type_:
        raise UnreadableError(f"opt-in {label(type_)}")
    reference = optional_id(optin, "user_ref")
    known = (update.other, update.guest(reference)) if reference else (update.other,)
    plugin = Attachment(kind="referral", key=optional_id(optin, "ref"), detail="plugin")
    return _notice(update, "optin", author=Party(dict.fromkeys(known)), attachments=(plugin,))


def paid(update: Update) -> Event:
    """Something was bought in the conversation; what the customer typed there is not proven."""
    payment = required_node(update.node, "payment")
    amount, asked = optional_node(payment, "amount"), optional_node(payment, "requested_user_info")
    typed = [
        ContactPoint(kind, "", value, verified=False)
        for kind, name in (("email", "contact_email"), ("phone", "contact_phone"))
        if (value := optional_text(asked, name))
    ]
    price = f"{amount.get('amount')} {optional_text(amount, 'currency') or ''}".strip() if amount else None
    order = Attachment(kind="order", key=optional_text(payment, "payload"), detail=price)
    author = Party((update.other, *typed), name=optional_text(asked, "contact_name") or None)
    return _notice(update, "payment", author=author, attachments=(order,))
