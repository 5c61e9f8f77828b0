"""A long text in pieces, cut where it hurts least. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

_PARAGRAPH = re.compile(r"\n\s*\n")  # that begins with a line's end: a run of spaces is not tried from each of them
_LINE = re.compile(r"\n")
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'»”)\]]*\s+|(?<=[\u3002\uff01\uff1f])")
_WORD = re.compile(r"\s+")
_NICE = (_PARAGRAPH, _LINE, _SENTENCE, _WORD)
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")
_SKIN = range(0x1F3FB, 0x1F400)
_FLAGS = range(0x1F1E6, 0x1F200)


def split(text: str, longest: int | None, most: int) -> list[str] | None:
    """A text in pieces of at most `longest` characters; None when that takes more than `most`.

    Between paragraphs, else lines, sentences, words; within a word only where it is longer than a whole message.
    Nothing but the space at the borders is lost. What fits is left as it is.

    Args:
        longest: At least 1; None: no limit.
    """
    if not text:
        return []
    if longest is None or len(text) <= longest:
        return [text]
    for borders in (_NICE, (_WORD,)):  # the nice borders may take more pieces
        pieces = list(_pieces(text.strip(), longest, borders, most))
        if len(pieces) <= most:
            return pieces
    return None


def _pieces(text: str, longest: int, borders: Sequence[re.Pattern[str]], most: int) -> Iterator[str]:
    for _ in range(most):
        if len(text) <= longest:
            break
        end, start = _border(text, longest, borders)
        yield text[:end].rstrip()
        text = text[start:].lstrip()
    if text:
        yield text


def _border(text: str, longest: int, borders: Sequence[re.Pattern[str]]) -> tuple[int, int]:
    """Where the first piece ends and the next one begins."""
    window = text[: longest + 1]
    for border in borders:
        least = 1 if border is _WORD else longest // 3  # a short piece is worse than a border of a lesser kind
        found = None
        for match in border.finditer(window):
            end = match.start() + len(match.group().rstrip())
            if least <= end <= longest and match.end() > 0:
                found = end, match.end()
        if found is not None:
            return found
    cut = longest
    while cut > 1 and _within_character(text, cut):
        cut -= 1
    cut = cut if cut > 1 or longest == 1 else longest
    return cut, cut


def _within_character(text: str, cut: int) -> bool:
    """Whether what a person sees as one character lies across."""
    before, after = text[cut - 1], text[cut]
    if before in _JOINERS - {"\ufe0e", "\ufe0f"} or after in _JOINERS or unicodedata.combining(after):
        return True
    return ord(after) in _SKIN or (ord(before) in _FLAGS and ord(after) in _FLAGS)
