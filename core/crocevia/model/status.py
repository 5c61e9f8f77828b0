"""Delivery statuses form an order: a later report never takes an interaction back."""

from __future__ import annotations

from collections.abc import Collection

from crocevia.model.event import Status

_RANK: dict[str | None, int] = {
    None: 0,
    "to send": 1,
    "sending": 2,
    "sent": 3,
    "failed": 4,
    "received": 5,
    "delivered": 5,
    "read": 6,
    "played": 7,
}


def advances(new: Status, current: str | None) -> bool:
    """Whether `new` tells more than `current`.

    `failed` is final over `sent`, but a channel that delivered all the same (WhatsApp does, when a device
    was off) wins over an earlier `failed`.
    """
    return _RANK[new] > _RANK.get(current, 0)


def together(parts: Collection[Status]) -> Status:
    """The status of what went as several messages: failed where one has, else that of the least advanced."""
    return "failed" if "failed" in parts else min(parts, key=lambda status: _RANK[status])
