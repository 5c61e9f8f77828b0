"""What a connector's `parse` makes of a raw: one event, or one ignored with reason, for every leaf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from attrs import field, frozen

from crocevia.model.attachment import Attachment
from crocevia.model.moment import utc
from crocevia.model.party import Party

Direction = Literal["inbound", "outbound", "internal"]
CallOutcome = Literal["answered", "missed", "busy", "rejected", "cancelled", "failed", "voicemail"]
"""How a call ended. `"missed"`: nobody answered, whoever called; `"rejected"`: declined; `"cancelled"`: the caller
gave up while it rang; `"failed"`: it never got as far as ringing."""
Status = Literal["to send", "sending", "sent", "delivered", "read", "played", "failed", "received"]


def _tuple(items: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(items)


@frozen(kw_only=True)
class InteractionSeen:
    """One touch was made: a message, comment, post, reaction, call, voicemail, e-mail, visit, note...

    Attributes:
        key: The channel's own id of it, unique in the connection together with `part`.
        author: Who made it: the customer when inbound, us when outbound.
        at: When it was made, by the channel's clock.
        recipients: Who it is to; for an outbound interaction the first is the customer.
        direction: Seen from the company.
        kind: `"message"`, `"reaction"`, `"call"`, `"comment"`, `"post"`, `"email"`, `"visit"`, `"note"`, `"notice"`...
        part: Distinguishes several interactions under one key; `""` for the only one.
        conversation: The thread's id on the channel; None where the channel has none.
        text: None when it has none (a photo without a caption), `""` when it is really empty.
        in_reply_to: Key of the interaction it answers or reacts to; None when none.
        duration: Of a call (what was talked, without ringing) or visit; None when it has none, or not yet.
        outcome: How a call ended; None for anything else, or while it lasts.
        status: Set where the channel already knows it ("sent" for an echo); None otherwise.
        automated: Made by a bot or an auto-responder.
        public: Readable by others than the two parties.
        leaf: Where in the raw it was found (a JSON pointer); `""`: the whole raw.
    """

    tag: ClassVar[str] = "interaction seen"

    key: str
    author: Party
    at: datetime = field(converter=utc)
    recipients: tuple[Party, ...] = field(converter=_tuple, default=())
    direction: Direction = "inbound"
    kind: str = "message"
    part: str = ""
    conversation: str | None = None
    subject: str | None = None
    text: str | None = None
    attachments: tuple[Attachment, ...] = field(converter=_tuple, default=())
    in_reply_to: str | None = None
    duration: timedelta | None = None
    outcome: CallOutcome | None = None
    status: Status | None = None
    automated: bool = False
    public: bool = False
    leaf: str = ""

    @property
    def customer(self) -> Party:
        """The party that is not us; an empty one when an outbound interaction names no recipient."""
        if self.direction == "outbound":
            return self.recipients[0] if self.recipients else Party()
        return self.author

    @property
    def dedupe_key(self) -> str:
        """Unique per connection: what makes a redelivery recognisable."""
        return f"seen:{self.key}#{self.part}"


@frozen(kw_only=True)
class InteractionRevised:
    """An interaction was edited. `of` is the original's key, `key` the edit's own."""

    tag: ClassVar[str] = "interaction revised"

    key: str
    of: str
    at: datetime = field(converter=utc)
    part: str = ""
    text: str | None = None
    attachments: tuple[Attachment, ...] | None = None
    author: Party | None = None
    leaf: str = ""

    @property
    def dedupe_key(self) -> str:
        """Unique per connection."""
        return f"revised:{self.key}#{self.part}"


@frozen(kw_only=True)
class InteractionRemoved:
    """An interaction was deleted or unsent by its author. The log keeps that it was; `of` names it."""

    tag: ClassVar[str] = "interaction removed"

    key: str
    of: str
    at: datetime = field(converter=utc)
    part: str = ""
    author: Party | None = None
    leaf: str = ""

    @property
    def dedupe_key(self) -> str:
        """Unique per connection."""
        return f"removed:{self.key}#{self.part}"


@frozen(kw_only=True)
class InteractionCompleted:
    """What became known of an interaction later: a call's length and outcome, its recording, a transcript.

    Unlike a revision it takes nothing back: what is None or empty is not said. Comes in any order, and again.

    Attributes:
        of: Key of the interaction.
        key: Its own: unique for what it adds ("CA123:recording:RE456").
        text: A transcript or summary.
        attachments: Added to those it has, unless one of the same key or URL is there.
        author: The customer, where only now it is known who it was; its points are added to those shown.
    """

    tag: ClassVar[str] = "interaction completed"

    key: str
    of: str
    at: datetime = field(converter=utc)
    part: str = ""
    text: str | None = None
    duration: timedelta | None = None
    outcome: CallOutcome | None = None
    attachments: tuple[Attachment, ...] = field(converter=_tuple, default=())
    author: Party | None = None
    leaf: str = ""

    @property
    def dedupe_key(self) -> str:
        """Unique per connection."""
        return f"completed:{self.key}#{self.part}"


@frozen(kw_only=True)
class ConsentReported:
    """A customer said on this road what he wants to be sent there, or the vendor says that he did.

    Attributes:
        key: Its own: unique in the connection.
        party: Who said it. It holds for the address that the channel sends to.
        granted: False: STOP, unsubscribe, blocked us; True: START, subscribe, unblocked us.
        purpose: What it is about: `"marketing"`, or `"all"` that we send.
        evidence: How it was said, in few words ("keyword STOP", "List-Unsubscribe"); never a whole text.
    """

    tag: ClassVar[str] = "consent reported"

    key: str
    party: Party
    at: datetime = field(converter=utc)
    granted: bool
    purpose: Literal["all", "marketing"] = "all"
    evidence: str = ""
    leaf: str = ""

    @property
    def dedupe_key(self) -> str:
        """Unique per connection."""
        return f"consent:{self.key}"


@frozen(kw_only=True)
class PartyIdentified:
    """The channel learned who somebody is, without a touch: a visitor signed in, a form was filled, a card was linked.

    Attributes:
        key: Its own: unique in the connection.
        party: All that is one person's; which of its points are proven is said by each point's `verified`.
    """

    tag: ClassVar[str] = "party identified"

    key: str
    party: Party
    at: datetime = field(converter=utc)
    leaf: str = ""

    @property
    def dedupe_key(self) -> str:
        """Unique per connection."""
        return f"identified:{self.key}"


@frozen(kw_only=True)
class StatusReported:
    """The channel says how an outbound interaction fares. Statuses arrive in any order, and again.

    Attributes:
        of: Key of the interaction.
        status: Ours; see `crocevia.model.status` for the order.
        callback: What we gave the channel to hand back (our command id); None when it hands back nothing.
        detail: Short reason of a failure with the vendor's code; None otherwise.
        recipient: Who the status is about; None where unsaid.
    """

    tag: ClassVar[str] = "status reported"

    of: str
    status: Status
    at: datetime = field(converter=utc)
    detail: str | None = None
    callback: str | None = None
    recipient: Party | None = None
    part: str = ""
    leaf: str = ""

    @property
    def dedupe_key(self) -> str:
        """Unique per connection."""
        return f"status:{self.of}#{self.part}:{self.status}"


@frozen(kw_only=True)
class RecordChanged:
    """A CRM record was created or changed; `values` are the remote values of the fields that were read.

    Attributes:
        object: The CRM's object name.
        id: The record's remote id.
        values: `{remote field: value}`; a field that is missing was not read, None is empty there.
        at: When it changed, by the CRM's clock.
        version: The remote version (SystemModstamp, write_date...): as text, it orders the changes of one record.
        by: The remote user who changed it; a hint for the log. None when unknown.
    """

    tag: ClassVar[str] = "record changed"

    object: str
    id: str
    values: Mapping[str, Any]
    at: datetime = field(converter=utc)
    version: str
    by: str | None = None
    leaf: str = ""

    @property
    def dedupe_key(self) -> str:
        """Unique per connection."""
        return f"record:{self.object}:{self.id}:{self.version}"


@frozen(kw_only=True)
class RecordDeleted:
    """A CRM record is gone."""

    tag: ClassVar[str] = "record deleted"

    object: str
    id: str
    at: datetime = field(converter=utc)
    leaf: str = ""

    @property
    def dedupe_key(self) -> str:
        """Unique per connection."""
        return f"deleted:{self.object}:{self.id}:{self.at.isoformat()}"


@frozen(kw_only=True)
class RecordMerged:
    """A CRM record was merged into another: `id` is gone, `into` survives.

    Attributes:
        becomes: The object that `into` is of, where it is another one: a lead was converted to a contact. "": the same.
    """

    tag: ClassVar[str] = "record merged"

    object: str
    id: str
    into: str
    at: datetime = field(converter=utc)
    becomes: str = ""
    leaf: str = ""

    @property
    def dedupe_key(self) -> str:
        """Unique per connection."""
        return f"merged:{self.object}:{self.id}:{self.into}"


@frozen(kw_only=True)
class Ignored:
    """A leaf that is understood and needs nothing done, with the reason ("template review, not a touch")."""

    tag: ClassVar[str] = "ignored"

    reason: str
    leaf: str = ""


@frozen(kw_only=True)
class Unrecognised:
    """A leaf that is not understood: counted, kept, and parsed again when the connector is mended.

    `what` names the unknown type or shape ("message type 'hologram'"); never a customer's text.
    """

    tag: ClassVar[str] = "unrecognised"

    what: str
    leaf: str = ""


Applicable = (
    InteractionSeen
    | InteractionRevised
    | InteractionRemoved
    | InteractionCompleted
    | StatusReported
    | ConsentReported
    | PartyIdentified
    | RecordChanged
    | RecordDeleted
    | RecordMerged
)
Event = Applicable | Ignored | Unrecognised
EVENT_TYPES: dict[str, type[Any]] = {
    cls.tag: cls
    for cls in (
        InteractionSeen,
        InteractionRevised,
        InteractionRemoved,
        InteractionCompleted,
        StatusReported,
        ConsentReported,
        PartyIdentified,
        RecordChanged,
        RecordDeleted,
        RecordMerged,
        Ignored,
        Unrecognised,
    )
}
