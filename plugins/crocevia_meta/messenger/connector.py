"""Messenger as a channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from crocevia import (
    Capabilities,
    Connector,
    Event,
    Finding,
    Message,
    ParseContext,
    Raw,
    Receipt,
    SendsMessages,
)
from crocevia.errors import UndeliverableError
from crocevia_meta import routing
from crocevia_meta.account import Account
from crocevia_meta.envelope import Leaf
from crocevia_meta.graph import GRAPH_URL
from crocevia_meta.messaging import reading, sending
from crocevia_meta.messaging.media import MessageMedia
from crocevia_meta.messenger.settings import Settings
from crocevia_meta.webhooks import MetaWebhooks

MAX_TEXT = 2000
"""Characters. Source: .../messenger-platform/reference/send-api, `message.text` (Graph API v25.0)."""
_FEED = "of the page's feed: a connection of kind facebook_page reads it"
_FIELDS = ("messages", "messaging_postbacks", "message_deliveries", "message_echoes", "message_reactions")


class Messenger(MessageMedia, Connector[Settings], MetaWebhooks, SendsMessages):
    """Messenger Platform, Graph API v23.0: the private conversations of one Facebook Page.

    An interaction's key is the message's `mid`. A customer is known by an id that this page alone has for them. The
    echo of what we sent brings our id back, and settles a send whose answer was lost.
    """

    kind = "messenger"
    base_url = GRAPH_URL
    leaf_paths = routing.LEAF_PATHS
    verified_against = "specification"

    @cached_property
    def account(self) -> Account:
        """Whose updates these are."""
        return Account(object="page", id=self.settings.page_id, kind=self.kind, connection=self.connection)

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """One event, or one ignored or unrecognised, for each leaf; a broken leaf harms no other."""

        def read(leaf: Leaf) -> Event:
            return reading.read(leaf, self.account, raw.received_at)

        return routing.events(raw.json(), self.account, {"messaging": read, "standby": read}, {"changes": _FEED})

    def leaves(self, raw: Raw) -> list[str]:
        """Those of `leaf_paths`, and each branch that has none below."""
        return [leaf.pointer for leaf in routing.leaves(raw.json())] or [""]

    def capabilities(self, conversation: str | None) -> Capabilities:
        """The same for every conversation."""
        return Capabilities(
            max_text=MAX_TEXT,
            max_caption=0,
            media=sending.MEDIA,
            buttons=sending.MOST_QUICK_REPLIES,
            button_text=sending.QUICK_REPLY_TEXT,
            reply_window=sending.reply_window(human_agent=self.settings.human_agent),
        )

    def send(self, message: Message) -> Receipt:
        """Send one message to somebody who has written to the page."""
        if message.to.kind != self.kind or message.to.scope != self.account.id:
            raise UndeliverableError(f"message {message.id}: this page does not know the customer on Messenger")
        body = sending.in_conversation(message, self.clock.now(), human_agent=self.settings.human_agent)
        body["message"]["metadata"] = self.account.mark(message.id)
        key, _ = self.posted(f"/{self.account.id}/messages", body, message.id, "message_id")
        return Receipt(key=key, conversation=f"{self.account.id}:{message.to.value}")

    def check(self) -> Iterator[Finding]:
        """Ask the Graph API for the page, and whether it sends its webhooks to an app."""
        page = self.asked("page", f"/{self.account.id}", fields="id,name")
        if isinstance(page, Finding):
            yield page
            return
        yield Finding(level="ok", what=f"page {page.get('name')}")
        yield self.subscription(f"/{self.account.id}", *_FIELDS)
