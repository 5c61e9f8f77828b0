"""People who wait for news of their conversations: one look at the store for all of them, while anybody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from functools import partial

from attrs import define, field

from crocevia.errors import StoreError
from crocevia.store.conversations import Mark

LOOK_EVERY_S = 0.5
MOST_WAITING = 400
"""Of the connections that the server takes; whoever comes above that is answered at once, and asks again."""

Look = Callable[[Collection[str]], Mapping[str, Mark]]
Marks = tuple[Mark | None, ...]
"""Of somebody's conversations, in their order."""


@define(eq=False)
class _Waiter:
    marks: Marks
    news: asyncio.Future[None] = field(factory=lambda: asyncio.get_running_loop().create_future())


class Waiting:
    """For one event loop.

    Args:
        look: Tells the marks of conversations; I/O, called in another thread.
        every_s: How often it is asked while somebody waits.
        most: How many may wait.
    """

    def __init__(self, look: Look, every_s: float = LOOK_EVERY_S, most: int = MOST_WAITING) -> None:
        self._look = look
        self.every_s = every_s
        self._most = most
        self._waiters: dict[tuple[str, ...], list[_Waiter]] = {}
        self._count = 0
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def __len__(self) -> int:
        return self._count

    @property
    def full(self) -> bool:
        """Whether nobody else may wait."""
        return self._closed or self._count >= self._most

    def close(self) -> None:
        """Let everybody go, and nobody wait any more; in the loop's thread."""
        self._closed = True
        for waiters in self._waiters.values():
            for waiter in waiters:
                _tell(waiter)

    async def news(
        self, conversations: tuple[str, ...], marks: Marks, seconds: float, gone: asyncio.Future[None]
    ) -> None:
        """Return when one of the conversations' marks is another one, the time is over, or the one who waits is gone.

        Args:
            marks: As they were when they were read last.
        """
        if self.full:
            return
        waiter = _Waiter(marks)
        self._waiters.setdefault(conversations, []).append(waiter)
        self._count += 1
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._watch())
        try:
            await asyncio.wait({waiter.news, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._count -= 1
            mine = self._waiters[conversations]
            mine.remove(waiter)
            if not mine:
                del self._waiters[conversations]

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiters:
                await asyncio.sleep(self.every_s)
                if not self._waiters:
                    return
                conversations = {one for waited in self._waiters for one in waited}
                try:
                    marks = await loop.run_in_executor(None, partial(self._look, conversations))
                except StoreError:
                    continue  # they wait until it answers again, or their time is over
                self._compare(conversations, marks)
        finally:
            self._task = None

    def _compare(self, conversations: AbstractSet[str], marks: Mapping[str, Mark]) -> None:
        for waited, waiters in self._waiters.items():
            if conversations >= set(waited):  # who came while it was looked was not looked for
                found = tuple([marks.get(one) for one in waited])
                for waiter in waiters:
                    if found != waiter.marks:
                        _tell(waiter)


def _tell(waiter: _Waiter) -> None:
    if not waiter.news.done():
        waiter.news.set_result(None)
