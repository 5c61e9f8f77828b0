"""Private messages of the page, of which only what this connection sent itself is its own: its answers to comments."""

from __future__ import annotations

from datetime import datetime

from crocevia import Event, StatusReported
from crocevia_meta.account import Account, marked
from crocevia_meta.envelope import Leaf
from crocevia_meta.node import optional_node, optional_text, optional_time, required_text


def read(leaf: Leaf, page: Account, received_at: datetime) -> Event | None:
    """The echo of a private answer of ours, which settles a send whose answer was lost; None for anything else.

    Raises:
        UnreadableError: an echo of ours without 'mid'.
        MalformedError: its time is none.
    """
    message = optional_node(leaf.node, "message") if isinstance(leaf.node, dict) else {}
    sent_by = marked(optional_text(message, "metadata")) if message.get("is_echo") is True else None
    if sent_by is None or sent_by[0] != page.connection:
        return None
    at = optional_time(leaf.node) or received_at
    return StatusReported(
        of=required_text(message, "mid"), status="sent", at=at, callback=sent_by[1], leaf=leaf.pointer
    )
