"""Changes of an Instagram account: comments, mentions, and messages where an app has them told as changes."""

from __future__ import annotations

from datetime import datetime

from attrs import evolve

from crocevia import Attachment, ContactPoint, Event, Ignored, InteractionSeen, Party
from crocevia_meta.account import Account
from crocevia_meta.envelope import Leaf
from crocevia_meta.messaging import reading
from crocevia_meta.node import (
    Node,
    UnreadableError,
    label,
    optional_id,
    optional_node,
    optional_text,
    optional_time,
    required_id,
    required_node,
    required_text,
)

COMMENT, MENTION = "comment:", "mention:"
_MESSAGING = frozenset(
    {
        "messages",
        "message_edit",
        "message_reactions",
        "messaging_handover",
        "messaging_optins",
        "messaging_postbacks",
        "messaging_referral",
        "messaging_seen",
        "standby",
    }
)
_IGNORED = {"story_insights": "figures of a story, not a touch"}


def changed(leaf: Leaf, account: Account, received_at: datetime) -> Event:
    """One change.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/reference/instagram (Graph API v23.0) and
    .../instagram-platform/webhooks/examples (2025-11-24).

    Raises:
        UnreadableError: it is of no known kind, or what it needs is missing.
        MalformedError: its time is none.
    """
    name = required_text(leaf.node, "field")
    if name in _IGNORED:
        return Ignored(reason=_IGNORED[name], leaf=leaf.pointer)
    value = required_node(leaf.node, "value")
    if name in _MESSAGING:
        return reading.read(evolve(leaf, node=value), account, received_at)
    at = optional_time(value) or optional_time(leaf.around.get("entry", {}), "time") or received_at
    match name:
        case "comments" | "live_comments":
            return evolve(_comment(value, account, at), leaf=leaf.pointer)
        case "mentions":
            return evolve(_mention(value, at), leaf=leaf.pointer)
    raise UnreadableError(f"field {label(name)}")


def _comment(comment: Node, account: Account, at: datetime) -> InteractionSeen:
    """A comment of somebody's, with a thread of its own, for others may write under the same; or our answer to one."""
    key, parent = required_id(comment, "id"), optional_id(comment, "parent_id")
    author = optional_node(comment, "from")
    id_ = optional_id(author, "id")
    by_us = id_ == account.id
    points = [] if id_ is None or by_us else [ContactPoint(account.kind, account.id, id_)]
    return InteractionSeen(
        key=key,
        author=Party(points, name=None if by_us else optional_text(author, "username")),
        at=at,
        direction="outbound" if by_us else "inbound",
        kind="comment",
        conversation=COMMENT + (parent if by_us and parent else key),
        text=optional_text(comment, "text"),
        attachments=_media(optional_node(comment, "media")),
        in_reply_to=parent,
        status="sent" if by_us else None,
        public=True,
    )


def _mention(mention: Node, at: datetime) -> InteractionSeen:
    """Somebody named the account in a comment or caption of theirs: neither their id nor the words are told."""
    media, comment = required_id(mention, "media_id"), optional_id(mention, "comment_id")
    of = f"{media}:{comment}" if comment else media
    return InteractionSeen(
        key=f"mention:{of}",
        author=Party(),
        at=at,
        kind="comment" if comment else "post",
        conversation=MENTION + of,
        attachments=(Attachment(kind="media", key=media),),
        public=True,
    )


def _media(media: Node) -> tuple[Attachment, ...]:
    """The post that is commented on, and the advertisement that it was shown as."""
    key = optional_id(media, "id")
    if key is None:
        return ()
    kind = optional_text(media, "media_product_type")
    return (Attachment(kind="media", key=key, name=optional_text(media, "ad_title"), detail=kind),)
