"""WhatsApp as a channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import ClassVar

from crocevia import (
    Attachment,
    Capabilities,
    Connector,
    Event,
    Finding,
    HoldsMedia,
    MediaSource,
    Message,
    ParseContext,
    Raw,
    Receipt,
    SendsMessages,
)
from crocevia.errors import GoneError, OutcomeUnknownError
from crocevia_meta.account import GraphAccount
from crocevia_meta.graph import GRAPH_URL
from crocevia_meta.node import optional_id, optional_nodes, optional_text
from crocevia_meta.webhooks import MetaWebhooks
from crocevia_meta.whatsapp import files, outgoing, reading
from crocevia_meta.whatsapp.parties import split_conversation
from crocevia_meta.whatsapp.settings import Settings

_CHECKED_FIELDS = "display_phone_number,verified_name,quality_rating,code_verification_status,platform_type"


class WhatsApp(GraphAccount, Connector[Settings], MetaWebhooks, SendsMessages, HoldsMedia):
    """WhatsApp Business Platform, Cloud API (Graph API v23.0): every update in; text, choices, templates and media out.

    An interaction's key is the message's `wamid`. A reaction is an interaction of its own that names the message it
    is about; taking it back is another, with an empty text: Meta tells the message, never the reaction it undoes.
    """

    kind = "whatsapp"
    base_url = GRAPH_URL
    leaf_paths = reading.LEAF_PATHS
    verified_against = "specification"
    media_lifetime: ClassVar[timedelta | None] = timedelta(days=7)
    """Of the ids in webhooks. Source: .../whatsapp/business-phone-numbers/media (2026-06-16)."""

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """One event, or one ignored or unrecognised, for each leaf; a broken leaf harms no other."""
        return reading.events(raw.json())

    def leaves(self, raw: Raw) -> list[str]:
        """Those of `leaf_paths`, and each branch that has none below: a field whose value itself is the news."""
        return [leaf.pointer for leaf in reading.leaves(raw.json())] or [""]

    def address_kinds(self) -> tuple[str, ...]:
        """A phone number, or the user id of somebody who hides theirs."""
        return ("phone", "whatsapp")

    def capabilities(self, conversation: str | None) -> Capabilities:
        """The same for every conversation."""
        return outgoing.CAPABILITIES

    def send(self, message: Message) -> Receipt:
        """Send one message, from the number that the conversation is with."""
        number, _ = split_conversation(message.conversation or "")
        sent = self.call(
            "POST",
            f"/{number or self.settings.phone_number_id}/messages",
            what=f"message {message.id}",
            json=outgoing.body(message, list_button=self.settings.list_button),
        )
        accepted = optional_nodes(sent, "messages")
        key = optional_id(accepted[0], "id") if accepted else None
        if key is None:
            raise OutcomeUnknownError(
                f"{self.connection}: message {message.id} was taken without an id; its status tells", status=200
            )
        return Receipt(key=key, conversation=message.conversation)

    def media(self, attachment: Attachment) -> MediaSource:
        """A URL that lives for five minutes, and wants our token.

        Source: .../whatsapp/business-phone-numbers/media (2026-06-16).
        """
        if attachment.kind not in files.KINDS or not attachment.key:
            raise GoneError(f"{self.connection}: an attachment of kind {attachment.kind!r} is no file")
        told = self.call("GET", f"/{attachment.key}", what=f"file {attachment.key}", ours=False)
        url = optional_text(told, "url")
        if not url:
            raise GoneError(f"{self.connection}: file {attachment.key} has no URL any more")
        return MediaSource(url=url, headers=self.authorise())

    def check(self) -> Iterator[Finding]:
        """Ask the Graph API for the number, and whether the account sends its webhooks to an app."""
        number = self.asked("number", f"/{self.settings.phone_number_id}", fields=_CHECKED_FIELDS)
        if isinstance(number, Finding):
            yield number
            return
        yield Finding(level="ok", what=f"number {number.get('display_phone_number')}")
        if number.get("quality_rating") == "RED":
            yield Finding(
                level="warning", what="quality", do="Meta rates the number RED: fewer sends, better templates"
            )
        if number.get("code_verification_status") not in (None, "VERIFIED"):
            yield Finding(level="problem", what="verification", do="verify the number in WhatsApp Manager")
        if self.settings.business_account_id:
            yield self.subscription(f"/{self.settings.business_account_id}")
