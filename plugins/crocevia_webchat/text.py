"""What visitors write, made fit to be kept and shown."""

from __future__ import annotations

import re

MOST_TEXT = 4000
"""Characters of one message."""
_BREAKS = re.compile(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


def clean(text: str) -> str:
    """Without control characters and outer blanks; every line break a line feed. Emoji and right-to-left are text."""
    return _CONTROLS.sub("", _BREAKS.sub("\n", text)).strip()


def short(value: object, most: int) -> str | None:
    """One line of at most so many characters; None for anything that is no text, or an empty one."""
    return clean(value).replace("\n", " ")[:most] or None if isinstance(value, str) else None


def language(value: object) -> str | None:
    """A BCP 47 tag; None for anything else."""
    return value if isinstance(value, str) and _LANGUAGE.fullmatch(value) else None
