"""Frozen records in the words of the design; they know nothing of stores, vendors or hooks."""

from crocevia.model.attachment import Attachment
from crocevia.model.contact_point import FORMER, ContactPoint
from crocevia.model.decision import Candidates, Choice, Chosen, Claim, Conflict, Customer, Match
from crocevia.model.event import (
    EVENT_TYPES,
    Applicable,
    Direction,
    Event,
    Ignored,
    InteractionRemoved,
    InteractionRevised,
    InteractionSeen,
    RecordChanged,
    RecordDeleted,
    RecordMerged,
    Status,
    StatusReported,
    Unrecognised,
)
from crocevia.model.message import Capabilities, Message, Receipt, Template
from crocevia.model.moment import EPOCH, from_us, to_us, utc
from crocevia.model.party import Party
from crocevia.model.raw import ParseContext, Raw, RawPage, leaves
from crocevia.model.record import FieldSchema, ObjectSchema, Operation, Outcome, Record, Write, Written

__all__ = [
    "EPOCH",
    "EVENT_TYPES",
    "FORMER",
    "Applicable",
    "Attachment",
    "Candidates",
    "Capabilities",
    "Choice",
    "Chosen",
    "Claim",
    "Conflict",
    "ContactPoint",
    "Customer",
    "Direction",
    "Event",
    "FieldSchema",
    "Ignored",
    "InteractionRemoved",
    "InteractionRevised",
    "InteractionSeen",
    "Match",
    "Message",
    "ObjectSchema",
    "Operation",
    "Outcome",
    "ParseContext",
    "Party",
    "Raw",
    "RawPage",
    "Receipt",
    "Record",
    "RecordChanged",
    "RecordDeleted",
    "RecordMerged",
    "Status",
    "StatusReported",
    "Template",
    "Unrecognised",
    "Write",
    "Written",
    "from_us",
    "leaves",
    "to_us",
    "utc",
]
