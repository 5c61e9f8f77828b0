"""What is to be done about one call of somebody who comes to the company's own channel: answer, keep, or show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

JSON = "application/json"


@frozen(kw_only=True)
class VisitorReply:
    """An answer that is ready.

    Attributes:
        status: Of HTTP.
        body: The bytes.
        content_type: Theirs.
        headers: Further ones, names in lower case; they stand over the core's own.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200) -> VisitorReply:
        """A value as JSON."""
        return cls(status=status, body=json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


@frozen(kw_only=True)
class VisitorSaid:
    """Something to be kept: the core journals `body` as a raw of the connection, and gives `reply` when it is on disk.

    Attributes:
        visitor: Whose calls it counts among, for the limit.
        body: For `parse`: what was posted, and what the server knows besides.
        reply: What a kept one is answered with.
        conversations: Whose lines `about` speaks of; none where it speaks of none.
        about: Keys of lines of the company. Where one is not in these conversations, nothing is kept: 404.
    """

    visitor: str
    body: bytes
    reply: VisitorReply
    conversations: tuple[str, ...] = ()
    about: tuple[str, ...] = ()


@frozen(kw_only=True)
class VisitorReads:
    """Conversations to be shown as one: the core answers `{"lines": [...], "cursor": "..."}` from the log.

    A visitor's own messages are shown, and what the company has sent to these conversations over this connection;
    never a note, never what is still to be sent or has failed, never anything of another conversation.

    Attributes:
        visitor: Whose calls it counts among, for the limit.
        conversations: The visitor's own, as he has proven who he is.
        after: The cursor of an earlier answer: only what is new or changed since; `""`: all that is shown.
        wait_s: How long to hold the answer back while there is nothing new; 0: not at all.
        also: Further members of the answer.
    """

    visitor: str
    conversations: tuple[str, ...]
    after: str = ""
    wait_s: float = 0.0
    also: Mapping[str, Any] = field(factory=dict)


Visit = VisitorReply | VisitorSaid | VisitorReads
