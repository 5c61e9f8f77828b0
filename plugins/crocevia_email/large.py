"""Large mails, read without the bodies of their files; and one file of a mail, when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import define, field

from crocevia_email.mailbox import Mailbox
from crocevia_email.mime import parsed

_MOST_PARTS = 200
_DEEPEST = 30


@define
class Rebuilt:
    """One large mail, put together again from its headers and texts, with nothing where its files were.

    Attributes:
        most_bytes: Of a text, more is left out.
        omitted: Encoded sizes of the bodies left out, by the number of the part.
    """

    mailbox: Mailbox
    uid: int
    most_bytes: int
    omitted: dict[str, int] = field(factory=dict, init=False)

    def body(self) -> bytes | None:
        """The mail; None when it is gone."""
        head, structure = self._section("HEADER"), self.mailbox.structure(self.uid)
        if not head or structure is None:
            return None
        head = head.rstrip(b"\r\n") + b"\r\n\r\n"
        if _is_multipart(structure):
            return head + b"".join(self._inside(structure, head, "", 0))
        return head + self._leaf(structure, "1", "TEXT")

    def _inside(self, structure: Any, head: bytes, number: str, depth: int) -> Iterator[bytes]:
        """The parts of a multipart, between the boundary that its header names."""
        boundary = parsed(head).get_boundary(failobj="") or ""
        edge = b"--" + boundary.encode("utf-8", "replace")
        for index, child in enumerate(structure[0][:_MOST_PARTS], start=1):
            inner = f"{number}.{index}" if number else str(index)
            mime = self._section(f"{inner}.MIME").rstrip(b"\r\n") + b"\r\n\r\n"
            yield edge + b"\r\n" + mime
            if _is_multipart(child) and depth < _DEEPEST:
                yield from self._inside(child, mime, inner, depth + 1)
            else:
                yield self._leaf(child, inner, inner) + b"\r\n"
        yield edge + b"--\r\n"

    def _leaf(self, structure: Any, number: str, section: str) -> bytes:
        """A text, or nothing where a file is."""
        kind, size = _facts(structure)
        if kind.startswith(("text/", "message/delivery", "message/disposition", "message/feedback")):
            return self._section(section, self.most_bytes)
        self.omitted[number] = size
        return b""

    def _section(self, section: str, most_bytes: int | None = None) -> bytes:
        return self.mailbox.bodies([self.uid], section, most_bytes).get(self.uid, b"")


def file(mailbox: Mailbox, uid: int, number: str, most_bytes: int) -> bytes | None:
    """The bytes of one part, its encoding undone; None when the mail or the part is gone.

    Args:
        most_bytes: Larger ones are cut there, and so show by their length.
    """
    structure = mailbox.structure(uid)
    alone = number == "1" and structure is not None and not _is_multipart(structure)
    head = mailbox.bodies([uid], "HEADER" if alone else f"{number}.MIME").get(uid)
    body = mailbox.bodies([uid], "TEXT" if alone else number, most_bytes).get(uid)
    if head is None or body is None:
        return None
    payload = parsed(head.rstrip(b"\r\n") + b"\r\n\r\n" + body).get_payload(decode=True)
    return payload if isinstance(payload, bytes) else body


def _is_multipart(structure: Any) -> bool:
    """Of a BODYSTRUCTURE (RFC 9051, 7.5.2), whose parts the client gathers in a list."""
    return isinstance(structure, tuple | list) and bool(structure) and isinstance(structure[0], list)


def _facts(structure: Any) -> tuple[str, int]:
    """Type and encoded size of a part that has none of its own."""
    try:
        return b"/".join(structure[:2]).decode("ascii", "replace").lower(), int(structure[6])
    except (TypeError, IndexError, ValueError):
        return "application/octet-stream", 0
