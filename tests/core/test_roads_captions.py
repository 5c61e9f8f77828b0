"""Text and files of one answer: together where the channel carries them so, else one after the other."""

from datetime import UTC, datetime

import pytest

from crocevia.model import Attachment, Capabilities, ContactPoint, Message
from crocevia.sync.degrade import fit

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
A, B = (Attachment(kind="image", url=f"https://shop.example/{name}.png", mime_type="image/png") for name in "ab")


@pytest.mark.parametrize(
    ("caption", "text", "expected"),
    [
        (None, "Eccole", [("Eccole", (A,)), (None, (B,))]),
        (6, "Eccole", [("Eccole", (A,)), (None, (B,))]),
        (5, "Eccole", [("Eccole", ()), (None, (A,)), (None, (B,))]),
        (0, "Eccole", [("Eccole", ()), (None, (A,)), (None, (B,))]),
        (0, None, [(None, (A,)), (None, (B,))]),
        (6, "Eccole qui", [("Eccole", ()), ("qui", ()), (None, (A,)), (None, (B,))]),
    ],
)
def test_a_text_that_cannot_stand_with_a_file_goes_before_it(
    caption: int | None, text: str | None, expected: list[tuple[str | None, tuple[Attachment, ...]]]
) -> None:
    """Nothing is refused that could go as two messages."""
    message = Message(id="c1", to=ContactPoint("chat", "", "ada"), text=text, attachments=(A, B))
    limits = Capabilities(max_text=6, max_caption=caption, media={"image/": 1000})
    parts = fit(message, limits, NOW)
    assert not isinstance(parts, str)
    assert [(part.text, part.attachments) for part in parts] == expected
