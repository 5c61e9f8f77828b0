"""What a mail says: its new text, and its attachments by reference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.message import Message as Mime
from urllib.parse import quote

from attrs import field, frozen

from crocevia import Attachment
from crocevia_email import calendar, hypertext, quoting
from crocevia_email.words import clean, decoded, text_of, unescaped

_DEEPEST = 30
_MOST_PARTS = 300
_MOST_TEXT = 100_000
"""Characters of a text that are kept; the raw has the rest."""
_KINDS = {"image": "image", "audio": "audio", "video": "video"}


@frozen
class Place:
    """Where a mail lies on its server, for what is fetched later; `omitted`: sizes of the bodies left out, by part."""

    folder: str
    validity: str
    uid: str
    omitted: Mapping[str, int] = field(factory=dict)

    def key(self, part: str) -> str:
        """A key of an attachment: `imap:INBOX;1732200000;17;2`."""
        return f"imap:{quote(self.folder, safe='')};{self.validity};{self.uid};{part}"


@frozen
class Part:
    """A part without parts of its own, with its number as IMAP counts (RFC 3501, 6.4.5)."""

    mime: Mime
    number: str

    @property
    def type(self) -> str:
        """`text/plain` and so on, in lower case; what calls itself several parts and is one is a text."""
        found = self.mime.get_content_type()
        return "text/plain" if found.startswith("multipart/") else found

    @property
    def disposition(self) -> str:
        """`inline`, `attachment` or `""`."""
        found = re.match(r"[\w-]+", unescaped(str(self.mime.get("content-disposition", ""))).strip())
        return found.group(0).lower() if found else ""

    @property
    def name(self) -> str | None:
        """The file's name, without a path; None when it has none."""
        fields = Mime()
        for header in ("Content-Disposition", "Content-Type"):
            for value in (raw for name, raw in self.mime.raw_items() if name.lower() == header.lower()):
                fields[header] = " ".join(unescaped(str(value)).split())
        try:
            given = fields.get_filename()
        except (LookupError, ValueError, TypeError, AttributeError):  # parameters that only look like RFC 2231
            given = None
        shown = " ".join(decoded(str(given)).split()) if given else ""
        return re.split(r"[/\\]", shown)[-1][:255] or None

    @property
    def body(self) -> bytes:
        """The bytes, as far as their encoding can be undone."""
        found = self.mime.get_payload(decode=True)
        return found if isinstance(found, bytes) else b""

    @property
    def text(self) -> str:
        """The bytes as text."""
        try:
            charset = self.mime.get_param("charset")
        except (LookupError, ValueError, TypeError):
            charset = None
        given = charset[2] if isinstance(charset, tuple) else charset
        return clean(text_of(self.body, unescaped(str(given)) if given else None))

    @property
    def is_flowed(self) -> bool:
        """Whether its lines are to be joined (RFC 3676)."""
        return str(self.mime.get_param("format", "")).lower() == "flowed"

    @property
    def is_text(self) -> bool:
        """Whether it is read as the mail's text, rather than attached."""
        return self.type in ("text/plain", "text/html") and self.disposition != "attachment" and not self.name


@frozen
class Content:
    """`text` None: nothing in words. `whole`: with what is quoted."""

    text: str | None
    whole: str | None
    attachments: tuple[Attachment, ...]


def read(mime: Mime, place: Place | None, *, keeps_quotes: bool) -> Content:
    """The content of a mail; never raises.

    Args:
        place: Where it lies; None: attachments cannot be fetched.
        keeps_quotes: Whether what is quoted is news: the mail forwards it.
    """
    found = list(parts(mime))
    chosen = [part for part in _chosen(mime, found) if part.is_text]
    texts = [_said(part, keeps_quotes=keeps_quotes) for part in chosen]
    invitations = [calendar.said(part.text) for part in found if part.type == "text/calendar"]
    new, whole = ("\n\n".join(filter(None, (pair[side].strip() for pair in texts))) for side in (0, 1))
    text = new or "\n\n".join(filter(None, invitations)) or None
    files = [part for part in found if not part.is_text]
    return Content(
        text=text and text[:_MOST_TEXT],
        whole=whole or text,
        attachments=tuple(_attachment(part, place) for part in files),
    )


def parts(mime: Mime, number: str = "", depth: int = 0) -> Iterator[Part]:
    """Every part that has none of its own, in order, as far as sense goes; an attached mail is one part."""
    children = mime.get_payload() if mime.get_content_maintype() == "multipart" else None
    if not isinstance(children, list) or depth >= _DEEPEST:
        yield Part(mime, number or "1")
        return
    for index, child in enumerate(children[:_MOST_PARTS], start=1):
        if isinstance(child, Mime):
            yield from parts(child, f"{number}.{index}" if number else str(index), depth + 1)


def _chosen(mime: Mime, found: list[Part]) -> list[Part]:
    """The parts whose text is the mail's: of alternatives, the plain one unless it is empty."""
    dropped: set[int] = set()
    _drop(mime, {id(part.mime): part for part in found}, dropped, 0)
    return [part for part in found if id(part.mime) not in dropped]


def _drop(mime: Mime, by_id: Mapping[int, Part], dropped: set[int], depth: int) -> None:
    children = mime.get_payload() if mime.get_content_maintype() == "multipart" else None
    if not isinstance(children, list) or depth >= _DEEPEST:
        return
    for child in (child for child in children[:_MOST_PARTS] if isinstance(child, Mime)):
        _drop(child, by_id, dropped, depth + 1)
    if mime.get_content_type() != "multipart/alternative":
        return
    below = [by_id[id(part.mime)] for part in parts(mime) if id(part.mime) in by_id]
    texts = [part for part in below if part.is_text and id(part.mime) not in dropped and part.body.strip()]
    kind = "text/plain" if any(part.type == "text/plain" for part in texts) else "text/html"
    dropped.update(id(part.mime) for part in texts if part.type != kind)


def _said(part: Part, *, keeps_quotes: bool) -> tuple[str, str]:
    """The text without and with what is quoted."""
    if part.type == "text/html":
        return hypertext.said(part.text, keeps_quotes=keeps_quotes)
    whole = part.text[: 2 * _MOST_TEXT]
    whole = quoting.unflowed(whole) if part.is_flowed else whole
    return (whole if keeps_quotes else quoting.new(whole)), whole


def _attachment(part: Part, place: Place | None) -> Attachment:
    omitted = place.omitted.get(part.number) if place else None
    name = part.name
    if part.type == "message/rfc822" and name is None:
        name = _subject_of_attached(part.mime)
    return Attachment(
        kind=_KINDS.get(part.mime.get_content_maintype(), "document"),
        key=place.key(part.number) if place else None,
        mime_type=part.type,
        name=name,
        size_bytes=_size(part) if omitted is None else omitted,
    )


def _size(part: Part) -> int | None:
    payload = part.mime.get_payload()
    return None if isinstance(payload, list) else len(part.body)


def _subject_of_attached(mime: Mime) -> str | None:
    inner = mime.get_payload()
    if not isinstance(inner, list) or not inner or not isinstance(inner[0], Mime):
        return None
    subject = next((value for name, value in inner[0].raw_items() if name.lower() == "subject"), "")
    return " ".join(decoded(unescaped(str(subject))).split())[:200] or None
