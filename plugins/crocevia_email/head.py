"""The header of a mail, read forgivingly: real ones break every rule of RFC 5322."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.message import Message as Mime
from email.utils import parsedate_to_datetime
from functools import cached_property
from hashlib import blake2b

from crocevia_email.address import Address, addresses
from crocevia_email.words import decoded, unescaped

_ID = re.compile(r"<([^<>]{1,1000})>")
_EARLIEST = datetime(1991, 1, 1, tzinfo=UTC)
_MOST_OF_A_NAME = 100
_MOST_IDS = 200
_LONGEST_ID = 500
_LONGEST_SUBJECT = 2000


class Head:
    """Fields by name, in the order in which they stand."""

    def __init__(self, message: Mime) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in message.raw_items():
            found = self._fields.setdefault(name.strip().lower(), [])
            if len(found) < _MOST_OF_A_NAME:
                found.append(unescaped(str(value)))

    def __bool__(self) -> bool:
        return bool(self._fields)

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def all(self, name: str) -> list[str]:
        """Every field of that name, the topmost first; the name in lower case."""
        return self._fields.get(name, [])

    def first(self, name: str) -> str:
        """The topmost field of that name; `""` when there is none."""
        return next(iter(self.all(name)), "").strip()

    def word(self, name: str) -> str:
        """The first word of a field, in lower case: `auto-replied` of `auto-replied; x=y`."""
        found = re.match(r"[^\s;,(]*", self.first(name))
        return found.group(0).lower() if found else ""

    def addresses(self, *names: str) -> list[Address]:
        """The addresses in these fields."""
        return addresses([value for name in names for value in self.all(name)])

    @cached_property
    def subject(self) -> str | None:
        """None when there is none."""
        return " ".join(decoded(self.first("subject")).split())[:_LONGEST_SUBJECT] or None

    @cached_property
    def id(self) -> str | None:
        """The Message-ID without its brackets; None when it has none that is any use."""
        field = self.first("message-id")
        bare = [field] if "@" in field and not re.search(r"[\s<>]", field) else []
        return next(iter(ids(field) or [_short(one) for one in bare]), None)

    @cached_property
    def references(self) -> list[str]:
        """Ids of the mails before it in its thread, the oldest first."""
        found = [*(one for value in self.all("references") for one in ids(value)), *self.replies_to]
        return list(dict.fromkeys(found))

    @cached_property
    def replies_to(self) -> list[str]:
        """Ids that In-Reply-To names; some programs write other things there."""
        return [one for value in self.all("in-reply-to") for one in ids(value)]

    def at(self, received_at: datetime) -> datetime:
        """When it was written by its Date; else, or when that cannot be, when the last server had it."""
        latest = received_at + timedelta(days=1)
        received = [value.rpartition(";")[2] for value in self.all("received")[:1]]
        for value in (self.first("date"), *received):
            found = moment(value)
            if found is not None and _EARLIEST <= found <= latest:
                return found
        return received_at


def ids(value: str) -> list[str]:
    """Message-IDs in a field, without their brackets; what has none is an address, or a person's words."""
    found = ["".join(one.split()) for one in _ID.findall(value)[:_MOST_IDS]]
    return [_short(one) for one in found if one]


def _short(one: str) -> str:
    """An id of a bearable length, and of characters that a store takes."""
    printable = "".join(character for character in decoded(one) if character.isprintable())
    if len(printable) <= _LONGEST_ID and printable:
        return printable
    return f"{printable[:100]}~{blake2b(one.encode('utf-8', 'replace'), digest_size=16).hexdigest()}"


def moment(value: str) -> datetime | None:
    """A date of RFC 5322 in UTC, without a zone taken as UTC; None when it is none."""
    try:
        found = parsedate_to_datetime(" ".join(value.split())[:200])
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
