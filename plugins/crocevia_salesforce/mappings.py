"""How customers and Interaction__c map to profiles and interactions, unless settings say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

from crocevia.mapping import CODECS, Codec, Names, ObjectMapping, Plain, Reference, Slots, picklist
from crocevia_salesforce import tasks
from crocevia_salesforce.children import PARENTS
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
OUTCOME = picklist(
    {name: name.capitalize() for name in ("answered", "missed", "busy", "rejected", "cancelled", "failed", "voicemail")}
)
PURPOSE = picklist({"service": "Service", "marketing": "Marketing"})
_TASK = "Task:"
TASK_ID = Codec(lambda born_as: born_as.removeprefix(_TASK) if born_as.startswith(_TASK) else None, str)
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


PREFIXES = {"003": "Contact", "00Q": "Lead", "001": "Account"}
"""Key prefixes of ids. Source: Salesforce Help, "Standard Field Record ID Prefix Decoder", read 2026-10."""


@frozen(kw_only=True)
class Whose(Reference):
    """The customer of an interaction: a lookup for each object that customers are kept as, one of them filled.

    Attributes:
        lookups: `{object: field}`.
    """

    lookups: Mapping[str, str]

    @property
    def remote(self) -> tuple[str, ...]:
        """All lookups."""
        return tuple(self.lookups.values())

    def write(self, canonical: Mapping[str, Any]) -> dict[str, Any]:
        """The id in the lookup of its object, and none in the others; nothing while the customer has no record."""
        target = canonical.get(self.name)
        if target is None:
            return {}
        field = self.lookups.get(PREFIXES.get(str(target)[:3], self.object), self.field)
        return {name: target if name == field else None for name in self.remote}

    def read(self, remote: Mapping[str, Any], canonical: Mapping[str, Any]) -> dict[str, Any]:
        """The first lookup that is filled."""
        held = [remote[name] for name in self.remote if remote.get(name)]
        return {self.name: held[0] if held else None} if any(name in remote for name in self.remote) else {}


@frozen(kw_only=True)
class Flag(Plain):
    """A checkbox, which is never empty: unchecked says no, and from a person that he has not said yes."""

    def same(self, name: str, one: Any, other: Any) -> bool:
        """Unchecked and not there are alike."""
        return bool(one) == bool(other)

    def write(self, canonical: Mapping[str, Any]) -> dict[str, Any]:
        """Checked or not."""
        return {self.field: bool(canonical.get(self.name))}

    def read(self, remote: Mapping[str, Any], canonical: Mapping[str, Any]) -> dict[str, Any]:
        """Yes, or nothing."""
        return {self.name: True} if remote.get(self.field) else {}


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
    "Contact": {
        "MobilePhone": ("phone", "mobile"),
        "Phone": ("phone", "work"),
        "HomePhone": ("phone", "home"),
        "Email": ("email", "main"),
    },
    "Lead": {"MobilePhone": ("phone", "mobile"), "Phone": ("phone", "work"), "Email": ("email", "main")},
    "Account": {
        "PersonMobilePhone": ("phone", "mobile"),
        "Phone": ("phone", "work"),
        "PersonHomePhone": ("phone", "home"),
        "PersonEmail": ("email", "main"),
    },
}
"""`{object: {field: place}}`. Phone is the work phone, as the label "Business Phone" says; a lead has no home phone."""
NO_COMPANY = "[not provided]"
"""What Salesforce itself writes for a lead without a company, which it must have. Source: Salesforce Help, "Web-to-Lead
FAQ", read 2026-10."""


def customer(object_name: str, settings: Settings) -> ObjectMapping:
    """A customer as Contact, Lead or person account."""
    constants = {
        "Lead": {"Company": NO_COMPANY},
        "Account": {"RecordTypeId": settings.person_record_type} if settings.person_record_type else {},
    }
    places = PLACES[object_name]
    deployed = (Identities(places=places), Plain(name="language", field="Language__c", codec=TEXT))
    return ObjectMapping(
        object=object_name,
        of="profile",
        key=settings.kept_key,
        revision=settings.kept_revision,
        constants=constants.get(object_name, {}),
        lenses=(
            PersonName(given="FirstName", family="LastName"),
            Slots(places=places),
            *(deployed if settings.package else ()),
        ),
    )


def interaction(settings: Settings) -> ObjectMapping:
    """A touch as Interaction__c. What we log is not read back; a record born in the CRM is read once, whole."""
    return ObjectMapping(
        object="Interaction__c",
        of="interaction",
        key=settings.kept_key,
        revision=settings.kept_revision,
        lenses=(
            *_whose(settings),
            Plain(name="at", field="Occurred_At__c", codec=MOMENT, direction="to crm"),
            Plain(name="direction", field="Direction__c", codec=DIRECTION, direction="to crm"),
            Plain(name="status", field="Status__c", codec=STATUS, direction="to crm"),
            Plain(name="duration_s", field="Duration_Seconds__c", codec=CODECS["integer"], direction="to crm"),
            *(Plain(name=name, field=field, codec=TEXT, direction="to crm") for name, field in _TEXTS.items()),
            *_LATER,
        ),
    )


_LATER: tuple[Plain, ...] = (
    Plain(name="outcome", field="Outcome__c", codec=OUTCOME, direction="to crm", optional=True),
    Plain(name="purpose", field="Purpose__c", codec=PURPOSE, direction="to crm", optional=True),
    Plain(name="template", field="Template__c", codec=TEXT, direction="to crm", optional=True),
    Plain(name="buttons", field="Buttons__c", codec=TEXT, direction="to crm", optional=True),
    Plain(name="born_as", field="Task_Id__c", codec=TASK_ID, direction="to crm", optional=True),
    Flag(name="public", field="Public__c", codec=CODECS["boolean"], direction="to crm", optional=True),
    Flag(name="automated", field="Automated__c", codec=CODECS["boolean"], direction="to crm", optional=True),
)
"""Fields that the package's first version had not: an org without them goes on without them."""


def _whose(settings: Settings) -> tuple[Reference, ...]:
    first, *others = settings.objects
    fields: dict[str, str] = {name: PARENTS[name] for name in settings.objects}
    return (Whose(field=fields[first], object=first, also=tuple(others), lookups=fields, direction="to crm"),)


def mappings(settings: Settings) -> tuple[ObjectMapping, ...]:
    """All of them; what others point to comes first. Without the package there is no place for interactions.

    New ones are made as the first: a Task is never made from an interaction here.
    """
    customers = tuple(customer(name, settings) for name in settings.objects)
    if not settings.package:
        return customers
    rule = settings.replies_from_tasks
    answers = () if rule is None else (tasks.mapping(rule, settings.objects, PREFIXES),)
    return (*customers, interaction(settings), *answers)
