"""Addresses of mails: as headers show them, and which of them are ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from email.utils import getaddresses

from attrs import frozen

from crocevia import ContactPoint, Party
from crocevia_email.words import clean, decoded

_LONGEST = 320
"""64 for the local part, 255 for the domain (RFC 5321, 4.5.3.1), and the sign between."""
_MOST = 100
_BRACKETED = re.compile(r"<([^<>@\s]{1,64}@[^<>@\s]{1,255})>")


@frozen
class Address:
    """One address with the name shown beside it; `value` has its domain in lower case."""

    value: str
    name: str | None = None

    @property
    def domain(self) -> str:
        """What stands behind the @, in ASCII where it can be."""
        return ascii_domain(self.value.rpartition("@")[2])

    def point(self, *, verified: bool) -> ContactPoint:
        """As a contact point."""
        return ContactPoint("email", "", self.value, verified=verified)

    def party(self, *, verified: bool) -> Party:
        """As a party."""
        return Party((self.point(verified=verified),), name=self.name)


def addresses(values: Sequence[str]) -> list[Address]:
    """The addresses of one header, given once or several times; groups are opened, what is no address left out."""
    found: dict[str, Address] = {}
    for name, value in _pairs([value.replace("\r", " ").replace("\n", " ") for value in values]):
        local, at, domain = clean(value).strip().rpartition("@")
        if not at or not local or not domain or len(value) > _LONGEST or any(c.isspace() for c in local + domain):
            continue
        address = f"{local}@{domain.lower().rstrip('.')}"
        shown = " ".join(decoded(name).split()).strip("'\"") or None
        found.setdefault(address.lower(), Address(address, None if shown == address else shown))
        if len(found) >= _MOST:
            break
    return list(found.values())


def _pairs(values: list[str]) -> list[tuple[str, str]]:
    try:
        return getaddresses(values)
    except (RecursionError, IndexError):  # comments within comments without end
        return [("", found) for value in values for found in _BRACKETED.findall(value)]


def ascii_domain(domain: str) -> str:
    """Lower case and punycode, so that two spellings of one domain are equal; as it is where that fails."""
    domain = domain.lower().rstrip(".")
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return domain


class Ours:
    """Our own addresses and domains.

    Args:
        entries: `"info@shop.example"`, or `"@shop.example"` for every address there.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        parts = [entry.rpartition("@") for entry in entries]
        self._addresses = {(local.lower(), ascii_domain(domain)) for local, _, domain in parts if local}
        self._domains = {ascii_domain(domain) for local, _, domain in parts if not local}

    def __contains__(self, address: Address) -> bool:
        local = address.value.rpartition("@")[0].lower()
        names = (local, local.partition("+")[0])  # info+shop@ comes to info@ where the server has subaddresses
        return address.domain in self._domains or any((name, address.domain) in self._addresses for name in names)

    def is_list(self, list_id: str) -> bool:
        """Whether a List-Id (`support.shop.example`) is a group of our own (`support@shop.example`)."""
        wanted = list_id.lower()
        return any(wanted == f"{local}.{domain}" for local, domain in self._addresses) or any(
            wanted.endswith(f".{domain}") for domain in self._domains
        )
