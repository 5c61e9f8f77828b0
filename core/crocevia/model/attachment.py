"""A file that came or goes with an interaction, by reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import asdict, field, frozen


@frozen(kw_only=True)
class Attachment:
    """One file by reference; Crocevia keeps no copy of its bytes.

    Attributes:
        kind: `"image"`, `"audio"`, `"voice"`, `"video"`, `"document"`, `"sticker"`, `"location"`, `"contact"`...
        key: The vendor's media id; None when there is only a URL.
        url: Where it may be fetched, often short-lived; None when only the vendor's API gives it.
        mime_type: As the vendor says; None when unsaid.
        name: File name, place name or contact name; None when unsaid.
        size_bytes: None when unsaid.
        sha256: Hex or base64 as the vendor gives it; None when unsaid.
        detail: A short text for things that are not files: `"45.07,7.68"` for a location.
    """

    kind: str
    key: str | None = None
    url: str | None = None
    mime_type: str | None = None
    name: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    detail: str | None = None

    def facts(self) -> dict[str, Any]:
        """What is said of it, by attribute; what is unsaid is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@frozen(kw_only=True)
class MediaSource:
    """Where the bytes of an attachment are to be had now.

    Attributes:
        url: Fetched by the core, which refuses private addresses and what is too large.
        headers: Sent to that host alone, never to where it redirects.
        content: The bytes, where the channel has them without a URL (a part of an e-mail); None: fetch `url`.
    """

    url: str = ""
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
