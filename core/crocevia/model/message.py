"""What is sent to a customer, and what comes back for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from attrs import field, frozen

from crocevia.model.attachment import Attachment
from crocevia.model.contact_point import ContactPoint

Purpose = Literal["service", "marketing"]
"""Why a message is sent: `"service"` answers or serves the customer; `"marketing"` wants something of him."""


def _tuple(items: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(items)


@frozen(kw_only=True)
class Button:
    """One choice that is offered to the customer.

    Attributes:
        id: What comes back when it is pressed; `""`: the title.
        title: What it says.
    """

    title: str
    id: str = ""

    @property
    def payload(self) -> str:
        """What comes back when it is pressed."""
        return self.id or self.title


@frozen(kw_only=True)
class Template:
    """A message the vendor has approved before.

    Attributes:
        name: As the vendor knows it.
        language: BCP 47 or the vendor's code.
        parameters: Of the body, in order.
        named: Of the body, by name, for templates whose parameters have names.
        header: Of the header: a text or a file; None when it takes none.
        buttons: Of the buttons, in order: a URL's end, a code, a payload; `""` for a button that takes none.
    """

    name: str
    language: str
    parameters: tuple[str, ...] = field(converter=_tuple, default=())
    named: Mapping[str, str] = field(factory=dict)
    header: str | Attachment | None = None
    buttons: tuple[str, ...] = field(converter=_tuple, default=())


@frozen(kw_only=True)
class Message:
    """One message to one customer.

    Attributes:
        id: Our id of it: stable over retries, and of each part where one answer goes as several messages. Hand it to
            the vendor as idempotency key or callback data wherever it takes one.
        conversation: The thread on the channel; None to start one.
        to: The customer's address on this channel.
        text: None when there is only a template or attachment.
        template: Sent instead of `text` outside the reply window.
        in_reply_to: The channel's key of the interaction this answers; None when none.
        last_inbound_at: When the customer last wrote here; None: never. Opens the reply window.
        subject: Of an e-mail; None elsewhere, or when nobody gave one.
        buttons: Choices to offer; never more than the conversation's capabilities carry.
        public: Whether others may read it. Only ever True as an answer to what is public itself.
        purpose: Why it is sent; a channel may need to tell its vendor.
        kind: `"message"`, or `"call"`: the customer is to be called. See `SendsMessages.carries`.
        author: Who of us sends it, as the CRM names him; None when it does not say.
        automated: Written by no person; a channel that can says so with it, so that nobody's machine answers.
    """

    id: str
    to: ContactPoint
    conversation: str | None = None
    text: str | None = None
    template: Template | None = None
    attachments: tuple[Attachment, ...] = ()
    in_reply_to: str | None = None
    last_inbound_at: datetime | None = None
    subject: str | None = None
    buttons: tuple[Button, ...] = field(converter=_tuple, default=())
    public: bool = False
    purpose: Purpose = "service"
    kind: str = "message"
    author: str | None = None
    automated: bool = False


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
        max_text: Longest text of one message in characters; None: no limit known.
        max_parts: Into how many messages a longer text may be split; 1: it is refused.
        media: MIME types or prefixes that may be attached -> largest size in bytes; empty: none.
        max_attachments: How many files one message carries; the others go in messages of their own.
        max_caption: Longest text that goes with a file in one message; what is longer goes before the files, and 0:
            all of it. None: as any text.
        subject: Whether a message has a subject.
        buttons: How many choices one message offers; more, and all where it is 0, become a numbered text.
        button_text: Longest title of a choice in characters.
        reply_window: How long after the customer's last message free text may be sent; None: always.
        templates: Whether approved templates can be sent outside the window.
        public: Whether what is sent here can be read by others than the customer.
        private: Whether what is sent here can be kept between the customer and us.
        idempotent_send: Whether the vendor sends once for one `Message.id`.
    """

    max_text: int | None = None
    max_parts: int = 10
    media: Mapping[str, int] = field(factory=dict)
    max_attachments: int = 1
    max_caption: int | None = None
    subject: bool = False
    buttons: int = 0
    button_text: int = 20
    reply_window: timedelta | None = None
    templates: bool = False
    public: bool = False
    private: bool = True
    idempotent_send: bool = False
