"""Whose is what came while two customers were taken for one? Pure: addresses and threads in, sides out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from attrs import define, frozen

OURS, THEIRS = "ours", "theirs"
Thread = tuple[str, str]
"""Connection and conversation."""


@frozen
class Came:
    """One interaction that came since. `thread`: None where it has none; `record`: whose record it was written on."""

    id: int
    addresses: frozenset[str]
    thread: Thread | None = None
    record: str | None = None


@define
class Sides:
    """Which addresses and threads are known to be whose; grows as interactions are placed."""

    addresses: dict[str, set[str]]
    threads: dict[str, set[Thread]]

    def of(self, one: Came) -> str | None:
        """The one side that it belongs to; None when that is neither or both: addresses say more than threads."""
        by_address = {side for side in (OURS, THEIRS) if not self.addresses[side].isdisjoint(one.addresses)}
        if by_address:
            return by_address.pop() if len(by_address) == 1 else None
        by_thread = {side for side in (OURS, THEIRS) if one.thread is not None and one.thread in self.threads[side]}
        if by_thread:
            return by_thread.pop() if len(by_thread) == 1 else None
        return one.record

    def learn(self, side: str, one: Came) -> None:
        """What came with a known address is known as that customer's too."""
        self.addresses[side] |= one.addresses
        if one.thread is not None:
            self.threads[side].add(one.thread)


def place(
    came: Iterable[Came],
    addresses: Mapping[str, Collection[str]],
    threads: Mapping[str, Collection[Thread]],
) -> tuple[dict[int, str], Sides]:
    """The side of each interaction that can be placed, and all that was learnt about whose is what.

    Args:
        came: What came since, oldest first.
        addresses, threads: What each side was known by before, by side; what both were known by tells nothing.
    """
    both = set(addresses[OURS]) & set(addresses[THEIRS])
    shared = set(threads[OURS]) & set(threads[THEIRS])
    sides = Sides(
        {side: set(addresses[side]) - both for side in (OURS, THEIRS)},
        {side: set(threads[side]) - shared for side in (OURS, THEIRS)},
    )
    placed: dict[int, str] = {}
    waiting = list(came)
    while True:
        left = []
        for one in waiting:
            side = sides.of(one)
            if side is None:
                left.append(one)
            else:
                placed[one.id] = side
                sides.learn(side, one)
        if len(left) == len(waiting):
            return placed, sides
        waiting = left
