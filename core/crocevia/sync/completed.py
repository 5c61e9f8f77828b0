"""What becomes known of an interaction after it: a call's length and outcome, its recording, a transcript."""

from __future__ import annotations

from typing import Any

from crocevia.model import Attachment, InteractionCompleted, to_us
from crocevia.store.interactions import InteractionRow, duration_s


def complete(row: InteractionRow, event: InteractionCompleted) -> bool:
    """Add what an event says to the row in memory; False when all of it is known already.

    Of two values the one said later stands, whichever comes first; what the interaction came with counts as said when
    it was made. Nothing is added to the words of what was removed.
    """
    at = to_us(event.at)
    changed = [
        _say(row, name, value, at)
        for name, value in (("duration_s", duration_s(event.duration)), ("outcome", event.outcome))
        if value is not None
    ]
    if not row.removed:
        changed.append(_transcribe(row, event.text, at))
        changed += [_attach(row, file) for file in event.attachments]
    return any(changed)


def _say(row: InteractionRow, name: str, value: Any, at: int) -> bool:
    said: dict[str, int] = row.detail.get("said", {})
    held = row.detail.get(name)
    if held is not None and (at, str(value)) <= (said.get(name, row.at), str(held)):
        return False
    row.detail["said"] = {**said, name: at}
    row.detail[name] = value
    return True


def _transcribe(row: InteractionRow, text: str | None, at: int) -> bool:
    held_at = row.detail.get("edited_at", row.at)
    if text is None or (row.text is not None and (at, text) <= (held_at, row.text)):
        return False
    row.detail["edited_at"] = max(at, held_at) if row.text is not None else at
    row.text = text
    return True


def _attach(row: InteractionRow, file: Attachment) -> bool:
    """Add a file, or what is newly said of one that is there."""
    held: list[dict[str, Any]] = row.detail.get("attachments", [])
    facts = file.facts()
    for index, one in enumerate(held):
        if any(name in facts and one.get(name) == facts[name] for name in ("key", "url")):
            fuller = {**facts, **one}
            row.detail["attachments"] = [*held[:index], fuller, *held[index + 1 :]]
            return fuller != one
    row.detail["attachments"] = [*held, facts]
    return True
