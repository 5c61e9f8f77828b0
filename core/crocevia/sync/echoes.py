"""A message of ours that a channel tells us of before it has told what became of its sending."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from crocevia.model import InteractionSeen, to_us
from crocevia.store import commands
from crocevia.store.commands import CommandRow
from crocevia.sync.batch import Batch

_SKEW = int(timedelta(minutes=5).total_seconds() * 1_000_000)
"""So much may the channel's clock be behind ours."""


def ours(batch: Batch, events: Sequence[InteractionSeen]) -> list[tuple[CommandRow, InteractionSeen]]:
    """Which sends of unknown outcome these outbound messages are: the same words, to the same customer, not earlier.

    An echo names no command. If a person has typed the very same words to the customer elsewhere in the same minutes,
    the two are taken for one: he has them once, which is what was wanted.
    """
    echoes = [event for event in events if event.direction == "outbound" and event.text]
    if not echoes:
        return []
    doubtful = commands.doubtful(batch.transaction, batch.live.name)
    found: list[tuple[CommandRow, InteractionSeen]] = []
    for event in echoes:
        command = next((command for command in doubtful if _same(command, event)), None)
        if command is not None:
            doubtful.remove(command)
            found.append((command, event))
    return found


def _same(command: CommandRow, event: InteractionSeen) -> bool:
    asked = command.payload
    if event.text != command.text or to_us(event.at) < command.created_at - _SKEW:
        return False
    if event.conversation is not None and event.conversation == asked.get("conversation"):
        return True
    return asked.get("to") in {point.address for point in event.customer.points}
