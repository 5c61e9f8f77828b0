"""Crocevia: the crossroads between the roads to a customer and the CRMs that should know of it.

A first plugin, whole (`crocevia_plugin.py` beside `crocevia.toml`, or a package with an entry point of the group
`crocevia`):

    from crocevia import Connector, InteractionSeen, hookimpl

    class AcmeChat(Connector[Settings]):
        kind = "acme_chat"

        def parse(self, raw, context):
            for message in raw.json()["messages"]:
                yield InteractionSeen(...)

    @hookimpl
    def crocevia_register_connectors():
        return [AcmeChat]

What is exported here, in `crocevia.errors`, `crocevia.mapping` and in `crocevia.testing` is public; connectors import
nothing else.
"""

from pluggy import HookimplMarker

from crocevia import errors, signatures
from crocevia.connector import (
    Connector,
    Erases,
    Finding,
    FindsKeys,
    HoldsMedia,
    Listens,
    MergesRecords,
    Polls,
    ReadsRecords,
    ReceivesWebhooks,
    ReportsUsage,
    SendsMessages,
    ServesVisitors,
    Usage,
    WritesRecords,
)
from crocevia.http import Answer, Http, retry_after
from crocevia.model import (
    FORMER,
    Attachment,
    Button,
    Candidates,
    Capabilities,
    Choice,
    Chosen,
    Claim,
    Conflict,
    ConsentReported,
    ContactPoint,
    Customer,
    Event,
    FieldSchema,
    Ignored,
    InteractionCompleted,
    InteractionRemoved,
    InteractionRevised,
    InteractionSeen,
    Match,
    MediaSource,
    Message,
    ObjectSchema,
    Outcome,
    ParseContext,
    Party,
    PartyIdentified,
    Raw,
    RawPage,
    Receipt,
    Record,
    RecordChanged,
    RecordDeleted,
    RecordMerged,
    StatusReported,
    Template,
    Unrecognised,
    Visit,
    VisitorReads,
    VisitorReply,
    VisitorSaid,
    Write,
    Written,
)
from crocevia.secret import Secret
from crocevia.signatures import Request

__version__ = "0.1.0"

hookimpl = HookimplMarker("crocevia")
"""Marks a function of a plugin as an implementation of the hook of the same name."""

__all__ = [
    "FORMER",
    "Answer",
    "Attachment",
    "Button",
    "Candidates",
    "Capabilities",
    "Choice",
    "Chosen",
    "Claim",
    "Conflict",
    "Connector",
    "ConsentReported",
    "ContactPoint",
    "Customer",
    "Erases",
    "Event",
    "FieldSchema",
    "Finding",
    "FindsKeys",
    "HoldsMedia",
    "Http",
    "Ignored",
    "InteractionCompleted",
    "InteractionRemoved",
    "InteractionRevised",
    "InteractionSeen",
    "Listens",
    "Match",
    "MediaSource",
    "MergesRecords",
    "Message",
    "ObjectSchema",
    "Outcome",
    "ParseContext",
    "Party",
    "PartyIdentified",
    "Polls",
    "Raw",
    "RawPage",
    "ReadsRecords",
    "Receipt",
    "ReceivesWebhooks",
    "Record",
    "RecordChanged",
    "RecordDeleted",
    "RecordMerged",
    "ReportsUsage",
    "Request",
    "Secret",
    "SendsMessages",
    "ServesVisitors",
    "StatusReported",
    "Template",
    "Unrecognised",
    "Usage",
    "Visit",
    "VisitorReads",
    "VisitorReply",
    "VisitorSaid",
    "Write",
    "WritesRecords",
    "Written",
    "errors",
    "hookimpl",
    "retry_after",
    "signatures",
]
