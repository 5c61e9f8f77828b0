"""Whether the sender's address is proven: what our own mail server found by DMARC, DKIM and SPF."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from attrs import frozen

from crocevia_email.address import Address, ascii_domain
from crocevia_email.head import Head

_RESULT = re.compile(r"\s*([a-z0-9-]{1,40})(?:\s*/\s*\d+)?\s*=\s*([a-z]{1,40})", re.ASCII | re.IGNORECASE)
_PROPERTY = re.compile(r'\b([a-z]{1,20}\.[a-z0-9_-]{1,40})\s*=\s*("[^"]*"|[^\s;]+)', re.ASCII | re.IGNORECASE)
_UNDECIDED = frozenset({"none", "bestguesspass"})  # the sender's domain publishes no policy: DKIM and SPF decide


@frozen
class Result:
    """One method's result: `dmarc`, `pass`, `{"header.from": "example.com"}`."""

    method: str
    value: str
    properties: Mapping[str, str]

    def domain(self, *names: str) -> str | None:
        """The domain that the first of these properties names; None when none does."""
        found = next((self.properties[name] for name in names if name in self.properties), None)
        return None if found is None else ascii_domain(found.rpartition("@")[2])


def is_proven(head: Head, author: Address, authserv_id: str | None) -> bool:
    """Whether our server vouches for the From address.

    Only the topmost `Authentication-Results` of our own server's name counts: what stands below may have come with
    the mail, and other names are other people's. A server must take away what comes in under its own name.
    Source: RFC 8601, 5 and 7.1; alignment: RFC 7489, 3.1, but a subdomain's signature proves nothing of its parent.
    """
    if not authserv_id or len(head.all("from")) != 1 or len(head.addresses("from")) != 1:
        return False
    claims = map(_read, head.all("authentication-results"))
    results = next((found for server, found in claims if server.lower() == authserv_id.lower()), None)
    if results is None:
        return False
    domain = author.domain
    policies = [result for result in results if result.method == "dmarc"]
    if any(result.value not in {"pass", *_UNDECIDED} for result in policies):
        return False
    if passed := [result for result in policies if result.value == "pass"]:
        return all(result.domain("header.from") in (None, domain) for result in passed)
    return any(_is_aligned(result, domain) for result in results if result.value == "pass")


def _is_aligned(result: Result, domain: str) -> bool:
    if result.method == "dkim":
        signer = result.domain("header.d", "header.i")
        return signer is not None and "." in signer and (domain == signer or domain.endswith(f".{signer}"))
    return result.method == "spf" and result.domain("smtp.mailfrom", "smtp.from") == domain


def _read(value: str) -> tuple[str, list[Result]]:
    """The server's name and its results; Source: RFC 8601, 2.2."""
    first, *others = _split(_without_comments(value))
    name = (first.split() or [""])[0].strip('"')
    return name, [result for other in others for result in _results(other)]


def _results(text: str) -> Iterator[Result]:
    found = _RESULT.match(text)
    if found is not None:
        properties: dict[str, str] = {}
        for name, value in _PROPERTY.findall(text[found.end() :]):
            properties.setdefault(name.lower(), value.strip('"'))
        yield Result(found.group(1).lower(), found.group(2).lower(), properties)


def _without_comments(value: str) -> str:
    """Without what stands in parentheses, which may be nested; a quoted text keeps its own."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for character in value:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
            continue
        elif character == '"' and not depth:
            quoted = not quoted
        elif character == "(" and not quoted:
            depth += 1
        if not depth:
            kept.append(character)
        elif character == ")" and not quoted:
            depth -= 1
            kept.append(" ")
    return "".join(kept)


def _split(value: str) -> list[str]:
    """At the semicolons outside quotes."""
    parts, quoted = [""], False
    for character in value:
        quoted ^= character == '"'
        if character == ";" and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts
