"""Who calls the company's own channel: from which address, and from which pages."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

ALLOWED_HEADERS = "authorization, content-type"
ALLOWED_METHODS = "GET, POST"
PREFLIGHT_S = 3600
"""For so long a browser remembers that it may call."""


def address(scope: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """The address that calls are counted by.

    Behind a reverse proxy on this machine every call comes from loopback: then it is the last one of
    X-Forwarded-For, which that proxy has written itself. What a client writes there stands before it.
    IPv6 customers have a network of their own each, so its first 64 bits count.
    """
    client = scope.get("client")
    near = str(client[0]) if client else ""
    forwarded = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    found = _parsed(near)
    if forwarded and (found is None or found.is_loopback):
        found = _parsed(forwarded) or found
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return near if found is None else str(found)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def cross_origin(origin: str | None) -> dict[str, str]:
    """What lets a page of this origin read the answer; `None`: no page asks. The origin is one that may."""
    if origin is None:
        return {"vary": "origin"}
    return {"vary": "origin", "access-control-allow-origin": origin, "access-control-expose-headers": "retry-after"}


def preflight(origin: str) -> dict[str, str]:
    """What answers a browser that asks whether a page of this origin may call."""
    return {
        **cross_origin(origin),
        "access-control-allow-methods": ALLOWED_METHODS,
        "access-control-allow-headers": ALLOWED_HEADERS,
        "access-control-max-age": str(PREFLIGHT_S),
    }
