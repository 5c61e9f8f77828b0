"""What WhatsApp tells besides messages and statuses: preferences, groups, contacts, and the account's own news."""

from __future__ import annotations

from crocevia import ConsentReported, Event, Ignored, Unrecognised
from crocevia_meta.envelope import Leaf
from crocevia_meta.node import Node, UnreadableError, label, optional_id, optional_text, required_text, required_time
from crocevia_meta.whatsapp.content import error_text
from crocevia_meta.whatsapp.parties import Number

_ACCOUNT = "news of the account, not a touch"
_TEMPLATE = "a template's review, not a touch"
_GROUP = "a group's settings or members, not a touch"
IGNORED_FIELDS = {
    "account_alerts": _ACCOUNT,
    "account_review_update": _ACCOUNT,
    "account_settings_update": _ACCOUNT,
    "account_update": _ACCOUNT,
    "automatic_events": "an event for advertisements, not a touch",
    "business_capability_update": _ACCOUNT,
    "business_status_update": _ACCOUNT,
    "business_username_update": _ACCOUNT,
    "flows": "a flow's health, not a touch",
    "group_lifecycle_update": _GROUP,
    "group_participants_update": _GROUP,
    "group_settings_update": _GROUP,
    "group_status_update": _GROUP,
    "message_template_components_update": _TEMPLATE,
    "message_template_quality_update": _TEMPLATE,
    "message_template_status_update": _TEMPLATE,
    "partner_solutions": _ACCOUNT,
    "payment_configuration_update": _ACCOUNT,
    "phone_number_name_update": _ACCOUNT,
    "phone_number_quality_update": _ACCOUNT,
    "security": _ACCOUNT,
    "template_category_update": _TEMPLATE,
    "template_correct_category_detection": _TEMPLATE,
    "tracking_events": "an event for advertisements, not a touch",
}
"""Fields whose value is the news, by why there is nothing to do.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview (2026-08).
"""


def bare(leaf: Leaf) -> Event:
    """A change without any list that we read: news in the value itself, or a field that is new to us."""
    if leaf.path != "entry.*.changes.*":
        return Ignored(reason="an empty part of a delivery", leaf=leaf.pointer)
    field = leaf.node.get("field")
    if isinstance(field, str) and field in IGNORED_FIELDS:
        return Ignored(reason=IGNORED_FIELDS[field], leaf=leaf.pointer)
    return Unrecognised(what=f"field {label(field)}", leaf=leaf.pointer)


def preferred(leaf: Leaf, number: Number) -> Event:
    """One of `user_preferences`: the customer stops or resumes marketing messages. It has no id of its own.

    Source: .../whatsapp/webhooks/reference/user_preferences (2026-05): `stop` and `resume`.
    """
    preference: Node = leaf.node
    address = optional_id(preference, "wa_id") or optional_id(preference, "user_id")
    customer = number.customer(address, optional_id(preference, "user_id"))
    value, at = required_text(preference, "value"), required_time(preference)
    category = optional_text(preference, "category") or "marketing_messages"
    if value not in ("stop", "resume") or category != "marketing_messages":
        raise UnreadableError(f"preference {label(value)} of {label(category)}")
    return ConsentReported(
        key=f"preference:{customer.points[0].value}:{category}:{value}:{int(at.timestamp())}",
        party=customer,
        at=at,
        granted=value == "resume",
        purpose="marketing",
        evidence=f"{category} {value}",
        leaf=leaf.pointer,
    )


def grouped(leaf: Leaf, _number: Number) -> Event:
    """One of `groups`."""
    return Ignored(reason=_GROUP, leaf=leaf.pointer)


def listed(leaf: Leaf, _number: Number) -> Event:
    """One of `state_sync`: the address book of the WhatsApp Business app."""
    what = required_text(leaf.node, "type")
    if what != "contact":
        return Unrecognised(what=f"state sync of {label(what)}", leaf=leaf.pointer)
    return Ignored(reason="the address book of the business app, not a touch", leaf=leaf.pointer)


def failed(leaf: Leaf, _number: Number) -> Event:
    """One of `errors` beside messages or in a history: the vendor's own trouble; no customer is named."""
    return Ignored(reason=f"the vendor reports an error: {error_text(leaf.node)}", leaf=leaf.pointer)
