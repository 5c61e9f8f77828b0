"""How Contact and Interaction__c map to profiles and interactions, unless settings say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

from crocevia.mapping import CODECS, Codec, Names, ObjectMapping, Plain, Reference, Slots, picklist
from crocevia_salesforce.identities import Identities
from crocevia_salesforce.settings import Settings
from crocevia_salesforce.values import written_moment, written_text

TEXT = Codec(written_text, str)
MOMENT = Codec(written_moment, datetime.fromisoformat)
DIRECTION = picklist({"inbound": "Inbound", "outbound": "Outbound", "internal": "Internal"})
STATUS = picklist(
    {
        "to send": "To Send",
        "sending": "Sending",
        "sent": "Sent",
        "delivered": "Delivered",
        "read": "Read",
        "played": "Played",
        "failed": "Failed",
        "received": "Received",
        "removed": "Removed",
    }
)
_TEXTS = {
    "connection": "Connection__c",
    "channel": "Channel__c",
    "kind": "Kind__c",
    "subject": "Subject__c",
    "text": "Body__c",
    "conversation": "Conversation__c",
    "message_key": "Message_Id__c",
    "status_detail": "Status_Detail__c",
    "in_reply_to": "In_Reply_To__c",
    "attachments": "Attachments__c",
    "author": "Author__c",
}


@frozen(kw_only=True)
class PersonName(Names):
    """Given and family name as Salesforce keeps them: without spaces around them, a placeholder where none is left."""

    def write(self, canonical: Mapping[str, Any]) -> dict[str, Any]:
        """Both names, trimmed."""
        values = super().write(canonical)
        given, family = values[self.given], values[self.family]
        return {
            self.given: written_text(given) if given else None,
            self.family: written_text(family) or self.placeholder,
        }


PLACES = {
    "MobilePhone": ("phone", "mobile"),
    "Phone": ("phone", "work"),
    "HomePhone": ("phone", "home"),
    "Email": ("email", "main"),
}


def contact(settings: Settings) -> ObjectMapping:
    """A customer as Contact. Phone is the work phone, as the label "Business Phone" says."""
    return ObjectMapping(
        object="Contact",
        of="profile",
        key=settings.key_field,
        revision=settings.revision_field,
        lenses=(
            PersonName(given="FirstName", family="LastName"),
            Slots(places=PLACES),
            Identities(places=PLACES),
            Plain(name="language", field="Language__c", codec=TEXT),
        ),
    )


def interaction(settings: Settings) -> ObjectMapping:
    """A touch as Interaction__c. What we log is not read back; a record born in the CRM is read once, whole."""
    return ObjectMapping(
        object="Interaction__c",
        of="interaction",
        key=settings.key_field,
        revision=settings.revision_field,
        lenses=(
            Reference(name="profile", field="Contact__c", object="Contact", direction="to crm"),
            Plain(name="at", field="Occurred_At__c", codec=MOMENT, direction="to crm"),
            Plain(name="direction", field="Direction__c", codec=DIRECTION, direction="to crm"),
            Plain(name="status", field="Status__c", codec=STATUS, direction="to crm"),
            Plain(name="duration_s", field="Duration_Seconds__c", codec=CODECS["integer"], direction="to crm"),
            *(Plain(name=name, field=field, codec=TEXT, direction="to crm") for name, field in _TEXTS.items()),
        ),
    )


def mappings(settings: Settings) -> tuple[ObjectMapping, ...]:
    """All of them; what others point to comes first."""
    return (contact(settings), interaction(settings))
