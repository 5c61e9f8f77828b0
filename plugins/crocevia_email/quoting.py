"""What is new in an answer: the text above, between and below what it quotes.

Line by line and in linear time, for a customer writes what is read here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST_LINE = 400
_ATTRIBUTION = re.compile(
    r"^[\s*_]*("
    r"(On|Il|In data|Em|El|Le|Am|Op)\b.{4,360}"
    r"\b(wrote|ha scritto|escribió|escreveu|a écrit|schrieb\b.{0,80}|schreef\b.{0,80})"
    r"|.{3,200}<[^<>@\s]+@[^<>\s]+>\s*(wrote|ha scritto)"
    r"|\d{4}-\d\d-\d\d.{0,40}<[^<>@\s]+@[^<>\s]+>"
    r")\s*:[\s*_]*$",
    re.IGNORECASE,
)
_OPENS = re.compile(r"^[\s*_]*(On|Il|In data|Em|El|Le|Am|Op)\s", re.IGNORECASE)
_ORIGINAL = re.compile(
    r"^\W{0,3}-{2,}\s*"
    r"(Original Message|Messaggio originale|Original-Nachricht|Mensaje original|Message d'origine)\s*-{2,}",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"^[\s*]*(From|Sent|Date|To|Cc|Subject|Da|Inviato|Data|A|Oggetto|Von|Gesendet|An|Betreff)\s*:\*?\s*\S",
    re.IGNORECASE,
)
_FIRST_FIELD = re.compile(r"^[\s*]*(From|Da|Von)\s*:\*?\s*\S", re.IGNORECASE)
_RULE = re.compile(r"^\s*[_-]{10,}\s*$")


def new(text: str) -> str:
    """The text without the history it quotes; the whole text when nothing else is in it.

    Known: lines after `>`; "On ... wrote:" and "Il giorno ... ha scritto:", also over several lines; Outlook's
    "Original Message" and its block of From, Sent, To, Subject, in English, Italian and German.
    """
    lines = text.split("\n")
    kept: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        if _ORIGINAL.match(line[:_LONGEST_LINE]) or _starts_header(lines, index):
            break
        length = _attribution(lines, index)
        if length:
            if not _quotes(lines, index + length):
                break  # nothing marks where the quoted text ends: it goes on to the end
            index += length
            continue
        if not line.startswith(">"):
            kept.append(line)
        index += 1
    while kept and (not kept[-1].strip() or _RULE.match(kept[-1])):
        kept.pop()
    found = "\n".join(kept).strip("\n")
    return found if found.strip() else text.strip("\n")


def _attribution(lines: Sequence[str], index: int) -> int:
    """How many lines from here on say who wrote what follows; 0: none."""
    first = lines[index]
    if not first.strip() or len(first) > _LONGEST_LINE:
        return 0
    if _ATTRIBUTION.match(first):
        return 1
    if not _OPENS.match(first):
        return 0
    for length in (2, 3):
        several = " ".join(line.strip() for line in lines[index : index + length])
        if len(several) <= _LONGEST_LINE and _ATTRIBUTION.match(several):
            return length
    return 0


def _quotes(lines: Sequence[str], index: int) -> bool:
    """Whether the next line that is not empty is quoted."""
    following = next((line for line in lines[index : index + 4] if line.strip()), "")
    return following.startswith(">")


def _starts_header(lines: Sequence[str], index: int) -> bool:
    """Whether a block of header fields, as Outlook puts above what it quotes, starts here."""
    if not _FIRST_FIELD.match(lines[index][:_LONGEST_LINE]):
        return False
    near = [line[:_LONGEST_LINE] for line in lines[index : index + 8]]
    names = {found.group(1).lower() for line in near if (found := _FIELD.match(line))}
    return len(names) >= 3


def unflowed(text: str) -> str:
    """Join the lines of a `format=flowed` text (RFC 3676): those of one depth that end with a space."""
    joined: list[list[str]] = []
    open_depth = -1
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        body = line[depth:].removeprefix(" ")
        if open_depth == depth and body != "-- ":
            joined[-1].append(body)
        else:
            joined.append([f"{'>' * depth} {body}" if depth else body])
        open_depth = depth if body.endswith(" ") and body != "-- " else -1
    return "\n".join("".join(pieces) for pieces in joined)
