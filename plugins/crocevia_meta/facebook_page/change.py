"""One change of a page's feed: what was done to what, by whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property

from attrs import field, frozen

from crocevia import Attachment, ContactPoint, Party
from crocevia_meta.account import Account
from crocevia_meta.envelope import Leaf
from crocevia_meta.node import Node, UnreadableError, optional_id, optional_node, optional_text, optional_time

_ITEM_IDS = ("photo_id", "video_id", "share_id", "album_id", "event_id", "link_id", "note_id")


@frozen(slots=False)
class Change:
    """The `value` of a change of `feed`, `mention` or `ratings`.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/reference/page (`feed`, `mention`, `ratings`,
    Graph API v23.0); names of before v3.0 (`sender_id`, `reviewer_id`) are read too.
    """

    node: Node
    page: Account
    leaf: Leaf = field(repr=False)
    received_at: datetime

    @cached_property
    def told_at(self) -> datetime:
        """When Meta told it: of what is done to something earlier, the time it was done."""
        return optional_time(self.leaf.around.get("entry", {}), "time") or self.received_at

    @cached_property
    def at(self) -> datetime:
        """When it was made."""
        return optional_time(self.node, "created_time") or self.told_at

    @cached_property
    def author_id(self) -> str | None:
        """Who did it, by an id that this page alone has for them; often untold."""
        names = ("sender_id", "reviewer_id")
        return optional_id(optional_node(self.node, "from"), "id") or next(
            (id_ for name in names if (id_ := optional_id(self.node, name))), None
        )

    @cached_property
    def by_us(self) -> bool:
        """Whether the page itself did it."""
        return self.author_id == self.page.id

    @cached_property
    def customer(self) -> Party:
        """Who did it; nobody where Meta hides it.

        The id is the one that Messenger has for the same person and page, so that who comments and who writes are
        found to be one.
        """
        if self.by_us:
            return Party()
        names = [optional_text(self.node, name) for name in ("sender_name", "reviewer_name")]
        name = optional_text(optional_node(self.node, "from"), "name") or next(filter(None, names), None)
        if self.author_id is None:
            return Party(name=name)
        kinds = (self.page.kind, "messenger")
        return Party([ContactPoint(kind, self.page.id, self.author_id) for kind in kinds], name=name)

    @cached_property
    def post(self) -> str | None:
        """The key of the post it is, or is about."""
        if post := optional_id(self.node, "post_id"):
            return post
        return next((f"{self.page.id}_{id_}" for name in _ITEM_IDS if (id_ := optional_id(self.node, name))), None)

    @cached_property
    def comment(self) -> str | None:
        """The key of the comment it is, or is about."""
        return optional_id(self.node, "comment_id")

    @cached_property
    def parent(self) -> str | None:
        """What is answered: a post or a comment."""
        return optional_id(self.node, "parent_id") or self.post

    @property
    def target(self) -> str:
        """The key of what it is done to.

        Raises:
            UnreadableError: it names nothing.
        """
        if found := self.comment or self.post:
            return found
        raise UnreadableError("neither a post nor a comment")

    @property
    def thread(self) -> str:
        """Where it is answered: a comment has a thread of its own, for others may write under the same one.

        The page's answer belongs to the comment that it answers.
        """
        if self.comment is None:
            return f"post:{self.target}"
        answers = self.by_us and self.parent not in (None, self.post)
        return f"comment:{self.parent if answers else self.comment}"

    def attachments(self) -> tuple[Attachment, ...]:
        """Photos, videos and links, by URLs that expire."""
        return tuple(self._attachments())

    def _attachments(self) -> Iterator[Attachment]:
        kinds = {"photo": "image", "video": "video"}
        for name, kind in kinds.items():
            if url := optional_text(self.node, name):
                yield Attachment(kind=kind, url=url)
        photos = self.node.get("photos")
        for url in photos if isinstance(photos, list) else ():
            if isinstance(url, str):
                yield Attachment(kind="image", url=url)
        if url := optional_text(self.node, "link"):
            item = optional_text(self.node, "item") or ""
            yield Attachment(kind=kinds.get(item, "link"), key=optional_id(self.node, f"{item}_id"), url=url)
