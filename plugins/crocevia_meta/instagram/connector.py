"""Instagram as a channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

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
from crocevia_meta.account import Account
from crocevia_meta.envelope import Leaf
from crocevia_meta.graph import GRAPH_URL
from crocevia_meta.instagram import comments
from crocevia_meta.instagram.settings import Settings
from crocevia_meta.messaging import reading, sending
from crocevia_meta.messaging.media import MessageMedia
from crocevia_meta.webhooks import MetaWebhooks

MAX_BYTES = 1000
"""Of a text in UTF-8. Source: .../instagram-api-with-instagram-login/messaging-api (2026)."""
MAX_TEXT = MAX_BYTES // 2
"""Characters of which as many fit whatever the language writes, but for pages of emoji, which are refused."""
_PICTURES = {f"image/{name}": 8 * sending.MB for name in ("png", "jpeg", "gif")}
_MEDIA = {**_PICTURES, **dict.fromkeys(("audio/", "video/", "application/pdf"), 25 * sending.MB)}
"""Source: .../instagram-api-with-instagram-login/messaging-api, "Supported media types" (2026)."""


class Instagram(MessageMedia, Connector[Settings], MetaWebhooks, SendsMessages):
    """Instagram messaging, comments and mentions of one professional account, Graph API v23.0.

    An interaction's key is the message's `mid` or the comment's id. A customer is known by an id that this account
    alone has for them, the same in messages and comments. A comment is answered publicly, or in private once, within
    seven days; the conversation goes on in the messages.
    """

    kind = "instagram"
    base_url = GRAPH_URL
    leaf_paths = routing.LEAF_PATHS
    verified_against = "specification"

    @cached_property
    def account(self) -> Account:
        """Whose updates these are."""
        return Account(object="instagram", id=self.settings.account_id, kind=self.kind, connection=self.connection)

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """One event, or one ignored or unrecognised, for each leaf; a broken leaf harms no other."""

        def read(leaf: Leaf) -> Event:
            return reading.read(leaf, self.account, raw.received_at)

        def changed(leaf: Leaf) -> Event:
            return comments.changed(leaf, self.account, raw.received_at)

        return routing.events(raw.json(), self.account, {"messaging": read, "standby": read, "changes": changed})

    def leaves(self, raw: Raw) -> list[str]:
        """Those of `leaf_paths`, and each branch that has none below."""
        return [leaf.pointer for leaf in routing.leaves(raw.json())] or [""]

    def capabilities(self, conversation: str | None) -> Capabilities:
        """Of a comment's thread, which others read, or of a private conversation."""
        if _is_public(thread := conversation or ""):
            return Capabilities(max_text=MAX_TEXT, public=True, private=thread.startswith(comments.COMMENT))
        return Capabilities(
            max_text=MAX_TEXT,
            max_caption=0,
            media=_MEDIA,
            buttons=sending.MOST_QUICK_REPLIES,
            button_text=sending.QUICK_REPLY_TEXT,
            reply_window=sending.reply_window(human_agent=self.settings.human_agent),
        )

    def send(self, message: Message) -> Receipt:
        """Send one message: in a conversation, in private to who commented, or under a comment."""
        thread = message.conversation or ""
        if len((message.text or "").encode()) > MAX_BYTES:
            raise RejectedError(f"message {message.id}: Instagram takes {MAX_BYTES} bytes of text; shorten it")
        if message.public:
            return self._public(message, thread)
        if thread.startswith(comments.COMMENT):
            recipient = {"comment_id": thread.removeprefix(comments.COMMENT)}  # nobody else's words, in private
            body = sending.in_private(message, recipient, self.clock.now())
        elif message.to.kind != self.kind or message.to.scope != self.account.id or _is_public(thread):
            raise UndeliverableError(f"message {message.id}: this account has no conversation with the customer")
        else:
            body = sending.in_conversation(message, self.clock.now(), human_agent=self.settings.human_agent)
        key, answer = self.posted("/me/messages", body, message.id, "message_id", ours=not _is_public(thread))
        return Receipt(key=key, conversation=f"{self.account.id}:{answer.get('recipient_id') or message.to.value}")

    def _public(self, message: Message, thread: str) -> Receipt:
        """Answer where others read it: under a comment, or where the account was named."""
        if not message.text or message.attachments:
            raise RejectedError(f"message {message.id}: a comment on Instagram is a text, and nothing else")
        body: dict[str, Any] = {"message": message.text}
        if thread.startswith(comments.COMMENT):
            path = f"/{thread.removeprefix(comments.COMMENT)}/replies"
        elif thread.startswith(comments.MENTION):
            media, _, comment = thread.removeprefix(comments.MENTION).partition(":")
            path, body = f"/{self.account.id}/mentions", {**body, "media_id": media}
            body |= {"comment_id": comment} if comment else {}
        else:
            raise UndeliverableError(f"message {message.id}: it answers no comment and no mention; name one")
        key, _ = self.posted(path, body, message.id, "id", ours=False)
        return Receipt(key=key, conversation=thread)

    def check(self) -> Iterator[Finding]:
        """Ask the Graph API for the account."""
        account = self.asked("account", f"/{self.account.id}", fields="username")
        if isinstance(account, Finding):
            yield account
            return
        yield Finding(level="ok", what=f"account {account.get('username')}")


def _is_public(thread: str) -> bool:
    return thread.startswith((comments.COMMENT, comments.MENTION))
