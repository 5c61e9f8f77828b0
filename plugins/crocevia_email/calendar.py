"""An invitation (RFC 5545) in few words."""

from __future__ import annotations

import re

_FIELDS = ("SUMMARY", "DTSTART", "DTEND", "LOCATION", "DESCRIPTION")
_UNESCAPED = {"\\n": "\n", "\\N": "\n", "\\,": ",", "\\;": ";", "\\\\": "\\"}


def said(text: str) -> str:
    """What the first event of a calendar says: summary, times, place and description, a line each."""
    unfolded = re.sub(r"\n[ \t]", "", text[:100_000])
    event = unfolded.partition("BEGIN:VEVENT")[2].partition("END:VEVENT")[0]
    values: dict[str, str] = {}
    for line in event.split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            values.setdefault(name.partition(";")[0].upper(), value.strip())
    shown = (re.sub(r"\\[nN,;\\]", lambda found: _UNESCAPED[found.group(0)], values.get(name, "")) for name in _FIELDS)
    return "\n".join(filter(None, shown))
