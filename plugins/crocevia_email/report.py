"""What servers and programs tell of a mail of ours: it bounced, it was read, its reader complains."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from email.message import Message as Mime
from typing import Literal
from urllib.parse import quote, unquote

from attrs import frozen

from crocevia import ConsentReported, Event, Ignored, StatusReported
from crocevia_email.content import Part, parts
from crocevia_email.head import Head, ids
from crocevia_email.mime import header

_ORIGINALS = ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global")
_DAEMONS = re.compile(r"^(mailer-daemon|postmaster|mail-daemon|mdaemon)@?", re.IGNORECASE)
_COPY_BELOW = re.compile(
    r"^-+ ?(Below this line is a copy|This is a copy of (the|your) message|Original message follows"
    r"|A copy of the message|The body of the message is|Undelivered message follows)",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTED_ID = re.compile(r"^[> ]*Message-ID:\s*(<[^<>\n]{1,500}>)", re.IGNORECASE | re.MULTILINE)
_CODE = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_LONGEST_DETAIL = 200


@frozen
class Mine:
    """How Message-IDs of our own are made: our message's id at our domain."""

    domain: str

    def key(self, message_id: str) -> str:
        """The Message-ID of a message of ours, without brackets: the same for each attempt to send it."""
        return f"{quote(message_id, safe='-._~')}@{self.domain}"

    def message_id(self, key: str) -> str | None:
        """Our message's id of such a Message-ID; None for anybody else's."""
        left, _, domain = key.rpartition("@")
        return unquote(left) if left and domain.lower() == self.domain else None


def told(mime: Mime, head: Head, at: datetime, mine: Mine, *, is_proven: bool) -> Event | None:
    """What a report says; None when the mail is none.

    Source: RFC 3464 (delivery), RFC 8098 (disposition), RFC 5965 (feedback).
    """
    found = list(parts(mime))
    by_type = {part.type: part for part in reversed(found)}
    if "message/feedback-report" in by_type:
        return _complaint(found, by_type["message/feedback-report"], head, at, mine, is_proven=is_proven)
    if "message/disposition-notification" in by_type:
        return _disposition(_blocks([by_type["message/disposition-notification"]]), at, mine)
    states = [part for part in found if part.type in ("message/delivery-status", "message/global-delivery-status")]
    if states:
        return _delivery(_blocks(states), _original(found, head), at, mine)
    return _unstructured(found, head, at, mine)


def _delivery(blocks: list[Head], original: str | None, at: datetime, mine: Mine) -> Event:
    worst = next((block for block in blocks if block.word("action") == "failed"), None)
    told = worst or next((block for block in blocks if "action" in block), None)
    action = told.word("action") if told else ""
    if told is None or original is None:
        return Ignored(reason="a delivery report that does not say of which message")
    if action not in ("failed", "delivered"):
        return Ignored(reason="a delivery report that decides nothing: the message is still under way")
    detail = None
    if action == "failed":
        said = " ".join(told.first("diagnostic-code").partition(";")[2].split()) or "undeliverable"
        detail = f"{told.word('status')}: {said}"[:_LONGEST_DETAIL]
    status: Literal["failed", "delivered"] = "failed" if action == "failed" else "delivered"
    return StatusReported(of=original, status=status, at=at, detail=detail, callback=mine.message_id(original))


def _disposition(blocks: list[Head], at: datetime, mine: Mine) -> Event:
    original = next((one for block in blocks for one in ids(block.first("original-message-id"))), None)
    shown = next((block.first("disposition").lower() for block in blocks if "disposition" in block), "")
    if original is None:
        return Ignored(reason="a receipt that does not say of which message")
    if "displayed" not in shown.rpartition(";")[2]:
        return Ignored(reason="a receipt of a message that was not read")
    return StatusReported(of=original, status="read", at=at, callback=mine.message_id(original))


def _complaint(found: list[Part], report: Part, head: Head, at: datetime, mine: Mine, *, is_proven: bool) -> Event:
    """A reader said that a mail of ours is unwanted. Believed of who is proven, or knows a Message-ID of ours."""
    blocks = _blocks([report])
    kind = next((block.word("feedback-type") for block in blocks if "feedback-type" in block), "")
    if kind not in ("abuse", "fraud", "opt-out", "opt-out-list"):
        return Ignored(reason="a feedback report that is no complaint")
    original = _original(found, head)
    readers = next((one for block in blocks if (one := block.addresses("original-rcpt-to"))), [])
    if not readers:
        readers = [one for inner in _originals(found) for one in inner.addresses("to")]
    if len(readers) != 1:
        return Ignored(reason="a complaint that does not say whose it is")
    if not is_proven and (original is None or mine.message_id(original) is None):
        return Ignored(reason="a complaint from nobody known, about no message of ours")
    key = head.id or f"{original}:{kind}"
    reader = readers[0].party(verified=True)
    return ConsentReported(key=f"complaint:{key}", party=reader, at=at, granted=False, evidence=f"complaint: {kind}")


def _unstructured(found: list[Part], head: Head, at: datetime, mine: Mine) -> Event | None:
    """A bounce for people alone, as qmail and Exim write it: it quotes the header of what did not arrive."""
    author = next((address.value for address in head.addresses("from")), head.first("from"))
    is_daemons = head.first("return-path") == "<>" or _DAEMONS.match(author.rpartition("<")[2]) is not None
    if not is_daemons:
        return None
    text = "\n".join(part.text[:100_000] for part in found if part.is_text)
    below = _COPY_BELOW.search(text)
    if below is None and "x-failed-recipients" not in head:
        return None
    quoted = _QUOTED_ID.search(text, below.end() if below else 0)
    original = next(iter(ids(quoted.group(1))), None) if quoted else _original(found, head)
    if original is None:
        return Ignored(reason="a bounce that does not say of which message")
    code = _CODE.search(text[: below.start()] if below else text)
    if code is not None and code.group(0).startswith("4") and re.search(r"delay|temporar", text[:2000], re.IGNORECASE):
        return Ignored(reason="a delivery report that decides nothing: the message is still under way")
    detail = f"{code.group(0) if code else '5.0.0'}: undeliverable"
    return StatusReported(of=original, status="failed", at=at, detail=detail, callback=mine.message_id(original))


def _blocks(found: Iterable[Part]) -> list[Head]:
    """The groups of fields in the machine's part of a report, whether the parser took it for mails or for text."""
    blocks: list[Head] = []
    for part in found:
        payload = part.mime.get_payload()
        if isinstance(payload, list):
            blocks += [Head(inner) for inner in payload if isinstance(inner, Mime)]
            continue
        for block in re.split(rb"\r?\n\r?\n", part.body[:100_000])[:50]:
            blocks.append(Head(header(block.strip() + b"\n\n")))
    return [block for block in blocks if block]


def _originals(found: Iterable[Part]) -> list[Head]:
    """The headers of the mail that a report is about, as far as it hands them back."""
    heads: list[Head] = []
    for part in found:
        if part.type not in _ORIGINALS:
            continue
        payload = part.mime.get_payload()
        if isinstance(payload, list):
            heads += [Head(inner) for inner in payload[:1] if isinstance(inner, Mime)]
        else:
            heads.append(Head(header(part.body[:200_000].lstrip())))
    return heads


def _original(found: Iterable[Part], head: Head) -> str | None:
    """The Message-ID of the mail that a report is about; None when it says nothing of it."""
    named = next((inner.id for inner in _originals(found) if inner.id), None)
    return named or next(iter((*head.replies_to, *reversed(head.references))), None)
