"""What happens on a page: posts and comments, edited, hidden and removed; reactions; reviews; mentions elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from attrs import evolve

from crocevia import Attachment, Event, Ignored, InteractionRemoved, InteractionRevised, InteractionSeen
from crocevia_meta.account import Account
from crocevia_meta.envelope import Leaf
from crocevia_meta.facebook_page.change import Change
from crocevia_meta.node import UnreadableError, label, optional_id, optional_text, required_node, required_text

_READ = frozenset({"feed", "mention", "ratings"})
_POSTS = frozenset(
    {"post", "status", "photo", "video", "share", "link", "note", "album", "event", "coupon", "milestone", "question"}
)
_OF_THE_PAGE = frozenset({"album", "event", "coupon", "milestone"})
"""Only a page makes these, and Meta does not always say who."""
_HIDDEN = frozenset({"hide", "unhide", "block", "unblock"})
_EMOJI = {
    "like": "\N{THUMBS UP SIGN}",
    "love": "\N{HEAVY BLACK HEART}",
    "care": "\N{HUGGING FACE}",
    "haha": "\N{SMILING FACE WITH OPEN MOUTH AND TIGHTLY-CLOSED EYES}",
    "wow": "\N{FACE WITH OPEN MOUTH}",
    "sad": "\N{CRYING FACE}",
    "angry": "\N{POUTING FACE}",
}


def changed(leaf: Leaf, page: Account, received_at: datetime) -> Event:
    """One change of a page.

    Raises:
        UnreadableError: it is of no known kind, or what it needs is missing.
        MalformedError: its time is none.
    """
    name = required_text(leaf.node, "field")
    if "value" not in leaf.node:
        return Ignored(reason="the page's own details, not a touch", leaf=leaf.pointer)
    if name not in _READ:
        raise UnreadableError(f"field {label(name)}")
    change = Change(required_node(leaf.node, "value"), page, leaf, received_at)
    item = required_text(change.node, "item")
    reader = _READERS.get(item)
    if reader is None:
        raise UnreadableError(f"item {label(item)}")
    return evolve(reader(change), leaf=leaf.pointer)


def _post(change: Change) -> Event:
    """A post: a visitor's is a touch, the page's own speaks to nobody in particular."""
    if change.by_us or (change.author_id is None and change.node["item"] in _OF_THE_PAGE):
        return Ignored(reason="the page's own post, to nobody in particular")
    return _told(change, "post", change.target, None)


def _comment(change: Change) -> Event:
    """A comment of a customer's, or the page's own under somebody's words."""
    if change.comment is None:
        raise UnreadableError("a comment without 'comment_id'")
    return _told(change, "comment", change.comment, change.parent)


def _told(change: Change, kind: str, key: str, in_reply_to: str | None) -> Event:
    """What was said, or that what was said before is another, hidden or gone."""
    verb = required_text(change.node, "verb")
    stamp = f"{key}:{verb}:{int(change.told_at.timestamp())}"
    text = optional_text(change.node, "message")
    match verb:
        case "add":
            return _seen(change, key, kind=kind, text=text, attachments=change.attachments(), in_reply_to=in_reply_to)
        case "edit" | "edited":
            return InteractionRevised(
                key=stamp, of=key, at=change.told_at, text=text, attachments=change.attachments() or None
            )
        case "remove" | "delete":
            return InteractionRemoved(key=stamp, of=key, at=change.told_at)
    if verb in _HIDDEN:
        return Ignored(reason="hidden from visitors or shown again: what was said stays said")
    raise UnreadableError(f"verb {label(verb)}")


def _reaction(change: Change) -> Event:
    """A like or another reaction; taken back, it is another with an empty text, for Meta tells no id of it."""
    verb = required_text(change.node, "verb")
    if verb not in ("add", "edit", "remove", "unlike"):
        raise UnreadableError(f"verb {label(verb)}")
    if change.by_us:
        return Ignored(reason="the page's own reaction")
    type_ = optional_text(change.node, "reaction_type") or "like"
    stamp = int(change.at.timestamp())
    return _seen(
        change,
        f"reaction:{change.target}:{change.author_id or ''}:{stamp}:{type_}:{verb}",
        kind="reaction",
        text=_EMOJI.get(type_, type_) if verb in ("add", "edit") else "",
        in_reply_to=change.target,
        conversation=None,
    )


def _rating(change: Change) -> Event:
    """A review: stars of former years, or a recommendation."""
    verb = required_text(change.node, "verb")
    story = optional_id(change.node, "open_graph_story_id") or change.post
    if story is None:
        raise UnreadableError("a review without 'open_graph_story_id'")
    key, text = f"rating:{story}", optional_text(change.node, "review_text")
    given = optional_id(change.node, "rating") or optional_text(change.node, "recommendation_type")
    stars = (Attachment(kind="rating", detail=given.lower()),) if given else ()
    stamp = f"{key}:{verb}:{int(change.told_at.timestamp())}"
    match verb:
        case "add":
            thread = f"post:{change.post}" if change.post else None
            return _seen(change, key, kind="review", text=text, attachments=stars, conversation=thread)
        case "edit" | "edited":
            return InteractionRevised(key=stamp, of=key, at=change.told_at, text=text, attachments=stars or None)
        case "remove" | "delete":
            return InteractionRemoved(key=stamp, of=key, at=change.told_at)
    raise UnreadableError(f"verb {label(verb)}")


def _seen(change: Change, key: str, *, kind: str, **said: object) -> InteractionSeen:
    """A public touch. Of the page's own words the customer is whose words they answer."""
    said.setdefault("conversation", change.thread if kind in ("post", "comment") else None)
    return InteractionSeen(
        key=key,
        author=change.customer,
        at=change.at,
        direction="outbound" if change.by_us else "inbound",
        kind=kind,
        status="sent" if change.by_us else None,
        public=True,
        **said,  # type: ignore[arg-type]  # named as in InteractionSeen by the callers above
    )


_READERS: dict[str, Callable[[Change], Event]] = {
    **dict.fromkeys(_POSTS, _post),
    "comment": _comment,
    "like": _reaction,
    "reaction": _reaction,
    "rating": _rating,
}
