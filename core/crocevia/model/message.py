"""What is sent to a customer, and what comes back for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import field, frozen

from crocevia.model.attachment import Attachment
from crocevia.model.contact_point import ContactPoint


@frozen(kw_only=True)
class Template:
    """A message the vendor has approved before: name, language (BCP 47 or the vendor's code), parameters in order."""

    name: str
    language: str
    parameters: tuple[str, ...] = ()


@frozen(kw_only=True)
class Message:
    """One message to one customer.

    Attributes:
        id: Our command's id: stable over retries. Hand it to the vendor as idempotency key or callback
            data wherever it takes one.
        conversation: The thread on the channel; None to start one.
        to: The customer's address on this channel.
        text: None when there is only a template or attachment.
        template: Sent instead of `text` outside the reply window.
        in_reply_to: The channel's key of the interaction this answers; None when none.
        last_inbound_at: When the customer last wrote here; None: never. Opens the reply window.
    """

    id: str
    to: ContactPoint
    conversation: str | None = None
    text: str | None = None
    template: Template | None = None
    attachments: tuple[Attachment, ...] = ()
    in_reply_to: str | None = None
    last_inbound_at: datetime | None = None


@frozen(kw_only=True)
class Receipt:
    """The vendor took the message. `key`: the channel's id of it; `conversation`: where it landed, None if unsaid."""

    key: str
    conversation: str | None = None
    at: datetime | None = None


@frozen(kw_only=True)
class Capabilities:
    """What a conversation can carry. The core degrades or refuses before sending, never silently.

    Attributes:
        max_text: Longest text in characters; None: no limit known.
        media: MIME types or prefixes that may be attached -> largest size in bytes; empty: none.
        reply_window: How long after the customer's last message free text may be sent; None: always.
        templates: Whether approved templates can be sent outside the window.
        idempotent_send: Whether the vendor sends once for one `Message.id`.
    """

    max_text: int | None = None
    media: Mapping[str, int] = field(factory=dict)
    reply_window: timedelta | None = None
    templates: bool = False
    idempotent_send: bool = False
