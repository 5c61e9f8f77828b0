"""A Facebook Page's public side as a channel."""

from __future__ import annotations

import re
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
from crocevia.errors import RejectedError, UndeliverableError
from crocevia_meta import routing
from crocevia_meta.account import Account, GraphAccount
from crocevia_meta.envelope import Leaf
from crocevia_meta.facebook_page import echoes, feed
from crocevia_meta.facebook_page.settings import Settings
from crocevia_meta.graph import GRAPH_URL
from crocevia_meta.messaging import sending
from crocevia_meta.webhooks import MetaWebhooks

_ID = re.compile(r"[0-9]+(_[0-9]+)?")
_MESSAGES = "a private message: a connection of kind messenger reads it"
_CAPABILITIES = Capabilities(
    max_text=2000,
    max_caption=0,
    media=dict.fromkeys(("image/gif", "image/jpeg", "image/png"), 4 * sending.MB),
    public=True,
    private=True,
)
"""What both a comment and the one private answer carry (a comment alone has 8000 characters).

Source: https://developers.facebook.com/docs/graph-api/reference/object/comments (Graph API v23.0).
"""


class FacebookPage(GraphAccount, Connector[Settings], MetaWebhooks, SendsMessages):
    """Pages API, Graph API v23.0: posts, comments, reactions, reviews and mentions of one Facebook Page.

    An interaction's key is the comment's or post's id. What is answered publicly becomes a comment; what is answered
    in private goes to Messenger, once for each comment or post, and the customer's answer comes in there.
    """

    kind = "facebook_page"
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
            return feed.changed(leaf, self.account, raw.received_at)

        def echoed(leaf: Leaf) -> Event | None:
            return echoes.read(leaf, self.account, raw.received_at)

        readers: dict[str, routing.Reader] = {"messaging": echoed, "standby": echoed, "changes": read}
        return routing.events(raw.json(), self.account, readers, {"messaging": _MESSAGES, "standby": _MESSAGES})

    def leaves(self, raw: Raw) -> list[str]:
        """Those of `leaf_paths`, and each branch that has none below."""
        return [leaf.pointer for leaf in routing.leaves(raw.json())] or [""]

    def capabilities(self, conversation: str | None) -> Capabilities:
        """The same for every post and comment."""
        return _CAPABILITIES

    def send(self, message: Message) -> Receipt:
        """Answer a comment or a post, in public or in private.

        Raises:
            UndeliverableError: there is nothing to answer: a page speaks to nobody of itself.
        """
        kind, _, thread = (message.conversation or "").partition(":")
        if not thread or kind not in ("post", "comment"):
            raise UndeliverableError(f"message {message.id}: a page answers a comment or a post; name one")
        if message.public:
            answered = message.in_reply_to or ""
            return self._comment(message, answered if _ID.fullmatch(answered) else thread)
        recipient = {f"{kind}_id": thread}  # whose thread it is: in private, nobody else's words are answered
        body = sending.in_private(message, recipient, self.clock.now())
        body["message"]["metadata"] = self.account.mark(message.id)
        key, _ = self.posted(f"/{self.account.id}/messages", body, message.id, "message_id", ours=False)
        return Receipt(key=key)

    def _comment(self, message: Message, target: str) -> Receipt:
        body: dict[str, str] = {"message": message.text} if message.text else {}
        for file in message.attachments:
            if not file.url:
                raise RejectedError(f"message {message.id}: a comment takes a picture by its URL")
            body["attachment_url"] = file.url
        if not body:
            raise RejectedError(f"message {message.id} is empty: give it a text or a picture")
        key, _ = self.posted(f"/{target}/comments", body, message.id, "id", ours=False)
        return Receipt(key=key, conversation=message.conversation)

    def check(self) -> Iterator[Finding]:
        """Ask the Graph API for the page, and whether it sends its feed to an app."""
        page = self.asked("page", f"/{self.account.id}", fields="id,name")
        if isinstance(page, Finding):
            yield page
            return
        yield Finding(level="ok", what=f"page {page.get('name')}")
        yield self.subscription(f"/{self.account.id}", "feed")
